"""Cells that hold no text, no label, or something else than text."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from feinschliff.data._targets import is_list
from feinschliff.data.audit._found import TRAIN, Found, Pool
from feinschliff.data.normalise import is_blank
from feinschliff.errors import counted

KINDS = {
    "empty": "Rows without text.",
    "missing_labels": "Rows without a label.",
    "empty_labels": "Rows whose cell of labels is empty: it says that no label applies.",
    "numeric_texts": "Texts that were numbers.",
}


def check(pool: Pool) -> Iterator[Found]:
    """Find rows without text or label, and numbers taken as text."""
    empty = np.flatnonzero(pool.empty)
    if len(empty):
        kept = int((pool.source[empty] != TRAIN).sum())
        rest = f"; {kept:,} of them on the test side are kept and predicted" if kept else ""
        yield Found("empty", "warning", empty, f"{counted(len(empty), 'row')} without text{rest}")
    missing = np.flatnonzero(pool.unlabelled)
    if len(missing):
        message = (
            f"{counted(len(missing), 'row')} without a label: nothing can be learnt from or scored on them"
        )
        yield Found("missing_labels", "warning", missing, message, action="left out")
    blank = _blank_labels(pool)
    if len(blank):
        message = f"{counted(len(blank), 'cell of labels is', 'cells of labels are')} empty: no label applies"
        yield Found("empty_labels", "info", blank, message)
    if len(pool.from_numbers):
        message = (
            f"{counted(len(pool.from_numbers), 'text was a number', 'texts were numbers')}, read as digits"
        )
        yield Found("numeric_texts", "warning", pool.from_numbers, message)


def _blank_labels(pool: Pool) -> np.ndarray:
    """Return int64, the rows whose cell of several labels as text is empty."""
    if pool.kind != "multilabel" or pool.columns.label is None:
        return np.zeros(0, dtype=np.int64)
    columns = [table.columns[pool.columns.label] for table in pool.tables.values()]
    blank = [
        np.zeros(len(c), dtype=bool) if is_list(c.type) else is_blank(c.cast(pa.string())) for c in columns
    ]
    return np.flatnonzero(np.concatenate(blank) & ~pool.unlabelled)
