"""Cells that hold no text, no label, or something else than text."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from feinschliff.data.audit._found import TRAIN, Found, Pool
from feinschliff.errors import counted

KINDS = {
    "empty": "Rows without text.",
    "missing_labels": "Rows without a label.",
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
    if len(pool.from_numbers):
        message = (
            f"{counted(len(pool.from_numbers), 'text was a number', 'texts were numbers')}, read as digits"
        )
        yield Found("numeric_texts", "warning", pool.from_numbers, message)
