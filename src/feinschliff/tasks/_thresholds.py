"""Thresholds on probabilities, chosen so that F1 is best."""

from __future__ import annotations

import numpy as np

MIN_POSITIVES = 5
"""Labels with fewer examples on dev share one threshold: their own would be chance."""


def thresholds(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return float64 [L], for each label the probability from which on it is given.

    Args:
        scores: float [N, L], probabilities.
        truth: bool [N, L].
    """
    shared = best_threshold(scores.ravel(), truth.ravel())
    positives = truth.sum(0)
    return np.array(
        [
            best_threshold(scores[:, label], truth[:, label]) if count >= MIN_POSITIVES else shared
            for label, count in enumerate(positives)
        ]
    )


def best_threshold(scores: np.ndarray, truth: np.ndarray) -> float:
    """Return the threshold with the best F1, midway between two scores; 0.5 where nothing is true.

    >>> best_threshold(np.array([0.1, 0.2, 0.4]), np.array([False, True, True]))
    0.15
    """
    if not truth.any():
        return 0.5
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order].astype(np.float64)
    hits = np.cumsum(truth[order])
    f1 = 2 * hits / (np.arange(1, len(hits) + 1) + hits[-1])
    below = np.append(ranked[1:], 0.0)
    last_of_equals = np.append(ranked[1:] < ranked[:-1], True)
    best = int(np.argmax(np.where(last_of_equals, f1, -1.0)))
    return round(float((ranked[best] + below[best]) / 2), 6)
