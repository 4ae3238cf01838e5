"""Whether 90 % sure means right nine times in ten; `scaling.py` mends it where it does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from feinschliff.evaluate._labels import indicator, label_names
from feinschliff.evaluate._spans import entities
from feinschliff.evaluate.interval import wilson
from feinschliff.evaluate.predictions import Predictions


@dataclass(frozen=True)
class Calibration:
    """How well stated confidence agrees with being right.

    Attributes:
        ece: Expected calibration error, corrected for the bias of small bins.
        ece_plain: The same uncorrected, as others report it; too large, the more so the fewer the examples.
        brier: Mean squared distance of probabilities from the truth; None without probabilities of labels.
        bins: Per bin {"confidence", "accuracy", "low", "high", "count"}, from unsure to sure, equally many
            examples in each; low and high are Wilson's interval of the accuracy.
    """

    ece: float
    ece_plain: float
    brier: float | None
    bins: list[dict[str, float]]

    def as_dict(self) -> dict[str, Any]:
        """Return it as `result.json` holds it."""
        return dict(self.__dict__)


def calibration(targets: Sequence[Any], predictions: Predictions, num_bins: int = 15) -> Calibration | None:
    """Measure calibration; None for regression and where nothing was predicted.

    What is judged: the probability of the predicted class (classification), each label's probability
    (multilabel), the score of each predicted entity (ner).
    """
    confidence, right = judged(targets, predictions)
    if not len(confidence):
        return None
    bins = reliability(confidence, right, num_bins)
    brier = None
    if predictions.scores is not None:
        from feinschliff.evaluate.bootstrap import metrics
        from feinschliff.evaluate.statistics import statistics

        brier = metrics(statistics(predictions.kind, targets, predictions))["brier"]
    return Calibration(calibration_error(bins), calibration_error(bins, corrected=False), brier, bins)


def judged(targets: Sequence[Any], predictions: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """Return the stated probabilities float64 [M], and whether each came true, bool [M]."""
    if predictions.kind == "ner":
        pairs = [
            (span["score"], (span["start"], span["end"], span["label"]) in true)
            for true, spans in zip(map(entities, targets), predictions.decided, strict=True)
            for span in spans
        ]
        return np.array([p for p, _ in pairs], dtype=np.float64), np.array([r for _, r in pairs], dtype=bool)
    if predictions.scores is None:
        return np.zeros(0), np.zeros(0, dtype=bool)
    scores = predictions.scores.astype(np.float64)
    if predictions.kind == "multilabel":
        true = indicator(targets, label_names(targets, predictions))[:, : len(predictions.labels)]
        return scores.ravel(), true.ravel()
    names = predictions.names
    right = np.array([t == n for t, n in zip(targets, names, strict=True)], dtype=bool)
    return scores[np.arange(len(scores)), predictions.decided], right


def reliability(confidence: np.ndarray, right: np.ndarray, num_bins: int = 15) -> list[dict[str, float]]:
    """Return bins with equally many examples, from unsure to sure; equal confidences share a bin.

    Source: A. Niculescu-Mizil, R. Caruana, "Predicting Good Probabilities with Supervised Learning", ICML
    2005, for the diagram; M. Roelofs et al., AISTATS 2022, for bins of equal mass.
    """

    order = np.argsort(confidence, kind="stable")
    values = confidence[order]
    wanted = np.linspace(0, len(values), min(num_bins, len(values)) + 1).round().astype(int)[1:-1]
    cuts = np.unique(np.searchsorted(values, values[wanted], side="left"))
    bins = []
    for rows in np.split(order, cuts[cuts > 0]):
        share = wilson(right[rows].sum(), len(rows))
        bins.append(
            {
                "confidence": float(confidence[rows].mean()),
                "accuracy": share.value,
                "low": share.low,
                "high": share.high,
                "count": len(rows),
            }
        )
    return bins


def calibration_error(bins: Sequence[dict[str, float]], corrected: bool = True) -> float:
    """Return the mean distance of confidence and accuracy over bins, weighted by their examples.

    Within a bin the accuracy scatters by chance, which makes the distance larger than it is. The correction
    takes off what chance adds on average to a distance like the one seen, taking the scatter as normal. Where
    confidence is exactly right, two fifths of what chance adds are taken off; where it is clearly wrong, all.

    Source: A. Kumar, P. Liang, T. Ma, "Verified Uncertainty Calibration", NeurIPS 2019, section 5, for the
    bias; the mean of a folded normal distribution for its size.
    """
    from scipy.special import ndtr

    total = sum(b["count"] for b in bins)
    error = 0.0
    for b in bins:
        apart, count = abs(b["confidence"] - b["accuracy"]), b["count"]
        expected = apart
        if corrected and count > 1:
            spread = max(np.sqrt(b["accuracy"] * (1 - b["accuracy"]) / (count - 1)), 1e-12)
            folded = spread * np.sqrt(2 / np.pi) * np.exp(-(apart**2) / (2 * spread**2))
            expected = folded + apart * (1 - 2 * ndtr(-apart / spread))
        error += (2 * apart - expected) * count / total
    return max(0.0, float(error))
