"""Labels that cannot be learnt or measured: too few rows, one class, classes missing on one side."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from feinschliff.data.audit._found import TEST, TRAIN, Found, Pool
from feinschliff.data.known import label_counts
from feinschliff.errors import counted

KINDS = {
    "single_examples": "Classes with one row: it is learnt or measured, but not both.",
    "small_classes": "Classes with too few rows in test for a believable score.",
    "imbalance": "One class is far larger than another.",
    "unseen_labels": "Labels that occur in dev or test but never in train.",
    "label_variants": "Labels that differ only in case, blanks or punctuation.",
}
SMALL_IN_TEST = 10
IMBALANCE = 20
NO_ROWS = np.zeros(0, dtype=np.int64)


def check(pool: Pool) -> Iterator[Found]:
    """Find classes of one row, imbalance, and names that look like the same class."""
    if pool.kind not in ("classification", "multilabel", "ner"):
        return
    counts = label_counts(pool.records.take(np.flatnonzero(~pool.empty & ~pool.unlabelled)), pool.kind)
    ones = sorted(name for name, n in counts.items() if n == 1)
    if ones:
        rows = np.array([next(r for r in _rows_with(pool, name)) for name in ones[:100]])
        message = (
            f"{counted(len(ones), 'class has', 'classes have')} a single row, which is learnt or measured, "
            f"not both: {_list(ones)}"
        )
        yield Found("single_examples", "warning", np.sort(rows), message, pool.label, count=len(ones))
    if len(counts) > 1 and max(counts.values()) >= IMBALANCE * min(counts.values()):
        (large, most), (small, least) = counts.most_common(1)[0], counts.most_common()[-1]
        what = "entities" if pool.kind == "ner" else "rows"
        by = {"classification": "macro_f1, not by accuracy", "multilabel": "macro_f1"}
        by_metric = by.get(pool.kind, "macro_entity_f1")
        message = (
            f"'{large}' has {most:,} {what}, '{small}' {least:,}: compare systems by {by_metric}; "
            "train.class_weights=balanced weights the small classes up"
        )
        yield Found("imbalance", "info", NO_ROWS, message, count=least)
    plain: dict[str, list[str]] = {}
    for name in sorted(counts):
        plain.setdefault("".join(c for c in name.casefold() if c.isalnum()) or name, []).append(name)
    twins = [names for names in plain.values() if len(names) > 1]
    if twins:
        shown = "; ".join(" / ".join(map(repr, names)) for names in twins[:5])
        fewer = sum(sum(sorted(counts[n] for n in names)[:-1]) for names in twins)
        message = f"{counted(len(twins), 'label is', 'labels are')} written in several ways: {shown}"
        yield Found("label_variants", "warning", NO_ROWS, message, count=fewer)


def check_splits(pool: Pool) -> Iterator[Found]:
    """Find labels that are missing in train, or too rare in test."""
    if pool.kind not in ("classification", "multilabel", "ner"):
        return
    rows = [np.flatnonzero((pool.split == s) & ~pool.unlabelled) for s in range(3)]
    counts = [label_counts(pool.records.take(r), pool.kind) for r in rows]
    unseen = sorted((set(counts[1]) | set(counts[TEST])) - set(counts[TRAIN]))
    if unseen:
        total = sum(counts[1][n] + counts[TEST][n] for n in unseen)
        few = counted(len(unseen), "label")
        message = f"{few} in dev or test but never in train, never learnt: {_list(unseen)}"
        yield Found("unseen_labels", "error", NO_ROWS, message, count=total)
    names = set(counts[TRAIN]) | set(counts[TEST])
    small = sorted((counts[TEST][n], n) for n in names if counts[TEST][n] < SMALL_IN_TEST)
    if small and (pool.split == TEST).any():
        shown = _list([f"{name} ({n})" for n, name in small])
        message = (
            f"{counted(len(small), 'class has', 'classes have')} fewer than {SMALL_IN_TEST} rows in test; "
            f"their own scores say little: {shown}"
        )
        yield Found("small_classes", "warning", NO_ROWS, message, count=len(small))


def _rows_with(pool: Pool, name: str) -> Iterator[int]:
    for row, value in enumerate(pool.records.table["target"].to_pylist()):
        names = (
            [value]
            if isinstance(value, str)
            else [v if isinstance(v, str) else v["label"] for v in value or ()]
        )
        if name in names and not pool.empty[row]:
            yield row


def _list(names: list[str], limit: int = 8) -> str:
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")
