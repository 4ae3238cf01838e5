"""How a tokenizer splits words, and which of them cost most that way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def pieces_of(tokenizer: Any, words: Sequence[str]) -> dict[str, list[int]]:
    """Return the pieces of each word as it stands within a sentence, after a space."""
    if not words:
        return {}
    ids = tokenizer([f" {word}" for word in words], add_special_tokens=False, verbose=False)["input_ids"]
    return dict(zip(words, ids, strict=True))


def costly(words: Mapping[str, int], pieces: Mapping[str, Sequence[int]], frequent: int) -> list[str]:
    """Return the split words, those first that make most pieces beyond their number.

    Args:
        words: Their counts.
        frequent: Occurrences that a word must have.
    """
    split = [word for word, count in words.items() if count >= frequent and len(pieces[word]) > 1]
    return sorted(split, key=lambda word: (-(len(pieces[word]) - 1) * words[word], word))
