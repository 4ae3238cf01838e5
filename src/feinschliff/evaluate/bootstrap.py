"""Bootstrap intervals and paired tests.

Resamples draw as many examples as there are, or groups of them (`grouped`), with replacement. They depend on
the number of examples and the seed alone, so every system evaluated on a test set sees the same ones. Weights
are made in chunks: memory stays bounded however many examples and resamples there are. How often intervals
hold the truth is measured in docs/experiments.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from feinschliff.evaluate.interval import Interval, wilson
from feinschliff.evaluate.pooling import pooled_draws
from feinschliff.evaluate.statistics import CHUNK_CELLS, OVER_LABELS, SHARES, Statistics

FEW_ERRORS = 5
"""Up to so many, averages over labels and MCC reach as far down as Wilson's interval of the share found."""


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
    """Return every metric with its bootstrap interval.

    Shares get Wilson's interval about the value less its bias, for as many trials as would have the variance
    of the resamples; as many as there are examples where all resamples agree. It is right where a score is
    nearly perfect, which percentiles are not. Averages over labels get the percentiles of `pooled_draws`, for
    resamples know nothing of labels they did not draw. Other metrics have no ends, and get percentiles.
    Where hardly anything is wrong, those and MCC reach down as far as the share of labels found does.
    Resamples in which a metric is undefined are left out. The value itself is always in the interval.

    Source: E. Korn, B. Graubard, "Confidence Intervals for Proportions with Small Expected Number of Positive
    Counts Estimated from Survey Data", Survey Methodology 24, 1998, for the effective number of trials; B.
    Efron, R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 10 and 13, for bias and
    percentiles.
    """
    chunks = [stats.of(weights) for weights in resamples(len(stats), samples, seed)]
    drop, width = _unseen(stats, confidence)
    pooled = pooled_draws(stats, samples, seed) if stats.columns else {}
    found = {}
    for name, value in metrics(stats).items():
        drawn = pooled[name] if name in pooled else np.concatenate([chunk[name] for chunk in chunks])
        ends = [value]
        if name in pooled or name not in SHARES:
            ends += _percentiles(drawn, confidence)
            if name in pooled:
                ends.append(max(0.0, value - drop))
            elif name == "mcc":  # which is 0 where as much is right as chance has it
                ends.append(max(-1.0, value - drop * width / max(1, width - 1)))
        else:
            middle, error = _moments(drawn, value)
            middle = min(max(middle, 0.0), 1.0)
            spread = middle * (1 - middle)
            trials = spread / error**2 if error and spread else len(stats)
            share = wilson(middle * trials, trials, confidence)
            ends += [share.low, share.high]
        found[name] = Interval(value, min(ends), max(ends))
    return found


def _unseen(stats: Statistics, confidence: float) -> tuple[float, int]:
    """Return how much lower the share of labels found may be than it was here, where hardly any was not.

    Returns:
        That drop, by Wilson's interval, 0 with more than `FEW_ERRORS` errors; and the number of labels.
    """
    if stats.columns is None:
        return 0.0, 0
    sums = np.asarray(stats.per_example[:, stats.columns].sum(0)).ravel()
    hits, predicted, actual = (float(part.sum()) for part in np.split(sums, 3))
    wrong = max(actual, predicted) - hits
    if wrong > FEW_ERRORS or not actual:
        return 0.0, len(sums) // 3
    share = wilson(hits, hits + wrong, confidence)
    return share.value - share.low, len(sums) // 3


def standard_error(stats: Statistics, metric: str, samples: int = 200, seed: int = 42) -> float:
    """Return how far a score is by chance from that of all such examples.

    The variance is that of resamples, and of one example more or less: few examples that are all right are
    not certain.
    """
    drawn = np.concatenate([stats.of(weights)[metric] for weights in resamples(len(stats), samples, seed)])
    drawn = drawn[np.isfinite(drawn)]
    return float(np.hypot(drawn.std() if len(drawn) else 0.0, 1 / len(stats)))


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
        a, b: Statistics of the two systems, rows in the same order, columns of the same labels.
        metric: The primary one if not given.

    Returns:
        The difference a - b; its interval, both systems on the same resamples; and the two-sided p-value of
        approximate randomisation: how often two systems whose predictions are swapped by a coin, example by
        example, differ by as much. The two can disagree where it is close.

    A difference of shares gets a normal interval, its bias taken off, with the variance as if one more
    example were right in each system alone; without that, systems that hardly disagree on few examples seem
    to be equal for certain. For averages over labels and other metrics see `intervals`.

    Source: E. Noreen, "Computer-Intensive Methods for Testing Hypotheses", 1989, for the test; its rate of
    false alarms against those of bootstrap tests is measured in docs/experiments.md. D. Bonett, R. Price,
    "Adjusted Wald Confidence Interval for a Difference of Binomial Proportions Based on Paired Data", J.
    Educational and Behavioral Statistics 37, 2012, for the two examples.
    """
    assert len(a) == len(b), "paired systems need the same examples"
    metric = metric or a.primary
    drawn = [a.of(w)[metric] - b.of(w)[metric] for w in resamples(len(a), samples, seed)]
    differences = np.concatenate(drawn)
    value = metrics(a)[metric] - metrics(b)[metric]
    ends = [value]
    if metric not in SHARES or metric in OVER_LABELS:
        ends += _percentiles(differences, confidence)
    if metric in SHARES:
        middle, error = _moments(differences, value)
        half = float(ndtri((1 + confidence) / 2)) * (error**2 + 2 / (a.num_examples or len(a)) ** 2) ** 0.5
        ends += [max(-1.0, middle - half), min(1.0, middle + half)]
    swapped = _swapped(a, b, metric, samples, seed)
    if swapped is None:  # a metric of ranks: take the resampled differences, moved to lie about 0
        swapped = differences[np.isfinite(differences)] - value
    as_far = int((np.abs(swapped) >= abs(value) - 1e-12).sum())
    p_value = (as_far + 1) / (len(swapped) + 1)
    return Comparison(metric, value, min(ends), max(ends), p_value)


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


def _moments(drawn: np.ndarray, value: float) -> tuple[float, float]:
    """Return the value less the bias that the resamples show, and its standard error."""
    drawn = drawn[np.isfinite(drawn)]
    return float(2 * value - drawn.mean()), float(drawn.std())


def _percentiles(values: np.ndarray, confidence: float) -> tuple[float, float]:
    values = values[np.isfinite(values)]
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
