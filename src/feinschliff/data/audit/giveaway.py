"""What gives the label away: its own name in the text, a single word, another column of the file."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from feinschliff.data.audit._found import TRAIN, Found, Pool, sample_words
from feinschliff.data.derive import sources
from feinschliff.data.infer import group_column

KINDS = {
    "label_in_text": "A label's own name stands in most texts of its class, and hardly elsewhere.",
    "telling_word": "One word stands in most texts of a class, and in no other.",
    "telling_column": "Another column of the file predicts the label.",
}
SAMPLE = 20_000
COVERAGE, ALMOST_ALL, PRECISION = 0.8, 0.95, 0.97
NO_ROWS = np.zeros(0, dtype=np.int64)
LEAST_ROWS = 20
GAIN = 0.5
"""Share of the errors of always saying the largest class that a column must avoid to be reported."""


def check(pool: Pool) -> Iterator[Found]:
    """Find what a model could rely on instead of the meaning of the text."""
    if pool.kind != "classification":
        return
    usable = np.flatnonzero(~pool.empty & ~pool.unlabelled & (pool.source == TRAIN))
    encoded = pool.records.table["target"].take(usable).combine_chunks().dictionary_encode()
    names: list[str] = encoded.dictionary.to_pylist()
    if len(names) < 2 or len(names) > 500:
        return
    codes = encoded.indices.to_numpy()
    picked = np.unique(np.linspace(0, len(usable) - 1, SAMPLE).astype(np.int64))
    yield from _words(pool, usable[picked], codes[picked], names)
    yield from _columns(pool, usable, codes, len(names))


def _words(pool: Pool, rows: np.ndarray, codes: np.ndarray, names: list[str]) -> Iterator[Found]:
    owner, word, dictionary = sample_words(pool, rows)
    totals = np.bincount(word, minlength=len(dictionary))
    frequent = np.flatnonzero(totals >= LEAST_ROWS)
    position = np.full(len(dictionary), -1)
    position[frequent] = np.arange(len(frequent))
    kept = position[word] >= 0
    cells = position[word[kept]] * len(names) + codes[owner[kept]]
    counts = np.bincount(cells, minlength=len(frequent) * len(names)).reshape(len(frequent), len(names))
    sizes = np.bincount(codes, minlength=len(names))
    covered = counts / np.maximum(sizes, 1)
    pure = counts / np.maximum(totals[frequent], 1)[:, None]
    telling = (covered >= COVERAGE) & (pure >= PRECISION) & (sizes >= LEAST_ROWS)
    for kind, own in (("label_in_text", True), ("telling_word", False)):
        found = {}
        for w, c in np.argwhere(telling):
            text = dictionary[int(frequent[w])].as_py()
            if (text in re.findall(r"\w+", names[c].lower())) == own:
                found[names[c]] = (text, covered[w, c], int(frequent[w]), int(c))
        if not found:
            continue
        first = list(found.items())[:4]
        listed = "; ".join(f"'{text}' in {share:.0%} of '{name}'" for name, (text, share, _, _) in first)
        more = f" and {len(found) - 4} more classes" if len(found) > 4 else ""
        examples = [rows[owner[(word == w) & (codes[owner] == c)][0]] for _, _, w, c in found.values()]
        fact = "the label's own name gives it away" if own else "a single word gives the label away"
        severity = "warning" if max(share for _, share, _, _ in found.values()) >= ALMOST_ALL else "info"
        yield Found(
            kind,
            severity,
            NO_ROWS,
            f"{fact}: {listed}{more}",
            pool.label,
            count=len(found),
            shown=np.sort(np.array(examples)),
        )


def _columns(pool: Pool, usable: np.ndarray, codes: np.ndarray, num_classes: int) -> Iterator[Found]:
    columns, table = pool.columns, pool.tables[TRAIN]
    group = columns.group or group_column(table, columns)
    parts = {columns.text, columns.text_pair, group} | sources(columns.label)
    base = np.bincount(codes).max() / len(codes)
    for name in table.columns.column_names:
        cells = table.columns[name].take(usable).combine_chunks()
        kind = cells.type
        if name in parts or pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_null(kind):
            continue
        is_id = pc.count_distinct(cells).as_py() > 0.5 * len(cells)
        values = _traits(cells) if is_id else cells.dictionary_encode().indices
        if values is None:
            continue
        numbers = pc.fill_null(values, -1).to_numpy(zero_copy_only=False).astype(np.int64) + 1
        counts = np.bincount(numbers * num_classes + codes, minlength=(numbers.max() + 1) * num_classes)
        counts = counts.reshape(-1, num_classes)
        one_to_one = ((counts > 0).sum(axis=0) == 1).all() and ((counts > 0).sum(axis=1) <= 1).all()
        if one_to_one and not is_id:  # the label in another form
            continue
        share = _predicts(counts, numbers, codes)
        if (share - base) / (1 - base) >= GAIN:
            message = (
                f"the column '{name}' predicts the label of {share:.0%} of rows (largest class: {base:.0%}); "
                "its traces in the texts may be what is learnt"
            )
            yield Found("telling_column", "warning", NO_ROWS, message, count=len(usable))


def _traits(cells: pa.Array) -> pa.Array | None:
    """Return the position in order of each number, or the letters before the digits; None without either."""
    strings = pc.cast(cells, pa.string())
    if pc.all(pc.match_substring_regex(strings, r"^\d{1,15}$")).as_py():
        ranks = pc.rank(pc.cast(strings, pa.int64()), tiebreaker="dense").to_numpy().astype(np.int64)
        return pa.array(ranks * 50 // (ranks.max() + 1))
    prefixes = pc.replace_substring_regex(strings, r"\d.*$", "").dictionary_encode()
    return prefixes.indices if len(prefixes.dictionary) <= 0.1 * len(cells) else None


def _predicts(counts: np.ndarray, values: np.ndarray, codes: np.ndarray) -> float:
    """Return the share of rows whose label is the commonest among the other rows of the same value.

    Args:
        counts: int64 [num_values, num_classes], how often each class stands with each value.
        values, codes: int64 [N], the value and the class of each row.
    """
    best = counts.argmax(axis=1)
    most = counts[np.arange(len(counts)), best]
    others = counts.copy()
    others[np.arange(len(counts)), best] = -1
    clear = most - 1 > np.maximum(others.max(axis=1, initial=-1), 0)
    return float(((best[values] == codes) & clear[values]).mean())
