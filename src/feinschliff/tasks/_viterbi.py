"""The most probable legal sequence of BIO tags.

I-X may follow only B-X or I-X, all else may follow anything. So the best way to O or to any B leads over the
best tag of all, and the best way to I-X over the better of two: a step costs K instead of K^2 for K tags, and
runs for all records at once. 7,000 sentences with 39 tags take about half a second.
"""

from __future__ import annotations

import numpy as np


def best_tags(scores: np.ndarray, record: np.ndarray) -> np.ndarray:
    """Return int64 [U], the tags of the legal sequence with the highest sum of scores in each record.

    Args:
        scores: float [U, K], log-probabilities; K odd: O, then B and I of each type.
        record: int64 [U], ascending; sequences do not reach over its changes.
    """
    num, width = scores.shape
    tags = np.zeros(num, np.int64)
    if not num:
        return tags
    first = np.flatnonzero(np.append(True, record[1:] != record[:-1]))
    lengths = np.diff(np.append(first, num))
    order = np.argsort(-lengths, kind="stable")
    first, lengths = first[order], lengths[order]
    steps = int(lengths[0])
    active = np.searchsorted(-lengths, -np.arange(steps))  # sequences longer than t: the first of the order
    came_from = np.zeros((num, width), np.int16)
    begins = np.arange(1, width, 2)

    best = scores[first].astype(np.float64)
    best[:, begins + 1] = -np.inf
    last = best.copy()
    for step in range(1, steps):
        alive = active[step]
        before, here = best[:alive], first[:alive] + step
        top = before.argmax(1)
        source = np.repeat(top[:, None], width, 1)
        source[:, begins + 1] = begins + (before[:, begins + 1] > before[:, begins])
        best = np.take_along_axis(before, source, 1) + scores[here]
        came_from[here] = source
        last[:alive] = best

    tag = last.argmax(1)
    tags[first + lengths - 1] = tag
    for step in range(steps - 1, 0, -1):
        alive = active[step]
        here = first[:alive] + step
        tag[:alive] = came_from[here, tag[:alive]]
        tags[here - 1] = tag[:alive]
    return tags
