"""Losses of documents before and after, with intervals over the documents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from feinschliff.config import EvaluateConfig
from feinschliff.evaluate import Interval
from feinschliff.evaluate.bootstrap import resamples


@dataclass(frozen=True)
class Losses:
    """Losses of N documents.

    Attributes:
        sums: float64 [N], sum of the losses of a document's predictions.
        counts: float64 [N], number of its predictions.
    """

    sums: np.ndarray
    counts: np.ndarray

    @property
    def mean(self) -> float:
        """Mean loss of a prediction, in nats."""
        return float(self.sums.sum() / self.counts.sum())


def change(
    before: Losses, after: Losses, settings: EvaluateConfig, seed: int, perplexity: bool = True
) -> dict[str, Any]:
    """Return both losses, their perplexities, and the difference, each with its interval.

    Documents are resampled, the same ones for both models, so that the interval of the difference is that of
    paired measurements.
    """
    drawn = [
        [(w @ each.sums) / (w @ each.counts) for each in (before, after)]
        for w in resamples(len(before.sums), settings.bootstrap_samples, seed)
    ]
    old, new = (np.concatenate([chunk[i] for chunk in drawn]) for i in (0, 1))
    found = {
        "documents": len(before.sums),
        "predictions": int(before.counts.sum()),
        "before": _interval(before.mean, old, settings.confidence),
        "after": _interval(after.mean, new, settings.confidence),
        "difference": _interval(after.mean - before.mean, new - old, settings.confidence),
    }
    if not perplexity:
        return found
    return found | {
        "perplexity_before": _interval(np.exp(before.mean), np.exp(old), settings.confidence),
        "perplexity_after": _interval(np.exp(after.mean), np.exp(new), settings.confidence),
    }


def _interval(value: float, drawn: np.ndarray, confidence: float) -> dict[str, float]:
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(value), float(min(low, value)), float(max(high, value))).as_dict()
