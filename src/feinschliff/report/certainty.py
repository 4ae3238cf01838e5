"""Gather what a run measured about knowing when it does not know: calibration, goals, answers withheld."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from feinschliff.config import EvaluateConfig
from feinschliff.data import Records
from feinschliff.evaluate import Predictions, calibration, coverage_curve
from feinschliff.evaluate.answered import answered_part
from feinschliff.evaluate.calibrate import judged
from feinschliff.evaluate.goals import check
from feinschliff.evaluate.interval import wilson
from feinschliff.evaluate.novelty import UNUSUAL
from feinschliff.evaluate.selective import area_under_risk, set_sizes


def calibration_facts(
    records: Records, before: Predictions, after: Predictions, rules: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return the `calibration` part: confidence on test without and with the scaling fitted on dev.

    Args:
        before: As the model would have predicted without the scaling.
        after: As it predicts.
    """
    targets = records.targets
    found = [calibration(targets, predictions) for predictions in (before, after)]
    if found[0] is None or found[1] is None:
        return None
    facts = {k: v for k, v in rules.get("calibration", {}).items() if k in ("method", "temperature")}
    facts |= {"before": found[0].as_dict(), "after": found[1].as_dict()}
    return facts | ({"spans": rules["spans"]} if "spans" in rules else {})


def decision_facts(
    records: Records, predictions: Predictions, rules: Mapping[str, Any], settings: EvaluateConfig, seed: int
) -> dict[str, Any]:
    """Return the `decisions` part: what answering only when sure would give, and whether the rules hold on
    test.

    Keys, each where it applies: `thresholds` (by label, from which probability on it is given), `curve` and
    `area_under_risk` (see `coverage_curve`), `goals` (see `goals.check`), `answered` (share of the texts),
    `accuracy` and `metrics` (of the answers), `possible` (share of sets that hold the truth, promised and
    measured, and how many sets have 1, 2, ... labels), `unusual` (share of texts unlike those of train, and
    accuracy there). An accuracy of no answers at all has no value.
    """
    targets, level = records.targets, settings.confidence
    facts: dict[str, Any] = {}
    if "thresholds" in rules:
        facts["thresholds"] = dict(zip(predictions.labels, rules["thresholds"], strict=True))
    if predictions.kind in ("classification", "ner"):
        confidence, right = judged(targets, predictions)
        if len(right):
            facts["curve"] = coverage_curve(confidence, right, level=level)
            facts["area_under_risk"] = area_under_risk(confidence, right)
        if predictions.answered is not None:
            given = predictions.answered
            facts |= answered_part(records, predictions, settings.bootstrap_samples, level, seed) or {}
            facts["accuracy"] = _share_right(right[given], level)
    if predictions.novelty is not None and predictions.kind == "classification":
        facts["unusual"] = _unusual(targets, predictions, level)
    if goals := check(rules, predictions, targets, level):
        facts["goals"] = goals
    if predictions.possible is not None:
        facts["possible"] = {"coverage": rules["possible"]["coverage"], **_held(targets, predictions, level)}
    return facts


def _unusual(targets: list[Any], predictions: Predictions, level: float) -> dict[str, Any]:
    """Return how many texts of test are unlike the training texts, and how many answers to them are right."""
    assert predictions.novelty is not None
    strange = predictions.novelty > UNUSUAL
    _, right = judged(targets, predictions)
    return {
        "share": wilson(strange.sum(), len(strange), level).as_dict(),
        "accuracy": _share_right(right[strange], level),
    }


def _share_right(right: np.ndarray, level: float) -> dict[str, float | None]:
    """Return the share of right answers with its interval; of no answers, the value is None."""
    share = wilson(right.sum(), len(right), level)
    return {"value": share.value if len(right) else None, "low": share.low, "high": share.high}


def _held(targets: list[Any], predictions: Predictions, level: float) -> dict[str, Any]:
    possible = predictions.possible
    assert possible is not None
    if predictions.kind == "regression":
        true = np.asarray(targets, np.float64)
        held = (possible[:, 0] <= true) & (true <= possible[:, 1])
        return {"measured": wilson(held.sum(), len(held), level).as_dict()}
    number = {label: i for i, label in enumerate(predictions.labels)}
    held = np.array([t in number and possible[i, number[t]] for i, t in enumerate(targets)])
    return {
        "measured": wilson(held.sum(), len(held), level).as_dict(),
        "sizes": list(set_sizes(possible)),
    }
