"""Gather what goes beyond one training and one split into the parts of `result.json`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from feinschliff.config import RunConfig
from feinschliff.data import Dataset, Records
from feinschliff.evaluate import PRIMARY, Interval, Predictions, intervals, metrics, repeated, statistics
from feinschliff.evaluate.learning import doubling, fit_curve, labels_needed
from feinschliff.evaluate.statistics import LOWER_IS_BETTER
from feinschliff.report.collect import Contender
from feinschliff.report.schema import FINE_TUNED

if TYPE_CHECKING:
    from feinschliff.train.curve import Point
    from feinschliff.train.seeds import Trial


def scratch_contender(points: Sequence[Point]) -> Contender:
    """Return the system trained from random weights on the whole training data."""
    point = max((p for p in points if p.system == "scratch"), key=lambda p: p.labels)
    return Contender(
        "scratch", "Same architecture, from scratch", point.predictions, point.seconds, energy_kwh=point.kwh
    )


def curve_facts(
    points: Sequence[Point], result: Mapping[str, Any], dataset: Dataset, config: RunConfig
) -> list[dict[str, Any]] | None:
    """Return the `learning_curve` part, the run's own model as the last point of its line.

    Seconds are those of one training; where the run has several, with different seeds, their mean.
    """
    if not points:
        return None
    primary, settings, found = PRIMARY[dataset.kind], config.evaluate, []
    for point in points:
        stats = statistics(dataset.kind, dataset.test.targets, point.predictions, dataset.test.groups)
        scores = intervals(stats, settings.bootstrap_samples, settings.confidence, config.seed)
        found.append(_point(point.system, point.labels, scores[primary].as_dict(), point.seconds))
    own = result["metrics"]["test"][primary]
    seconds = result["cost"]["train_seconds"] / config.train.seeds
    return [*found, _point(FINE_TUNED, len(dataset.train), own, seconds)]


def fold_facts(
    folded: tuple[Records, Predictions, np.ndarray] | None, config: RunConfig
) -> dict[str, Any] | None:
    """Return the `cross_validation` part: scores of all predictions together, and of each fold alone."""
    if folded is None:
        return None
    records, predictions, fold = folded
    settings, targets = config.evaluate, records.targets
    found = intervals(
        statistics(predictions.kind, targets, predictions, records.groups),
        settings.bootstrap_samples,
        settings.confidence,
        config.seed,
    )
    alone = []
    for number in np.unique(fold):
        rows = np.flatnonzero(fold == number)
        alone.append(
            metrics(statistics(predictions.kind, [targets[i] for i in rows], predictions.take(rows)))
        )
    return {
        "folds": len(alone),
        "texts": len(records),
        "metrics": {name: value.as_dict() for name, value in found.items()},
        "alone": alone,
    }


def learning_facts(result: Mapping[str, Any], confidence: float, seed: int) -> dict[str, Any] | None:
    """Return the `learning_fit` part: what fits to the learning curves say; None with too few points,
    or where the curve has another form.

    Returns:
        `doubling`: what twice the labels would add to the score, with its interval; `needed`: labels with
        which training from scratch would reach the tuned model's score, see `learning.labels_needed`.
    """
    primary = result["primary_metric"]
    if primary in LOWER_IS_BETTER:
        return None
    curves = {}
    for system in (FINE_TUNED, "scratch"):
        own = [p for p in result.get("learning_curve") or () if p["system"] == system]
        own = [p for p in own if p["score"].get("value") is not None]
        scores = [Interval(p["score"]["value"], p["score"]["low"], p["score"]["high"]) for p in own]
        curves[system] = fit_curve([p["labels"] for p in own], scores, confidence, seed=seed)
    tuned, scratch = curves[FINE_TUNED], curves["scratch"]
    if tuned is None:
        return None
    risen = scratch is not None and _has_risen(
        [p for p in result["learning_curve"] if p["system"] == "scratch"]
    )
    return {
        "doubling": doubling(tuned, confidence).as_dict(),
        "needed": labels_needed(scratch, tuned, confidence) if scratch and risen else None,
        "most": round(tuned.most),
    }


def _has_risen(points: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether a curve clearly ends above its beginning; one that has not begun to rise tells nothing."""
    ordered = sorted(points, key=lambda p: p["labels"])
    return bool(ordered[-1]["score"]["low"] > ordered[0]["score"]["value"])


def _point(system: str, labels: int, score: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    return {"system": system, "labels": labels, "score": dict(score), "seconds": seconds}


def seed_facts(trials: Sequence[Trial], dataset: Dataset, config: RunConfig) -> dict[str, Any] | None:
    """Return the `seeds` part; None where there was one training only."""
    scored = [trial for trial in trials if trial.test is not None]
    if len(scored) < 2:
        return None
    test = dataset.test
    stats = [statistics(dataset.kind, test.targets, trial.test, test.groups) for trial in scored]  # type: ignore[arg-type]
    settings = config.evaluate
    found = repeated(stats, settings.bootstrap_samples, settings.confidence, config.seed)
    return {
        "trials": [
            {
                "seed": trial.seed,
                "dev": trial.dev,
                "test": metrics(each),
                "seconds": trial.fitted.progress.seconds,
                "best_step": trial.fitted.progress.best_step,
                "kept": trial.kept,
            }
            for trial, each in zip(scored, stats, strict=True)
        ],
        "metrics": {name: dataclasses.asdict(value) for name, value in found.items()},
    }
