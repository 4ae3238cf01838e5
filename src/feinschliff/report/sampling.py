"""Texts to look at more closely: drawn by chance, and no more of them than the work on them allows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from feinschliff.data import Records

CANDIDATES = 4
"""Texts considered for each that is wanted: where many are too long, shorter ones take their place."""


def draw(model: Any, records: Records, most_texts: int, tokens_each: int, seed: int) -> np.ndarray:
    """Return rows of some texts, int64, ascending.

    Args:
        model: A `bundle.Model`; its tokens are counted.
        most_texts: How many are wanted.
        tokens_each: So many tokens for each one wanted are read together; of longer texts there are fewer.
    """
    rows = np.random.default_rng(seed).permutation(len(records))[: CANDIDATES * most_texts]
    kept = within(model, records, rows, most_texts, most_texts * tokens_each)
    return np.sort(np.array(kept, np.int64))


def within(model: Any, records: Records, rows: Iterable[int], most_texts: int, most_tokens: int) -> list[int]:
    """Return those rows, in their order, whose texts still fit the number of texts and of tokens."""
    rows = np.fromiter(rows, np.int64)
    chosen = records.take(rows)
    kept: list[int] = []
    if not len(rows):
        return kept
    for row, tokens in zip(
        rows.tolist(), model.encode(chosen.texts, chosen.pairs).record_tokens, strict=True
    ):
        if len(kept) < most_texts and tokens <= most_tokens:
            kept.append(row)
            most_tokens -= tokens
    return kept
