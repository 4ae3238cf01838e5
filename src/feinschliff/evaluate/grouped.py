"""Texts of one group (a product, an author, a document) err together: what is drawn anew are the groups.

Resampling texts one by one takes them for independent. How seldom intervals then hold the truth, and how
often equally good systems seem to differ, is measured in docs/experiments.md.

Source: C. Field, A. Welsh, "Bootstrapping Clustered Data", J. Royal Statistical Society B 69, 2007.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from feinschliff.evaluate.statistics import CHUNK_CELLS, Statistics, Values, Weighted

FEWEST_GROUPS = 10
"""Of fewer groups, draws say too little about others; then texts are drawn, and the report says so."""


def num_groups(groups: Sequence[str | None] | None) -> int | None:
    """Return how many groups there are, a text without one being its own; None where none are known."""
    return None if groups is None else int(_numbers(groups).max(initial=-1)) + 1


def are_drawn(groups: Sequence[str | None] | None) -> bool:
    """Return whether intervals and tests draw groups instead of texts."""
    return groups is not None and FEWEST_GROUPS <= (num_groups(groups) or 0) < len(groups)


def by_group(stats: Statistics, groups: Sequence[str | None] | None) -> Statistics:
    """Return the statistics with one row for each group, as they are where groups are not drawn.

    Args:
        stats: Of N examples.
        groups: The group of each; None for those that have none.
    """
    from scipy.sparse import csr_array

    if groups is None or not are_drawn(groups):
        return stats
    numbers = _numbers(groups)
    size = len(stats)
    of_group = csr_array((np.ones(size), (numbers, np.arange(size))))
    ranked = None if stats.ranked is None else _expanded(stats.ranked, numbers)
    return replace(stats, per_example=of_group @ stats.per_example, ranked=ranked, num_examples=size)


def _numbers(groups: Sequence[str | None]) -> np.ndarray:
    """Return int64 [N], the number of each text's group."""
    number: dict[object, int] = {}
    found = [number.setdefault(i if g is None else (g,), len(number)) for i, g in enumerate(groups)]
    return np.array(found, np.int64)


def _expanded(ranked: Weighted, numbers: np.ndarray) -> Weighted:
    """Return a function of the weights of groups from one of the weights of examples."""

    def of(weights: np.ndarray) -> Values:
        rows = max(1, CHUNK_CELLS // len(numbers))
        parts = [ranked(weights[i : i + rows][:, numbers]) for i in range(0, len(weights), rows)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    return of
