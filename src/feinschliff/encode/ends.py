"""The end of a text, where encoder-decoders look for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from feinschliff.encode.tokenise import Encoded


def without_inner_ends(encoded: Encoded, end_id: int, num_ends: int, other_id: int) -> Encoded:
    """Return the windows with another token in place of ends that were written in their texts.

    Encoder-decoders answer at the last `</s>` and refuse batches whose texts have different numbers of it,
    but `</s>` is also how HTML ends what is struck through.

    Args:
        num_ends: How many ends the tokenizer puts into a window, the last of those there.
        other_id: The token instead.
    """
    is_end = encoded.input_ids == end_id
    before = np.concatenate([[0], np.cumsum(is_end)])
    behind = np.repeat(before[encoded.starts[1:]], encoded.lengths) - before[:-1]
    ids = np.where(is_end & (behind > num_ends), np.int32(other_id), encoded.input_ids)
    return replace(encoded, input_ids=ids)
