"""From probabilities to decisions, by the rules that `feinschliff.json` keeps under `decision`.

NumPy is all it needs, so that every runtime that computes logits decides alike. The rules, each of which may
be absent:

- `thresholds`: multilabel, per label the probability from which on it is given.
- `weights`: classification, per label a factor on its probability before the most probable one is taken.
- `costs`: classification, [L, L], what it costs to answer the column's label when the row's is true; the
  answer with the least expected cost is taken. `unsure_cost`: what no answer costs; dearer answers are
  withheld.
- `least`: per label the probability below which it is not answered: classification then withholds its
  answer, and gives no other label instead; entities below it are dropped.
- `spans`: entities, {"slope", "intercept"}: the probability that an entity is right, from its score.
- `possible`: {"coverage", "threshold"}: the labels, or the interval of a number, that hold the truth with the
  probability `coverage`.

What else stands there (`calibration`, `goals`) tells where the rules come from and decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from feinschliff.evaluate.predictions import Predictions
from feinschliff.evaluate.selective import possible_labels

Rules = Mapping[str, Any]


def decide(predictions: Predictions, rules: Rules | None) -> Predictions:
    """Return the predictions with their decisions made by the rules.

    Args:
        predictions: With probabilities, or spans with scores, or numbers; decided without rules.
        rules: See above; None or empty leaves the decisions as they are.
    """
    if not rules:
        return predictions
    by_task = {
        "classification": _classification,
        "multilabel": _multilabel,
        "ner": _entities,
        "regression": _number,
    }
    return by_task[predictions.kind](predictions, rules)


def _classification(predictions: Predictions, rules: Rules) -> Predictions:
    scores = predictions.scores
    assert scores is not None
    value = scores.astype(np.float64)
    if "weights" in rules:
        value = value * np.asarray(rules["weights"], np.float64)
    if "costs" in rules:
        value = -(value @ np.asarray(rules["costs"], np.float64))
    decided = value.argmax(1)
    every = np.arange(len(decided))
    answered = np.ones(len(decided), dtype=bool)
    if rules.get("unsure_cost") is not None:
        answered &= value[every, decided] >= -rules["unsure_cost"]
    if "least" in rules:
        answered &= scores[every, decided] >= np.asarray(rules["least"], np.float32)[decided]
    withholds = "least" in rules or rules.get("unsure_cost") is not None
    possible = None
    if "possible" in rules:
        possible = possible_labels(scores, rules["possible"]["threshold"])
    return replace(predictions, decided=decided, answered=answered if withholds else None, possible=possible)


def _multilabel(predictions: Predictions, rules: Rules) -> Predictions:
    assert predictions.scores is not None
    limits = np.asarray(rules.get("thresholds", 0.5), np.float32)
    return replace(predictions, decided=predictions.scores >= limits)


def _entities(predictions: Predictions, rules: Rules) -> Predictions:
    decided = predictions.decided
    if "spans" in rules:
        decided = [[{**s, "score": span_chance(s["score"], rules["spans"])} for s in row] for row in decided]
    if "least" in rules:
        least = dict(zip(predictions.labels, rules["least"], strict=True))
        decided = [[s for s in row if s["score"] >= least[s["label"]]] for row in decided]
    return replace(predictions, decided=decided)


def span_chance(score: float, spans: Mapping[str, float]) -> float:
    """Return the probability that an entity of this score is right; it rises with the score."""
    clipped = min(max(score, 1e-6), 1 - 1e-6)
    logit = spans["slope"] * np.log(clipped / (1 - clipped)) + spans["intercept"]
    return round(float(1 / (1 + np.exp(-logit))), 6)


def _number(predictions: Predictions, rules: Rules) -> Predictions:
    if "possible" not in rules:
        return predictions
    width = rules["possible"]["threshold"]
    return replace(
        predictions, possible=np.stack([predictions.decided - width, predictions.decided + width], 1)
    )
