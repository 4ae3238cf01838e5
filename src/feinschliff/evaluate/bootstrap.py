"""Bootstrap intervals and paired tests.

Resamples draw as many examples as there are, with replacement. They depend on the number of examples and the
seed alone, so every system evaluated on a test set sees the same ones. Weights are made in chunks: memory
stays bounded however many examples and resamples there are. The choice of the percentile method is measured
in docs/experiments.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from feinschliff.evaluate.interval import Interval, wilson
from feinschliff.evaluate.statistics import SHARES, Statistics

CHUNK_CELLS = 2**22
"""Weights held at once: 32 MiB."""


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

    Resamples in which a metric is undefined are left out of its interval. Where nothing is wrong (or nothing
    right) all resamples agree; then the interval is Wilson's for no error (no hit) among the examples.

    Source: B. Efron, R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
    """
    chunks = [stats.of(weights) for weights in resamples(len(stats), samples, seed)]
    found = {}
    for name, value in metrics(stats).items():
        low, high = _percentiles(np.concatenate([chunk[name] for chunk in chunks]), confidence)
        if name in SHARES and low == high and value in (0.0, 1.0):
            found[name] = wilson(value * len(stats), len(stats), confidence)
        else:
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
    """Compare two systems on the same examples.

    Args:
        a, b: Statistics of the two systems, rows in the same order.
        metric: The primary one if not given.

    Returns:
        The difference a - b; its percentile interval, both systems on the same resamples; and the two-sided
        p-value of approximate randomisation: how often two systems whose predictions are swapped by a coin,
        example by example, differ by as much. The two can disagree where it is close.

    Source: E. Noreen, "Computer-Intensive Methods for Testing Hypotheses", 1989, for the test; its rate of
    false alarms against those of bootstrap tests is measured in docs/experiments.md.
    """
    assert len(a) == len(b), "paired systems need the same examples"
    metric = metric or a.primary
    drawn = [a.of(w)[metric] - b.of(w)[metric] for w in resamples(len(a), samples, seed)]
    differences = np.concatenate(drawn)
    value = metrics(a)[metric] - metrics(b)[metric]
    low, high = _percentiles(differences, confidence)
    swapped = _swapped(a, b, metric, samples, seed)
    if swapped is None:  # a metric of ranks: take the resampled differences, moved to lie about 0
        swapped = differences[np.isfinite(differences)] - value
    as_far = int((np.abs(swapped) >= abs(value) - 1e-12).sum())
    p_value = (as_far + 1) / (len(swapped) + 1)
    return Comparison(metric, value, min(low, value), max(high, value), p_value)


def _swapped(a: Statistics, b: Statistics, metric: str, samples: int, seed: int) -> np.ndarray | None:
    """Return the differences [samples] with predictions swapped by coins; None where sums do not tell."""
    names = a.finish(np.asarray(a.per_example.sum(0)))
    if metric not in names or a.per_example.shape != b.per_example.shape:
        return None
    apart = (a.per_example - b.per_example) / 2
    middle = np.asarray((a.per_example + b.per_example).sum(0)).ravel() / 2
    differ = np.flatnonzero(abs(apart).sum(1))
    apart = apart[differ]
    random = np.random.default_rng([seed, len(a), 1])
    found = [np.zeros(0)]
    rows = max(1, CHUNK_CELLS // max(1, len(differ)))
    for start in range(0, samples, rows):
        coins = [random.integers(0, 2, len(differ)) for _ in range(min(rows, samples - start))]
        moved = np.asarray((2.0 * np.array(coins) - 1) @ apart)
        found.append(a.finish(middle + moved)[metric] - a.finish(middle - moved)[metric])
    return np.concatenate(found)


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
