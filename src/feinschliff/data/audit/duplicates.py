"""The same text more than once: within the data, on both sides of a split, with different labels."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from feinschliff.data.audit._found import DEV, NAMES, TEST, TRAIN, Found, Pool, number
from feinschliff.data.normalise import target_keys

KINDS = {
    "exact_duplicates": "Rows that repeat an earlier one of their file: same text and label after NFC.",
    "conflicting_labels": "Rows whose text also stands with another label.",
    "leaked_into_test": "Rows of train or dev whose text stands, the same or nearly so, in test.",
    "leaked_into_dev": "Rows of train whose text stands, the same or nearly so, in dev.",
}


def within(pool: Pool) -> Iterator[Found]:
    """Find repeated rows, and equal texts with different labels."""
    labels = _label_codes(pool)
    first = _first_of(pool.first, labels, pool.source)
    usable = ~pool.empty
    repeated = np.flatnonzero(usable & (first != np.arange(len(pool))))
    if len(repeated):
        message = f"{number(len(repeated), 'row')} repeat an earlier row letter for letter"
        yield Found(
            "exact_duplicates", "warning", repeated, message, lambda row: f"same as {pool.place(first[row])}"
        )
    if pool.task in ("classification", "multilabel", "ner"):
        yield from _conflicts(pool, labels, usable & ~pool.unlabelled)


def _conflicts(pool: Pool, labels: np.ndarray, usable: np.ndarray) -> Iterator[Found]:
    rows = np.flatnonzero(usable)
    low = np.full(len(pool), np.iinfo(np.int64).max)
    high = np.full(len(pool), -1)
    np.minimum.at(low, pool.first[rows], labels[rows])
    np.maximum.at(high, pool.first[rows], labels[rows])
    torn = rows[(low != high)[pool.first[rows]]]
    if not len(torn):
        return
    others: dict[int, list[int]] = {int(r): [] for r in np.unique(pool.first[torn])}
    for row in torn:
        others[int(pool.first[row])].append(int(row))

    def detail(row: int) -> str:
        mine = pool.label(row)
        other = next(r for r in others[int(pool.first[row])] if labels[r] != labels[row])
        return f"{mine} here, {pool.label(other)} at {pool.place(other)}"

    message = f"{number(len(torn), 'row')} ({number(len(others), 'text')}) stand with different labels"
    yield Found("conflicting_labels", "warning", torn, message, detail)


def across(pool: Pool) -> Iterator[Found]:
    """Find rows whose cluster also has rows in test, or in dev."""
    for side, kind, sources in ((TEST, "leaked_into_test", (TRAIN, DEV)), (DEV, "leaked_into_dev", (TRAIN,))):
        there = np.full(len(pool), -1)
        held = np.flatnonzero((pool.split == side) & ~pool.empty)
        there[pool.cluster[held][::-1]] = held[::-1]
        rows = np.flatnonzero(np.isin(pool.split, sources) & ~pool.empty & (there[pool.cluster] >= 0))
        if not len(rows):
            continue
        same = np.isin(pool.first[rows], pool.first[held]).sum()
        hit = np.isin(pool.cluster[held], pool.cluster[rows]).sum()
        message = (
            f"{number(len(rows), 'row')} outside {NAMES[side]} stand in {NAMES[side]} too, {same:,} with the "
            f"same text, {len(rows) - same:,} with nearly the same; {hit:,} of {len(held):,} {NAMES[side]} rows "
            "are concerned"
        )
        yield Found(kind, "error", rows, message, partial(_where, pool, there))


def _where(pool: Pool, there: np.ndarray, row: int) -> str:
    return f"in {pool.place(there[pool.cluster[row]])}"


def _label_codes(pool: Pool) -> np.ndarray:
    keys = target_keys(pool.records)
    if keys is None:
        return np.zeros(len(pool), dtype=np.int64)
    return keys.dictionary_encode().indices.to_numpy().astype(np.int64)


def _first_of(*codes: np.ndarray) -> np.ndarray:
    """Return int64 [N]: the first row that agrees in all codes."""
    order = np.lexsort(codes[::-1])
    begins = np.zeros(len(order), dtype=bool)
    begins[:1] = True
    for code in codes:
        begins[1:] |= np.diff(code[order]) != 0
    first = np.empty(len(order), dtype=np.int64)
    first[order] = order[np.flatnonzero(begins)][np.cumsum(begins) - 1]
    return first
