"""The same text more than once: within the data, on both sides of a split, with different labels."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from feinschliff.data import near
from feinschliff.data.audit._found import DEV, NAMES, TEST, TRAIN, Found, Pool
from feinschliff.data.normalise import target_keys
from feinschliff.errors import counted

KINDS = {
    "exact_duplicates": "Rows that repeat an earlier one of their file: same text and label after NFC.",
    "near_duplicates": "Rows in which at most two words in eleven differ from another row of their file.",
    "conflicting_labels": "Rows whose text also stands with another label.",
    "leaked_into_test": "Rows of train or dev whose text stands, the same or nearly so, in test.",
    "chained_groups": "Rows of train nearly the same as one of dev or test, when a large cluster is cut.",
    "templates": "Rows nearly the same as one of test, when they are too many to leave them out.",
    "templates_dev": "Rows nearly the same as one of dev, when they are too many to leave them out.",
    "leaked_into_dev": "Rows of train whose text stands, the same or nearly so, in dev.",
}

MOST_NEAR = 0.25
"""When more than this share of train nearly stands in test, the data is made of templates; it is kept."""


def within(pool: Pool) -> Iterator[Found]:
    """Find repeated rows, and equal texts with different labels."""
    labels = _label_codes(pool)
    first = _first_of(pool.texts.number, labels, pool.source)
    usable = ~pool.empty
    repeated = np.flatnonzero(usable & (first != np.arange(len(pool))))
    if len(repeated):
        message = f"{counted(len(repeated), 'row repeats', 'rows repeat')} an earlier row letter for letter"
        yield Found(
            "exact_duplicates", "warning", repeated, message, lambda row: f"same as {pool.place(first[row])}"
        )
    yield from _near(pool, usable)
    if pool.kind in ("classification", "multilabel", "ner"):
        yield from _conflicts(pool, labels, usable & ~pool.unlabelled)


def _conflicts(pool: Pool, labels: np.ndarray, usable: np.ndarray) -> Iterator[Found]:
    rows = np.flatnonzero(usable)
    text = pool.texts.number[rows]
    low = np.full(len(pool.texts.row), np.iinfo(np.int64).max)
    high = np.full(len(pool.texts.row), -1)
    np.minimum.at(low, text, labels[rows])
    np.maximum.at(high, text, labels[rows])
    torn = rows[(low != high)[text]]
    if not len(torn):
        return
    others: dict[int, list[int]] = {}
    for row in torn.tolist():
        others.setdefault(int(pool.texts.number[row]), []).append(row)

    def detail(row: int) -> str:
        other = next(r for r in others[int(pool.texts.number[row])] if labels[r] != labels[row])
        return f"{pool.label(row)} here, {pool.label(other)} at {pool.place(other)}"

    message = (
        f"{counted(len(torn), 'row')} ({counted(len(others), 'text')}) with several labels for the same text"
    )
    if pool.kind == "classification":
        most = _ceiling(text, labels[rows])
        message += f"; what reads the text alone is right on {most:.1%} of rows at most"
    yield Found("conflicting_labels", "warning", torn, message, detail)


def _ceiling(text: np.ndarray, labels: np.ndarray) -> float:
    """Return the accuracy of giving each text, int [N], its commonest label, int [N]."""
    pairs, counts = np.unique(np.stack([text, labels]), axis=1, return_counts=True)
    return float(np.maximum.reduceat(counts, np.flatnonzero(np.diff(pairs[0], prepend=-1))).sum() / len(text))


def _near(pool: Pool, usable: np.ndarray) -> Iterator[Found]:
    """Find rows of one file that nearly repeat another of it."""
    rows = np.flatnonzero(usable)
    cluster = pool.texts.cluster[pool.texts.number[rows]]
    first = rows[_first_of(cluster, pool.source[rows])]
    repeats = pool.texts.number[first] != pool.texts.number[rows]
    repeats &= _first_of(pool.texts.number[rows], pool.source[rows]) == np.arange(len(rows))  # each text once
    if repeats.any():
        earlier = dict(zip(rows[repeats].tolist(), first[repeats].tolist(), strict=True))
        repeating = counted(int(repeats.sum()), "text repeats", "texts repeat")
        message = f"{repeating} another nearly: at most two words in eleven differ"
        yield Found(
            "near_duplicates", "info", rows[repeats], message, lambda row: f"like {pool.place(earlier[row])}"
        )


def across(pool: Pool) -> Iterator[Found]:
    """Find rows whose text stands in test too, or in dev, the same or nearly so."""
    texts = pool.texts
    for side, kind, others in ((TEST, "leaked_into_test", (TRAIN, DEV)), (DEV, "leaked_into_dev", (TRAIN,))):
        held = np.flatnonzero((pool.split == side) & ~pool.empty)
        rows = np.flatnonzero(np.isin(pool.split, others) & ~pool.empty)
        left, right = _distinct(texts.number[rows]), _distinct(texts.number[held])
        partner = np.full(len(texts.row), -1)
        partner[left] = near.matches(texts.bags, texts.cluster, left, right)
        leaked = rows[partner[texts.number[rows]] >= 0]
        row_of = np.full(len(texts.row), -1)
        row_of[texts.number[held][::-1]] = held[::-1]
        detail = partial(_where, pool, row_of[partner[texts.number]])
        same = np.isin(texts.number[leaked], right)
        if (~same).sum() > MOST_NEAR * len(rows):
            count, name = counted(int((~same).sum()), "row is", "rows are"), NAMES[side]
            message = f"{count} nearly the same as one of {name}: {name} is easier than new texts will be"
            templates = "templates" if side == TEST else "templates_dev"
            yield Found(templates, "warning", leaked[~same], message, detail)
            leaked, same = leaked[same], same[same]
        if not len(leaked):
            continue
        message = (
            f"{counted(len(leaked), 'row')} outside {NAMES[side]} also in {NAMES[side]}: "
            f"{same.sum():,} with the same text, {(~same).sum():,} with nearly the same"
        )
        if (pool.source == side).any():
            yield Found(kind, "error", leaked, message, detail)
        else:  # a split of our own keeps clusters whole, unless there are very large ones
            yield Found("chained_groups", "info", leaked, message, detail)


def _where(pool: Pool, places: np.ndarray, row: int) -> str:
    return f"in {pool.place(places[row])}"


def _distinct(numbers: np.ndarray) -> np.ndarray:
    return np.flatnonzero(np.bincount(numbers)) if len(numbers) else numbers


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
