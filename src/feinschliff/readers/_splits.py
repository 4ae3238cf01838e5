"""Names of splits, as files, folders and keys carry them."""

from __future__ import annotations

import re
from collections.abc import Iterable

SPLITS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "development": "validation",
    "trial": "validation",
}
"""Word to split."""
COLUMN = "split"
"""What says of each row which split it is of, where several are read."""


def split_of(name: str) -> str | None:
    """Return the split that a word of a name means.

    >>> split_of("20news-bydate-train"), split_of("oos_val"), split_of("trainer")
    ('train', 'validation', None)
    """
    words = re.split(r"[^a-z]+", name.lower())
    return next((SPLITS[word] for word in words if word in SPLITS), None)


def are_splits(names: Iterable[str]) -> bool:
    """Return whether names are those of different splits, and of nothing else."""
    found = {split_of(name) for name in names}
    return None not in found and len(found) > 1
