"""What learning curves say beyond their ends, and how little that is.

A score grows with the number of labels like a - b n^-c: steeply first, then ever more slowly towards a. Three
numbers fitted to four scores are loose, so the fit is repeated with scores drawn anew from their intervals,
and what is read from it comes with the range of all those fits. Chance in training shows as points off the
curve: where they lie further off than their intervals explain, all intervals are widened as much, and where
they lie so far off that the curve cannot have this form, nothing is read from it. Small models trained from
random weights are often such a case: they learn nothing for a while, and then much at once.

Sources: J. Hestness et al., "Deep Learning Scaling is Predictable, Empirically", 2017, on the power law;
T. Viering, M. Loog, "The Shape of Learning Curves: a Review", IEEE TPAMI 2022, on how it can fail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import chdtrc, ndtri

from feinschliff.evaluate.interval import Interval

EXPONENTS = np.linspace(0.05, 2.0, 40)
DRAWS = 1000
IMPLAUSIBLE = 0.001
"""Chance of points so far off a true curve below which the curve is not believed."""
FURTHEST = 100.0
"""Times the labels at hand beyond which nothing is read from a curve."""


@dataclass(frozen=True)
class Curves:
    """Fits to one learning curve: the first to the scores themselves, the others to scores drawn anew.

    Attributes:
        top, drop, exponent: float64 [1 + DRAWS], a, b and c of score = a - b n^-c.
        most: Labels at the curve's end.
    """

    top: np.ndarray
    drop: np.ndarray
    exponent: np.ndarray
    most: float

    def at(self, labels: float) -> np.ndarray:
        """Return float64 [1 + DRAWS], the scores at a number of labels."""
        return self.top - self.drop * labels**-self.exponent

    def labels_for(self, score: np.ndarray | float) -> np.ndarray:
        """Return float64 [1 + DRAWS], the labels for a score; infinite where it is never reached."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            found = ((self.top - score) / self.drop) ** (-1 / self.exponent)
        never = (self.top <= score) | (self.drop <= 0)
        return np.where(never, np.where(self.top > score, 0.0, np.inf), found)


def fit_curve(
    labels: Sequence[int],
    scores: Sequence[Interval],
    confidence: float = 0.95,
    best: float = 1.0,
    seed: int = 0,
) -> Curves | None:
    """Fit a curve; None with fewer than three different numbers of labels, or where none fits.

    Args:
        labels: Numbers of labels.
        scores: The score with each, higher is better.
        confidence: Level of their intervals.
        best: The highest score there is; no curve goes beyond it.
        seed: Of the scores drawn.
    """
    if len(set(labels)) < 3:
        return None
    n = np.asarray(labels, np.float64)
    value = np.array([s.value for s in scores])
    error = np.array([max(s.high - s.low, 1e-4) for s in scores]) / (2 * ndtri((1 + confidence) / 2))
    first = _fits(n, value[None], 1 / error**2, best)
    freedom = max(1, len(n) - 3)
    if chdtrc(freedom, first[3][0]) < IMPLAUSIBLE:
        return None
    rough = np.sqrt(max(1.0, float(first[3][0]) / freedom))
    random = np.random.default_rng(seed)
    drawn = value + rough * error * random.normal(size=(DRAWS, len(n)))
    others = _fits(n, drawn, 1 / error**2, best)
    top, drop, exponent = (np.concatenate(pair) for pair in zip(first[:3], others[:3], strict=True))
    return Curves(top, drop, exponent, float(n.max()))


def _fits(
    n: np.ndarray, scores: np.ndarray, weight: np.ndarray, best: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return a, b, c and the weighted squared error of the best curve for each row of scores, [R, P].

    For a given c the best a and b are those of a straight line; c is tried.
    """
    least = np.full(len(scores), np.inf)
    top, drop, exponent = (np.zeros(len(scores)) for _ in range(3))
    for c in EXPONENTS:
        x = n**-c
        centre = (weight * x).sum() / weight.sum()
        middle = scores @ weight / weight.sum()
        slope = (scores @ (weight * (x - centre))) / (weight * (x - centre) ** 2).sum()
        b = np.maximum(-slope, 0.0)
        a = middle + b * centre
        over = a > best
        b = np.where(over, np.maximum(((best - scores) @ (weight * x)) / (weight * x * x).sum(), 0.0), b)
        a = np.where(over, best, a)
        loss = ((scores - a[:, None] + b[:, None] * x) ** 2) @ weight
        better = loss < least
        least, top = np.where(better, loss, least), np.where(better, a, top)
        drop, exponent = np.where(better, b, drop), np.where(better, c, exponent)
    return top, drop, exponent, least


def doubling(curves: Curves, confidence: float = 0.95) -> Interval:
    """Return what twice the labels at hand would add to the score."""
    gain = curves.at(2 * curves.most) - curves.at(curves.most)
    low, high = np.quantile(gain, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(gain[0]), float(min(low, gain[0])), float(max(high, gain[0])))


def labels_needed(curves: Curves, other: Curves, confidence: float = 0.95) -> dict[str, Any]:
    """Return how many labels one curve needs for the score that another has at its end.

    Returns:
        `labels`, `low`, `high`; null where the curve never gets there or only beyond `FURTHEST` times the
        labels at hand, of which nothing can be said. `limit` is that number.
    """
    found = curves.labels_for(other.at(other.most))
    low, high = np.quantile(found, [(1 - confidence) / 2, (1 + confidence) / 2], method="nearest")
    limit = FURTHEST * curves.most

    def known(value: float) -> int | None:
        return round(float(value)) if np.isfinite(value) and value <= limit else None

    return {"labels": known(found[0]), "low": known(low), "high": known(high), "limit": round(limit)}
