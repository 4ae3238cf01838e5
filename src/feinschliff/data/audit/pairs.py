"""Whether the same first, or second, text of pairs stands on both sides of the split."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import pyarrow.compute as pc

from feinschliff.data._candidates import FEWEST_GROUPS
from feinschliff.data._reasons import quoted
from feinschliff.data.audit._found import TEST, TRAIN, Found, Pool

KINDS = {
    "shared_texts": "Pairs of test whose first text, or whose second, also stands in a pair of train.",
}
LEAST_SHARE, LEAST_ROWS = 0.2, 10
"""Where fewer rows of test share a text with train, it hardly changes the score."""


def check(pool: Pool) -> Iterator[Found]:
    """Find texts of pairs that were learnt with another partner; pairs that stand in test whole are leaks.

    A text that few values fill, such as the aspect a review is judged by, is known when new pairs come, too.
    """
    columns = pool.columns
    if not columns.text_pair or columns.group:
        return
    cluster = pool.texts.cluster[pool.texts.number]
    test = np.flatnonzero((pool.split == TEST) & ~pool.empty)
    train = np.flatnonzero((pool.split == TRAIN) & ~pool.empty & ~np.isin(cluster, cluster[test]))
    sides = (("text", columns.text, "first"), ("text_pair", columns.text_pair, "second"))
    for role, name, which in sides:
        texts = pc.utf8_normalize(pool.records.table[role], "NFC").combine_chunks().dictionary_encode()
        codes = texts.indices.to_numpy()
        shared = test[np.isin(codes[test], codes[train])]
        if len(texts.dictionary) < FEWEST_GROUPS or len(shared) < max(LEAST_ROWS, LEAST_SHARE * len(test)):
            continue
        options = f"--text {quoted(columns.text)} --text-pair {quoted(columns.text_pair)}"
        ours = (pool.source != TEST).all()
        cure = f"{options} --group {quoted(name)}" if ours else f"split by '{name}', not by row"
        message = (
            f"{len(shared):,} of {len(test):,} test rows share their {which} text with train, so the score "
            f"is that of known {which} texts; to keep them apart: {cure}"
        )
        place = np.full(len(texts.dictionary), -1)
        place[codes[train][::-1]] = train[::-1]
        yield Found("shared_texts", "warning", shared, message, partial(_where, pool, place[codes]))


def _where(pool: Pool, places: np.ndarray, row: int) -> str:
    return f"in {pool.place(places[row])}"
