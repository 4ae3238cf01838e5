"""Texts that are much shorter or longer than a model can use."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from feinschliff.data.audit._found import Found, Pool
from feinschliff.errors import counted

KINDS = {
    "very_short": "Texts of a single word.",
    "very_long": "Texts longer than most models read at once, and ten times longer than the usual one.",
}
LONG_WORDS = 350
"""About 512 word pieces of a European language."""


def check(pool: Pool) -> Iterator[Found]:
    """Find texts of one word, and very long ones."""
    if pool.columns.text_pair:
        return
    words = pool.texts.bags.size[pool.texts.number]
    usable = ~pool.empty
    short = np.flatnonzero(usable & (words <= 1))
    if len(short):
        message = f"{counted(len(short), 'text')} of a single word or sign"
        yield Found("very_short", "info", short, message)
    median = float(np.median(words[usable])) if usable.any() else 0.0
    limit = max(LONG_WORDS, 10 * median)
    long = np.flatnonzero(usable & (words > limit))
    if len(long):
        message = (
            f"{counted(len(long), 'text')} of more than {limit:,.0f} words; half have up to {median:,.0f}"
        )
        yield Found("very_long", "info", long, message, lambda row: f"{words[row]:,} words")
