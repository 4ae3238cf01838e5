"""Whether test is like train: labels, lengths, words, and groups that stand on both sides."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from feinschliff.data.audit._found import TEST, TRAIN, Found, Pool, sample_words
from feinschliff.data.infer import group_column
from feinschliff.data.known import label_counts
from feinschliff.errors import counted

KINDS = {
    "group_leakage": "Rows of train whose group (product, author, document) also stands in test.",
    "label_shift": "The classes have other shares in test than in train.",
    "length_shift": "The texts of test are longer or shorter than those of train.",
    "word_shift": "Test uses more words that train never has than new texts of the same kind would.",
}
NO_ROWS = np.zeros(0, dtype=np.int64)
SAMPLE = 5_000
LEAST_ROWS = 100


def check(pool: Pool) -> Iterator[Found]:
    """Compare test with train."""
    train = np.flatnonzero((pool.split == TRAIN) & ~pool.empty)
    test = np.flatnonzero((pool.split == TEST) & ~pool.empty)
    yield from _groups(pool, train, test)
    if min(len(train), len(test)) >= LEAST_ROWS:
        yield from _labels(pool, train, test)
        yield from _lengths(pool, train, test)
        yield from _words(pool, _some(train), _some(test))


def _groups(pool: Pool, train: np.ndarray, test: np.ndarray) -> Iterator[Found]:
    name = pool.columns.group or group_column(pool.tables[TRAIN], pool.columns)
    if name is None or any(name not in t.columns.column_names for t in pool.tables.values()):
        return
    chunks = [chunk for t in pool.tables.values() for chunk in t.columns[name].cast(pa.string()).chunks]
    codes = pa.chunked_array(chunks).combine_chunks().dictionary_encode().indices.fill_null(-1).to_numpy()
    held = codes[test][codes[test] >= 0]
    shared = train[np.isin(codes[train], held)]
    if not len(shared):
        return
    concerned = int(np.isin(codes[test], codes[shared]).sum())
    cure = (
        f"data.group={name} splits by it" if (pool.source != TEST).all() else f"split by '{name}', not by row"
    )
    message = (
        f"{concerned:,} of {len(test):,} test rows share their '{name}' with {counted(len(shared), 'row')} "
        f"of train, so the score is that of known groups; {cure}"
    )
    yield Found("group_leakage", "warning", shared, message)


def _labels(pool: Pool, train: np.ndarray, test: np.ndarray) -> Iterator[Found]:
    if pool.kind not in ("classification", "multilabel"):
        return
    from scipy.stats import chi2_contingency

    counts = [label_counts(pool.records.take(r[~pool.unlabelled[r]]), pool.kind) for r in (train, test)]
    names = sorted(set(counts[0]) | set(counts[1]))
    table = np.array([[c[n] for n in names] for c in counts], dtype=np.float64)
    if len(names) < 2 or not table.sum(axis=1).all():
        return
    shares = table / table.sum(axis=1, keepdims=True)
    distance = np.abs(shares[0] - shares[1]).sum() / 2
    if distance >= 0.1 and chi2_contingency(table).pvalue < 1e-3:
        most = int(np.argmax(np.abs(shares[0] - shares[1])))
        message = (
            f"the shares of the labels differ between train and test by {distance:.0%}, most of all "
            f"'{names[most]}': {shares[0, most]:.0%} of train, {shares[1, most]:.0%} of test"
        )
        yield Found("label_shift", "warning", NO_ROWS, message, count=len(test))


def _lengths(pool: Pool, train: np.ndarray, test: np.ndarray) -> Iterator[Found]:
    from scipy.stats import ks_2samp

    words = pool.texts.bags.size[pool.texts.number]
    left, right = words[_some(train)], words[_some(test)]
    found = ks_2samp(left, right, method="asymp")
    if found.statistic >= 0.15 and found.pvalue < 1e-3:
        lengths = f"{np.median(left):,.0f} words in train, {np.median(right):,.0f} in test"
        message = f"half of the texts have up to {lengths}"
        yield Found("length_shift", "warning", NO_ROWS, message, count=len(test))


def _words(pool: Pool, train: np.ndarray, test: np.ndarray) -> Iterator[Found]:
    """Compare the unseen words of test with those of one half of train, both seen from the other half."""
    order = pool.texts.number[train].argsort(kind="stable")  # halves that do not depend on the order of rows
    known, other = train[order[::2]], train[order[1::2]]
    size = min(len(other), len(test))
    other, test = other[:: max(1, len(other) // size)][:size], test[:size]
    owner, word, dictionary = sample_words(pool, np.concatenate([known, other, test]))
    part = np.searchsorted([len(known), len(known) + len(other)], owner, side="right")
    seen = np.zeros(len(dictionary), dtype=bool)
    seen[word[part == 0]] = True
    expected, measured = (float((~seen[word[part == p]]).mean()) for p in (1, 2))
    if measured >= 1.5 * expected + 0.03:
        message = (
            f"{measured:.0%} of the words of test are new to train, where {expected:.0%} would be usual: "
            "test is of another kind"
        )
        yield Found("word_shift", "warning", NO_ROWS, message, count=len(test))


def _some(rows: np.ndarray) -> np.ndarray:
    return rows[np.unique(np.linspace(0, len(rows) - 1, SAMPLE).astype(np.int64))]
