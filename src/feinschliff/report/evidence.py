"""Gather what goes beyond one training and one split into the parts of `result.json`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from feinschliff.config import RunConfig
from feinschliff.data import Dataset
from feinschliff.evaluate import metrics, repeated, statistics

if TYPE_CHECKING:
    from feinschliff.train.seeds import Trial


def seed_facts(trials: Sequence[Trial], dataset: Dataset, config: RunConfig) -> dict[str, Any] | None:
    """Return the `seeds` part; None where there was one training only."""
    scored = [trial for trial in trials if trial.test is not None]
    if len(scored) < 2:
        return None
    stats = [statistics(dataset.task, dataset.test.targets, trial.test) for trial in scored]  # type: ignore[arg-type]
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
