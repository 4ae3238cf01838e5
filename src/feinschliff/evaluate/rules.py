"""Goals, costs and a coverage, fitted on dev into the rules of `decide`.

A threshold is chosen so that the goal is reached on data like dev with a given certainty, not only on dev
itself: dev must hold enough examples to show it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from feinschliff.config import DecideConfig
from feinschliff.evaluate._labels import indices, label_names
from feinschliff.evaluate.calibrate import judged
from feinschliff.evaluate.decide import decide
from feinschliff.evaluate.goals import Goal, check, costs, goal, truth
from feinschliff.evaluate.predictions import Predictions
from feinschliff.evaluate.scaling import fit_span_scale
from feinschliff.evaluate.selective import answer_threshold, bounding_place, conformal_threshold

NEVER = 2.0
"""A least probability that nothing has: the label is not answered."""
ROUNDING = 1e-9
"""By which a bound may differ between two ways to compute it."""


def fit_rules(
    predictions: Predictions,
    targets: Sequence[Any],
    settings: DecideConfig,
    unseen: float = 0.0,
    thresholds: Sequence[float] | None = None,
) -> dict[str, Any]:
    """Return the rules that reach what the settings ask for, fitted on dev.

    Args:
        predictions: Of dev, calibrated; spans with the scores they have before any rule.
        targets: Of dev.
        settings: Goals, costs, coverage.
        unseen: Share of the data, 0 to 1, that has labels which dev holds no text of.
        thresholds: Of several labels, those that stand where no goal asks for others; 0.5 if not given.

    Returns:
        Rules for `decide`; under `goals` one entry for each goal and label: {"text", "measure", "label",
        "bound", "reached"}, `reached` telling whether dev shows that it is reached.

    Raises:
        ConfigError: a goal or cost that these labels do not have.
    """
    kind, labels = predictions.kind, predictions.labels
    goals = [goal(text, kind, labels) for text in settings.goal]
    rules: dict[str, Any] = {} if thresholds is None else {"thresholds": list(thresholds)}
    if kind == "ner" and settings.calibration != "none":
        confidence, right = judged(targets, predictions)
        if (spans := fit_span_scale(confidence, right)) is not None:
            rules["spans"] = spans
    if settings.costs is not None:
        rules |= costs(settings, kind, labels)
    for wish in goals:
        _reach(wish, decide(predictions, rules), targets, rules, settings.goal_level)
    if len(goals) > 1 or (goals and settings.costs is not None):
        _recheck(rules, decide(predictions, rules), targets, settings.goal_level)
    if settings.coverage is not None:
        if possible := _possible(predictions, targets, settings, unseen):
            rules["possible"] = possible
        else:
            entry = {"text": f"coverage>={settings.coverage:g}", "measure": "coverage", "label": None}
            rules.setdefault("goals", []).append({**entry, "bound": settings.coverage, "reached": False})
    return rules


def _reach(
    wish: Goal, predictions: Predictions, targets: Sequence[Any], rules: dict[str, Any], level: float
) -> None:
    """Add to the rules what reaches the goal; limits that stand there already may rise, not fall."""
    labels, kind = predictions.labels, predictions.kind
    entries = rules.setdefault("goals", [])
    facts = {"text": wish.text, "measure": wish.measure, "bound": wish.bound}
    if wish.measure == "f1":
        if kind == "classification":
            rules |= _best_weights(predictions, targets)
        entries.append({**facts, "label": None, "reached": True})
        return
    if wish.measure == "accuracy":
        confidence, right = judged(targets, predictions)
        given = _answered(predictions)
        limit = _surest(confidence[given], right[given], wish.bound, level)
        before = rules.get("least", [0.0] * len(labels))
        rules["least"] = [max(old, NEVER if limit is None else limit) for old in before]
        entries.append({**facts, "label": None, "reached": limit is not None})
        return
    for number, label in enumerate(labels):
        if wish.label not in (None, label):
            continue
        if wish.measure == "precision":
            limit = _precise(number, predictions, targets, wish.bound, level)
            name = "thresholds" if kind == "multilabel" else "least"
        else:
            limit = _found(number, predictions, targets, wish.bound, level)
            name = "thresholds" if kind == "multilabel" else "weights"
        start = {"thresholds": 0.5, "least": 0.0, "weights": 1.0}[name]
        values = rules.setdefault(name, [start] * len(labels))
        if wish.measure == "precision":
            rises = any(e["measure"] == "precision" and e["label"] == label for e in entries)
            least = values[number] if rises or name == "least" else 0.0
            values[number] = max(least, NEVER if limit is None else limit)
        elif limit is not None:
            values[number] = limit
        entries.append({**facts, "label": label, "reached": limit is not None})


def _recheck(rules: dict[str, Any], predictions: Predictions, targets: Sequence[Any], level: float) -> None:
    """Take back that a goal is shown to be reached where another one's rule, or costs, have undone it."""
    from scipy.special import betaincinv

    measured = iter(check(rules, predictions, targets, level))
    for entry in rules["goals"]:
        if entry["measure"] == "f1":
            continue
        found = next(measured)
        hits = round((found["value"] or 0.0) * found["count"])
        low = float(betaincinv(hits, found["count"] - hits + 1, 1 - level)) if hits else 0.0
        if entry["reached"] and low < entry["bound"] - ROUNDING:
            entry |= {"reached": False, "undone": True}


def _precise(
    number: int, predictions: Predictions, targets: Sequence[Any], bound: float, level: float
) -> float | None:
    """Return the least probability from which on answers of a label are right often enough."""
    if predictions.kind == "ner":
        of_label = [
            [s for s in row if s["label"] == predictions.labels[number]] for row in predictions.decided
        ]
        confidence, right = judged(targets, Predictions("ner", predictions.labels, of_label))
    else:
        assert predictions.scores is not None
        confidence = predictions.scores[:, number].astype(np.float64)
        true = truth(predictions, targets)[:, number]
        if predictions.kind == "classification":
            rows = np.flatnonzero((predictions.decided == number) & _answered(predictions))
        else:  # far below, where the label is rare, there is nothing to gain
            rows = np.argsort(-confidence, kind="stable")[: 4 * int(true.sum()) + 20]
            if len(rows) < len(true):
                found = answer_threshold(confidence[rows], true[rows], bound, level)
                return None if found is None else found[0]
        confidence, right = confidence[rows], true[rows]
    return _surest(confidence, right, bound, level)


def _surest(confidence: np.ndarray, right: np.ndarray, bound: float, level: float) -> float | None:
    """Return the least confidence that reaches the bound; 0 where all that dev holds reaches it."""
    found = answer_threshold(confidence, right, bound, level)
    if found is None:
        return None
    threshold, share = found
    return 0.0 if share.value == 1 else threshold


def _answered(predictions: Predictions) -> np.ndarray:
    """Return bool [N], which answers are given so far."""
    return np.ones(len(predictions), bool) if predictions.answered is None else predictions.answered


def _found(
    number: int, predictions: Predictions, targets: Sequence[Any], bound: float, level: float
) -> float | None:
    """Return the threshold (multilabel) or weight (classification) with which a label is found often enough.

    The k-th best of n true examples bounds a share of all that follows the beta distribution (k, n - k + 1).
    """
    from scipy.stats import beta

    assert predictions.scores is not None
    scores = predictions.scores.astype(np.float64)
    own = scores[:, number]
    if predictions.kind == "classification":
        rest = np.delete(scores, number, 1).max(1, initial=0.0)
        own = own / np.maximum(rest, 1e-12)
    own = -np.sort(-own[truth(predictions, targets)[:, number]])
    places = np.arange(1, len(own) + 1)
    enough = np.flatnonzero(beta.sf(bound, places, len(own) - places + 1) >= level)
    if not len(enough):
        return None
    limit = float(own[enough[0]])
    return limit if predictions.kind == "multilabel" else max(1.0, 1.000001 / max(limit, 1e-12))


def _best_weights(predictions: Predictions, targets: Sequence[Any], num_folds: int = 5) -> dict[str, Any]:
    """Return weights with the best macro-F1; none where cross-fitting on dev does not show that they help."""
    scores, width = predictions.scores, len(predictions.labels)
    assert scores is not None
    true = truth(predictions, targets)
    fold = np.random.default_rng(0).permutation(len(true)) % num_folds
    held = np.empty(len(true), dtype=np.int64)
    for number in range(num_folds):
        inside, outside = fold != number, fold == number
        held[outside] = (scores[outside] * _ascend(scores[inside], true[inside])).argmax(1)
    if _macro_f1(held, true) <= _macro_f1(scores.argmax(1), true):
        return {}
    return {"weights": [round(float(w), 6) for w in _ascend(scores, true)]} if width else {}


def _ascend(scores: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return weights found by trying factors for one label after the other, nearest to 1 first."""
    weights, factors = (
        np.ones(scores.shape[1]),
        np.exp([0, *(s * x for x in np.arange(1, 9) / 4 for s in (1, -1))]),
    )
    best = _macro_f1(scores.argmax(1), true)
    for label in np.argsort(true.sum(0), kind="stable")[:50]:
        for factor in factors[1:]:
            tried = weights.copy()
            tried[label] = factor
            if (now := _macro_f1((scores * tried).argmax(1), true)) > best + 1e-9:
                best, weights = now, tried
    return weights


def _macro_f1(decided: np.ndarray, true: np.ndarray) -> float:
    given = decided[:, None] == np.arange(true.shape[1])
    return float((2 * (given & true).sum(0) / np.maximum(given.sum(0) + true.sum(0), 1)).mean())


def _possible(
    predictions: Predictions, targets: Sequence[Any], settings: DecideConfig, unseen: float
) -> dict[str, Any] | None:
    """Return the rule for what is possible with the promised probability; None where dev cannot promise it.

    Truths of labels that dev has no text of are counted as missed, for nothing is known about them.
    """
    coverage, limit = settings.coverage, None
    assert coverage is not None
    if predictions.kind == "regression":
        error = np.sort(np.abs(np.asarray(targets, np.float64) - predictions.decided))
        if place := bounding_place(len(error), coverage, settings.goal_level):
            limit = float(error[place - 1])
    elif unseen < 1 - coverage:
        assert predictions.scores is not None
        true = indices(targets, label_names(targets, predictions))
        limit = conformal_threshold(
            predictions.scores.astype(np.float64),
            np.where(true < len(predictions.labels), true, -1),
            coverage / (1 - unseen),
            settings.goal_level,
        )
    return None if limit is None else {"coverage": coverage, "threshold": limit}
