"""The scores of a model that may withhold answers: how many it gives, and how good those are."""

from __future__ import annotations

from typing import Any

import numpy as np

from feinschliff.data.dataset import Records
from feinschliff.evaluate.bootstrap import intervals
from feinschliff.evaluate.interval import wilson
from feinschliff.evaluate.predictions import Predictions
from feinschliff.evaluate.statistics import statistics


def answered_part(
    records: Records, predictions: Predictions, samples: int, confidence: float, seed: int
) -> dict[str, Any] | None:
    """Measure the answers that are given; all other scores count what would have been answered as well.

    Returns:
        `answered`, the share of texts with an answer, and `metrics` of those texts, each with its interval;
        no metrics where nothing is answered. None for a model that always answers.
    """
    given = predictions.answered
    if given is None:
        return None
    rows = np.flatnonzero(given).tolist()
    found = {}
    if len(rows):
        part = records.take(rows)
        stats = statistics(predictions.kind, part.targets, predictions.take(rows), part.groups)
        found = intervals(stats, samples, confidence, seed)
    return {
        "answered": wilson(len(rows), len(given), confidence).as_dict(),
        "metrics": {name: value.as_dict() for name, value in found.items()},
    }
