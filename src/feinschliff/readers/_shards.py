"""Files that are one part of several, as their names say: `train-00000-of-00002.parquet`."""

from __future__ import annotations

import re

_SHARD = re.compile(r"-\d{5}-of-(\d{5})(?=\.|$)")


def shard_notes(name: str) -> tuple[str, ...]:
    """Return the note on a file that is one part of several.

    >>> shard_notes("train-00000-of-00002.parquet"), shard_notes("train-00000-of-00001.parquet")
    (('one of 2 parts of the data, as its name says; the others are not read',), ())
    """
    found = _SHARD.search(name)
    if found is None or int(found[1]) < 2:
        return ()
    return (f"one of {int(found[1]):,} parts of the data, as its name says; the others are not read",)
