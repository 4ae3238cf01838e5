"""The tokens of some records, with the record each belongs to."""

from __future__ import annotations

import numpy as np

from feinschliff.encode.tokenise import Encoded


def tokens_of(encoded: Encoded, rows: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the tokens of all windows of the given records, of all if None.

    Args:
        encoded: N records.
        rows: int64 [R], ascending.

    Returns:
        int32 [T], token ids, and int64 [T], the index in `rows` of the record each belongs to.
    """
    lengths = encoded.lengths
    if rows is None:
        return encoded.input_ids, np.repeat(encoded.record, lengths).astype(np.int64)
    first = encoded.first_window
    windows = [np.arange(first[row], first[row + 1]) for row in rows]
    owners = np.repeat(np.arange(len(rows)), [len(w) for w in windows])
    chosen = np.concatenate([np.zeros(0, np.int64), *windows])
    parts = [encoded.input_ids[encoded.starts[w] : encoded.starts[w + 1]] for w in chosen]
    return np.concatenate([np.zeros(0, np.int32), *parts]), np.repeat(owners, lengths[chosen])
