"""Raw documents as training texts: cut into blocks without waste.

What is learnt from is one stream of tokens, a separator between documents, cut into blocks of equal length:
nothing is padded and nothing lost. What is measured is cut document by document, so that each has its own
loss.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from feinschliff.encode.chunks import chunks
from feinschliff.encode.tokenise import Encoded

CHUNK = 128  # documents given to the tokenizer at once


def train_blocks(tokenizer: Any, texts: Sequence[str], block_tokens: int) -> Encoded:
    """Return blocks of exactly `block_tokens` tokens, special ones included; the last may be shorter.

    Args:
        tokenizer: A fast tokenizer.
        texts: Documents, in the order in which they follow each other.
    """
    prefix, suffix = frame(tokenizer)
    between = suffix[-1:] if len(suffix) else _end(tokenizer)
    room = block_tokens - len(prefix) - len(suffix)
    stream = np.concatenate(
        [part for ids in _tokens(tokenizer, texts) for part in (ids, between)] or [np.zeros(0, np.int32)]
    )[: -len(between) or None]
    pieces = [stream[i : i + room] for i in range(0, len(stream), room)]
    return _encoded([np.concatenate([prefix, p, suffix]) for p in pieces], None, block_tokens)


def document_blocks(
    tokenizer: Any, texts: Sequence[str], block_tokens: int, most: int | None = None
) -> Encoded:
    """Return each document as windows of about equal length, at most `block_tokens` tokens each.

    Args:
        tokenizer: A fast tokenizer.
        texts: N documents, the records of what is returned.
        most: Windows kept of one document, evenly spread; None keeps all.
    """
    prefix, suffix = frame(tokenizer)
    room = block_tokens - len(prefix) - len(suffix)
    blocks, record = [], []
    for number, ids in enumerate(_tokens(tokenizer, texts)):
        parts = np.array_split(ids, max(1, -(-len(ids) // room)))
        if most is not None and len(parts) > most:
            parts = [parts[i] for i in np.linspace(0, len(parts) - 1, most).round().astype(int)]
        blocks += [np.concatenate([prefix, part, suffix]) for part in parts]
        record += [number] * len(parts)
    return _encoded(blocks, np.asarray(record, np.int32), block_tokens, len(texts))


def frame(tokenizer: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the special tokens before and after a text, int32 each."""
    bare = tokenizer("a", add_special_tokens=False, verbose=False)["input_ids"]
    whole = tokenizer("a", verbose=False)["input_ids"]
    begin = next(i for i in range(len(whole)) if whole[i : i + len(bare)] == bare)
    return np.asarray(whole[:begin], np.int32), np.asarray(whole[begin + len(bare) :], np.int32)


def _tokens(tokenizer: Any, texts: Sequence[str]) -> Iterator[np.ndarray]:
    options = {"return_attention_mask": False, "return_token_type_ids": False, "verbose": False}
    for rows in chunks(texts, most=CHUNK):
        chunk = list(texts[rows])
        for ids in tokenizer(chunk, add_special_tokens=False, truncation=False, **options)["input_ids"]:
            yield np.asarray(ids, np.int32)


def _end(tokenizer: Any) -> np.ndarray:
    end = tokenizer.eos_token_id
    return np.asarray([] if end is None else [end], np.int32)


def _encoded(
    blocks: list[np.ndarray], record: np.ndarray | None, limit: int, num_records: int | None = None
) -> Encoded:
    lengths = [len(block) for block in blocks]
    record = np.arange(len(blocks), dtype=np.int32) if record is None else record
    count = len(blocks) if num_records is None else num_records
    return Encoded(
        input_ids=np.concatenate(blocks) if blocks else np.zeros(0, np.int32),
        starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        record=record,
        num_records=count,
        token_type_ids=None,
        offsets=None,
        full_lengths=np.bincount(record, weights=lengths, minlength=count).astype(np.int32),
        limit=limit,
        cut=0,
    )
