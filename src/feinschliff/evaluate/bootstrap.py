"""Bootstrap intervals and paired tests.

Resamples draw as many examples as there are, with replacement. They depend on the number of examples and the
seed alone, so every system evaluated on a test set sees the same ones. Weights are made in chunks: memory
stays bounded however many examples and resamples there are. The choice of the percentile method is measured
in docs/experiments-evaluate.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from feinschliff.evaluate.statistics import Statistics

CHUNK_CELLS = 2**22
"""Weights held at once: 32 MiB."""


@dataclass(frozen=True)
class Interval:
    """A value with the ends of its confidence interval."""

    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        """Return {"value", "low", "high"}, as `result.json` holds it."""
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class Comparison:
    """What system a reaches more than system b on the same examples (negative: less)."""

    metric: str
    difference: float
    low: float
    high: float
    p_value: float


def metrics(stats: Statistics) -> dict[str, float]:
    """Return every metric that is defined for these examples."""
    values = stats.of(np.ones((1, len(stats))))
    return {name: float(v[0]) for name, v in values.items() if np.isfinite(v[0])}


def resamples(num: int, samples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield chunks float64 [b, num]: how often each resample drew each example.

    The draws do not depend on how they are chunked.
    """
    random = np.random.default_rng([seed, num])
    rows = max(1, CHUNK_CELLS // num)
    for start in range(0, samples, rows):
        size = min(rows, samples - start)
        weights = np.empty((size, num))
        for row in weights:
            row[:] = np.bincount(random.integers(0, num, num), minlength=num)
        yield weights


def intervals(
    stats: Statistics, samples: int = 2000, confidence: float = 0.95, seed: int = 42
) -> dict[str, Interval]:
    """Return every metric with its bootstrap percentile interval.

    Resamples in which a metric is undefined are left out of its interval.

    Source: B. Efron, R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
    """
    chunks = [stats.of(weights) for weights in resamples(len(stats), samples, seed)]
    found = {}
    for name, value in metrics(stats).items():
        low, high = _percentiles(np.concatenate([chunk[name] for chunk in chunks]), confidence)
        found[name] = Interval(value, min(low, value), max(high, value))
    return found


def compare(
    a: Statistics,
    b: Statistics,
    metric: str | None = None,
    samples: int = 2000,
    confidence: float = 0.95,
    seed: int = 42,
) -> Comparison:
    """Compare two systems on the same examples, on the same resamples.

    Args:
        a, b: Statistics of the two systems, rows in the same order.
        metric: The primary one if not given.

    Returns:
        The difference a - b with its percentile interval, and the two-sided p-value of the paired bootstrap:
        twice the smaller share of resamples on one side of 0, never below 2 / (samples + 1).

    Source: P. Koehn, "Statistical Significance Tests for Machine Translation Evaluation", EMNLP 2004.
    """
    assert len(a) == len(b), "paired systems need the same examples"
    metric = metric or a.primary
    drawn = [a.of(w)[metric] - b.of(w)[metric] for w in resamples(len(a), samples, seed)]
    differences = np.concatenate(drawn)
    differences = differences[np.isfinite(differences)]
    value = metrics(a)[metric] - metrics(b)[metric]
    low, high = _percentiles(differences, confidence)
    tail = min((differences <= 0).sum(), (differences >= 0).sum())
    p_value = min(1.0, 2 * float(tail + 1) / (len(differences) + 1))
    return Comparison(metric, value, min(low, value), max(high, value), p_value)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for testing several hypotheses at once, in the given order.

    Source: S. Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scand. J. Statistics 6, 1979.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    corrected = np.asarray(p_values, dtype=np.float64)[order] * np.arange(len(p_values), 0, -1)
    result = np.empty(len(p_values))
    result[order] = np.minimum(np.maximum.accumulate(corrected), 1.0)
    return [round(float(p), 12) for p in result]


def _percentiles(values: np.ndarray, confidence: float) -> tuple[float, float]:
    values = values[np.isfinite(values)]
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
