"""Statistics of regression predictions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from feinschliff.evaluate.predictions import Predictions
from feinschliff.evaluate.statistics import PRIMARY, Statistics, Values, Weighted, ratio


def regression(targets: Sequence[float], predictions: Predictions) -> Statistics:
    """Build the statistics of predicted numbers.

    Pearson and Spearman are 0 when targets or predictions are constant; r2 is 0 for constant targets.
    Spearman is the Pearson correlation of mid-ranks, and each resample is ranked anew.
    """
    true = np.asarray(targets, dtype=np.float64)
    guess = np.asarray(predictions.decided, dtype=np.float64)
    error = guess - true
    x, y = _standard(true), _standard(guess)  # moments about the middle lose no digits
    columns = [np.ones_like(x), x, y, x * x, y * y, x * y, error**2, np.abs(error), true - true.mean()]
    matrix = np.stack([*columns, columns[-1] ** 2], axis=1)

    def finish(sums: np.ndarray) -> Values:
        means = ratio(sums, sums[..., :1])
        _, x, y, xx, yy, xy, square, absolute, first, second = np.moveaxis(means, -1, 0)
        spread = second - first**2
        varies = spread > 1e-12 * np.maximum(second, np.finfo(np.float64).tiny)
        return {
            "pearson": _correlation(xx - x * x, yy - y * y, xy - x * y),
            "rmse": np.sqrt(square),
            "mae": absolute,
            "r2": np.where(varies, 1 - ratio(square, np.where(varies, spread, 1.0)), 0.0),
        }

    return Statistics(matrix, finish, PRIMARY["regression"], _spearman(true, guess))


def _standard(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean()
    return centred / (centred.std() or 1.0)


def _correlation(xx: np.ndarray, yy: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """Divide a covariance by the spreads; 0 where one of them is numerically nothing."""
    product = np.where((xx > 1e-12) & (yy > 1e-12), xx * yy, 0.0)
    return np.clip(ratio(xy, np.sqrt(product)), -1.0, 1.0)


def _spearman(true: np.ndarray, guess: np.ndarray) -> Weighted:
    """Return the function from weights [B, N] to Spearman's correlation of each resample."""
    rank_true, rank_guess = _ranker(true), _ranker(guess)

    def ranked(weights: np.ndarray) -> Values:
        total = weights.sum(1, keepdims=True)
        x, y = (rank(weights) / total - 0.5 for rank in (rank_true, rank_guess))
        xx, yy, xy = ((weights * a * b).sum(1) / total[:, 0] for a, b in ((x, x), (y, y), (x, y)))
        return {"spearman": _correlation(xx, yy, xy)}  # mid-ranks have mean 0 here

    return ranked


def _ranker(values: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function from weights [B, N] to mid-ranks [B, N] (less one half) of weighted values."""
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.diff(values[order], prepend=-np.inf))
    group = np.empty(len(values), dtype=np.int64)
    group[order] = np.searchsorted(starts, np.arange(len(values)), side="right") - 1

    def rank(weights: np.ndarray) -> np.ndarray:
        drawn = np.add.reduceat(weights[:, order], starts, axis=1)
        return (np.cumsum(drawn, axis=1) - drawn / 2)[:, group]

    return rank
