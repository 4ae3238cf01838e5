"""A model that knows when it does not know: answering only when sure, or with several labels at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from feinschliff.evaluate.interval import Interval, wilson


def coverage_curve(
    confidence: np.ndarray, right: np.ndarray, points: int = 50, level: float = 0.95
) -> list[dict[str, float]]:
    """Return how accurate the answers are when only the surest share is answered.

    Args:
        confidence: float [N], of the decisions.
        right: bool [N].
        points: At most so many points, evenly over the share answered.
        level: Confidence level of the intervals.

    Returns:
        From few answers to all: {"coverage", "accuracy", "low", "high", "threshold"}. Answers of equal
        confidence are given or withheld together.

    Source: R. El-Yaniv, Y. Wiener, "On the Foundations of Noise-free Selective Classification", JMLR 2010.
    """
    order = np.argsort(-confidence, kind="stable")
    hits = np.cumsum(right[order])
    ends = np.flatnonzero(np.append(np.diff(confidence[order]) != 0, True))[: len(confidence)]
    wanted = np.linspace(0, len(ends) - 1, min(points, len(ends))).round().astype(int)
    curve = []
    for last in ends[wanted]:
        share = wilson(hits[last], last + 1, level)
        curve.append(
            {
                "coverage": float((last + 1) / len(confidence)),
                "accuracy": share.value,
                "low": share.low,
                "high": share.high,
                "threshold": float(confidence[order[last]]),
            }
        )
    return curve


def area_under_risk(confidence: np.ndarray, right: np.ndarray) -> float:
    """Return the mean error rate over all shares answered; 0 is best, the error rate is what chance gives.

    Source: Y. Geifman, G. Uziel, R. El-Yaniv, "Bias-Reduced Uncertainty Estimation", ICLR 2019.
    """
    order = np.argsort(-confidence, kind="stable")
    return float(np.mean(np.cumsum(~right[order]) / np.arange(1, len(right) + 1)))


def answer_threshold(
    confidence: np.ndarray, right: np.ndarray, accuracy: float, level: float = 0.95
) -> tuple[float, Interval] | None:
    """Return the least confidence from which on answers reach an accuracy, as sure as `level`.

    Shares of answers are tried from few to all in steps of 2 %, and it stops at the first whose accuracy's
    one-sided lower bound is below the goal: so the guarantee holds although several are tried.

    Args:
        confidence, right: float [N] and bool [N], of dev, which the model was not trained on.
        accuracy: The goal, such as 0.95.

    Returns:
        The threshold (answer if the confidence is at least this), and the share answered with its interval;
        None when the goal is out of reach.

    Source: A. Angelopoulos et al., "Learn then Test", 2021, fixed sequence testing (section 2).
    """
    from scipy.special import betaincinv

    num = len(confidence)
    if not num:
        return None
    order = np.argsort(-confidence, kind="stable")
    hits = np.cumsum(right[order])
    reached = None
    for share in np.arange(0.02, 1.001, 0.02):
        value = confidence[order[max(0, round(share * num) - 1)]]
        count = int(np.sum(confidence >= value))
        good = int(hits[count - 1])
        low = float(betaincinv(good, count - good + 1, 1 - level)) if good else 0.0
        enough = count >= np.log(1 - level) / np.log(accuracy)  # fewer could not show it, all right or not
        if low >= accuracy:
            reached = (float(value), wilson(count, num, level))
        elif enough:
            break
    return reached


def bounding_place(num: int, coverage: float, level: float) -> int | None:
    """Return the least k such that new data lies within the k-th smallest of dev's `num` values often enough.

    The share that does so follows the beta distribution (k, num - k + 1); with the probability `level` it is
    at least the coverage, for the dev at hand and not only on average over all that could have been drawn.

    Returns:
        None when dev is too small, or the coverage not below 1.

    Source: V. Vovk, "Conditional Validity of Inductive Conformal Predictors", ACML 2012, proposition 2a.
    """
    from scipy.special import betainc

    places = np.arange(1, num + 1)
    enough = np.flatnonzero(betainc(places, num - places + 1, min(coverage, 1.0)) <= 1 - level)
    return int(places[enough[0]]) if len(enough) else None


def least_texts(coverage: float, level: float) -> int:
    """Return how many texts dev must have for `bounding_place` to find one.

    >>> least_texts(0.9, 0.95)
    29
    """
    return int(np.ceil(np.log(1 - level) / np.log(coverage)))


def conformal_threshold(
    scores: np.ndarray, true: np.ndarray, coverage: float, level: float = 0.95
) -> float | None:
    """Return the probability from which on a label belongs to the set of possible answers.

    For data like dev, the sets hold the true label with at least the given probability, whatever the model.

    Args:
        scores: float [N, L], probabilities on dev.
        true: int64 [N]; an index below 0 is a label the model does not know, which no set can hold.
        coverage: Such as 0.9.
        level: How sure the coverage must be, from this dev.

    Returns:
        None when dev is too small to promise it.

    Source: M. Sadinle, J. Lei, L. Wasserman, "Least Ambiguous Set-Valued Classifiers With Bounded Error
    Levels", JASA 2019; split conformal prediction after V. Vovk et al., 2005; see `bounding_place`.
    """
    known = np.where(true >= 0, scores[np.arange(len(true)), np.maximum(true, 0)], 0.0)
    place = bounding_place(len(true), coverage, level)
    return None if place is None else float(-np.sort(-known)[place - 1])


def possible_labels(scores: np.ndarray, threshold: float) -> np.ndarray:
    """Return the sets bool [N, L]: the labels from the threshold on, and always the most probable one."""
    sets = scores >= threshold
    sets[np.arange(len(scores)), scores.argmax(1)] = True
    return sets


def set_sizes(sets: np.ndarray) -> Sequence[int]:
    """Return how many sets hold 1, 2, ... L labels."""
    return np.bincount(sets.sum(1), minlength=sets.shape[1] + 1)[1:].tolist()
