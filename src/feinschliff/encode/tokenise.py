"""Tokenise texts into windows, stored flat.

Cost: one pass of the Rust tokenizer over the texts; 4 bytes a token, plus 8 where character offsets are kept,
in memory or, when there are many, in a mapped file (see `column.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from feinschliff.encode.chunks import chunks
from feinschliff.encode.column import Column
from feinschliff.encode.words import unit_offsets


@dataclass(frozen=True)
class Encoded:
    """Token windows of records, one after the other.

    Legend: N records, W windows (W >= N; windows of a record are neighbours), T tokens of all windows.

    Attributes:
        input_ids: int32 [T].
        starts: int64 [W + 1]; window w holds tokens `starts[w]:starts[w + 1]`, special tokens included.
        record: int32 [W], the record of each window, ascending.
        num_records: N.
        token_type_ids: int8 [T], or None when the model has none.
        offsets: int32 [T, 2], characters of the record's text that each labelled token stands for (see
            `words.unit_offsets`), (0, 0) for the other tokens; None unless asked for.
        full_lengths: int32 [N], tokens of the whole text, special tokens included, before windows or cuts.
        limit: Most tokens in a window.
        cut: Number of records that lost tokens.
    """

    input_ids: np.ndarray
    starts: np.ndarray
    record: np.ndarray
    num_records: int
    token_type_ids: np.ndarray | None
    offsets: np.ndarray | None
    full_lengths: np.ndarray
    limit: int
    cut: int

    @property
    def lengths(self) -> np.ndarray:
        """int64 [W], tokens of each window."""
        return np.diff(self.starts)

    @property
    def first_window(self) -> np.ndarray:
        """int64 [N + 1]; record n has the windows `first_window[n]:first_window[n + 1]`."""
        return np.searchsorted(self.record, np.arange(self.num_records + 1))

    @property
    def record_tokens(self) -> np.ndarray:
        """int64 [N], tokens of all windows of each record."""
        return np.diff(self.starts[self.first_window])

    @property
    def num_windows(self) -> int:
        """Number of windows, W."""
        return len(self.record)

    @property
    def windowed(self) -> int:
        """Number of records that needed more than one window."""
        return self.num_over(1)

    def num_over(self, windows: int) -> int:
        """Return the number of records that needed more than so many windows."""
        return int((np.bincount(self.record, minlength=self.num_records) > windows).sum())

    @property
    def token_record(self) -> np.ndarray:
        """int32 [T], the record of each token."""
        return np.repeat(self.record, self.lengths)

    def part(self, begin: int, end: int) -> Encoded:
        """Return the records `begin` to `end` alone, without copying their tokens."""
        first, last = np.searchsorted(self.record, (begin, end))
        tokens = slice(self.starts[first], self.starts[last])
        return replace(
            self,
            input_ids=self.input_ids[tokens],
            starts=self.starts[first : last + 1] - self.starts[first],
            record=self.record[first:last] - np.int32(begin),
            num_records=end - begin,
            token_type_ids=None if self.token_type_ids is None else self.token_type_ids[tokens],
            offsets=None if self.offsets is None else self.offsets[tokens],
            full_lengths=self.full_lengths[begin:end],
        )

    def take(self, records: np.ndarray) -> Encoded:
        """Return some of the records alone.

        Args:
            records: int64, indices of records, ascending.
        """
        chosen = np.isin(self.record, records)
        tokens = np.repeat(chosen, self.lengths)
        return replace(
            self,
            input_ids=self.input_ids[tokens],
            starts=np.concatenate([[0], np.cumsum(self.lengths[chosen])]),
            record=np.searchsorted(records, self.record[chosen]).astype(np.int32),
            num_records=len(records),
            token_type_ids=None if self.token_type_ids is None else self.token_type_ids[tokens],
            offsets=None if self.offsets is None else self.offsets[tokens],
            full_lengths=self.full_lengths[records],
        )


LINE_BREAK = "\n"


def is_separated(tokenizer: Any) -> bool:
    """Return whether a tokenizer puts something between the texts of a pair; that of GPT-2 does not."""
    alone, both = (tokenizer.num_special_tokens_to_add(pair=pair) for pair in (False, True))
    return both > alone


def tokenise(
    tokenizer: Any,
    texts: Sequence[str],
    pairs: Sequence[str] | None = None,
    *,
    max_length_tokens: int,
    windows: bool = True,
    overlap_tokens: int = 32,
    label_pieces: str | None = None,
    words: str = "narrow",
    between: str = "",
) -> Encoded:
    """Tokenise texts, or pairs of texts.

    A text longer than `max_length_tokens` becomes several windows that share `overlap_tokens`, or is cut when
    `windows` is False. Of a pair, the longer text is cut; pairs have one window.

    Args:
        tokenizer: A fast tokenizer of transformers.
        texts, pairs: N texts each.
        max_length_tokens: Limit of a window, special tokens included.
        windows: Read long texts to their end.
        overlap_tokens: Tokens a window repeats from the one before.
        label_pieces: Which tokens of a word are labelled, `first` or `all`; None keeps no offsets, `tokens`
            those of every token as the tokenizer gives them, of pairs in both texts joined by a line break.
        words: What counts as a word, `narrow` or `wide`.
        between: What is put before the second text of a pair: nothing, or a line break.
    """
    windows = windows and pairs is None
    special = tokenizer.num_special_tokens_to_add(pair=pairs is not None)
    overlap = min(overlap_tokens, max(0, (max_length_tokens - special) // 2)) if windows else 0
    with_types = "token_type_ids" in tokenizer.model_input_names
    options = {
        "return_offsets_mapping": label_pieces is not None,
        "return_token_type_ids": with_types,
        "return_attention_mask": False,
        "verbose": False,
    }
    ids, types, spans = Column(np.int32), Column(np.int8), Column(np.int32, 2)
    lengths: list[int] = []
    record: list[int] = []
    full_lengths = np.zeros(len(texts), np.int32)
    for rows in chunks(texts) if pairs is None else chunks(texts, pairs):
        begin, chunk = rows.start, list(texts[rows])
        if pairs is not None:
            second = [between + text for text in pairs[rows]]
            found = _pairs(tokenizer, chunk, second, max_length_tokens, options, len(between))
            full_lengths[begin : begin + len(chunk)] = found.pop("full_lengths")
            owners = range(len(chunk))
        else:
            found = tokenizer(
                chunk,
                truncation=True,
                max_length=max_length_tokens,
                stride=overlap,
                return_overflowing_tokens=True,
                **options,
            )
            owners = found["overflow_to_sample_mapping"]
        begun, raw = len(record), []
        for w, (owner, window) in enumerate(zip(owners, found["input_ids"], strict=True)):
            is_first = w == 0 or owners[w - 1] != owner
            if pairs is None:
                full_lengths[begin + owner] += len(window) if is_first else len(window) - special - overlap
            if not (is_first or windows):
                continue
            empty = not window  # no text, and a tokenizer without special tokens
            window = [tokenizer.pad_token_id] if empty else window
            ids.append(np.asarray(window, np.int32))
            lengths.append(len(window))
            record.append(begin + owner)
            if with_types:
                types.append(np.asarray([0] if empty else found["token_type_ids"][w], np.int8))
            if label_pieces:
                raw.append(np.asarray([(0, 0)] if empty else found["offset_mapping"][w], np.int32))
        if label_pieces:
            texts_of = np.asarray(record[begun:], np.int64) - begin
            starts = np.concatenate([[0], np.cumsum(lengths[begun:])])
            offsets = np.concatenate(raw)
            if label_pieces != "tokens":
                offsets = unit_offsets(chunk, texts_of, starts, offsets, label_pieces, words)
            spans.append(offsets)
    kept = (
        np.bincount(np.asarray(record, np.int64), weights=lengths, minlength=len(texts))
        if record
        else np.zeros(len(texts))
    )
    return Encoded(
        input_ids=ids.finish(),
        starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        record=np.asarray(record, np.int32),
        num_records=len(texts),
        token_type_ids=types.finish() if with_types else None,
        offsets=spans.finish() if label_pieces else None,
        full_lengths=full_lengths,
        limit=max_length_tokens,
        cut=0 if windows else int((full_lengths > kept).sum()),
    )


def _pairs(
    tokenizer: Any,
    first: list[str],
    second: list[str],
    limit: int,
    options: dict[str, Any],
    already: int,
) -> dict[str, Any]:
    """Tokenise pairs, each cut to `limit` tokens, the longer text first; with their full lengths.

    The tokenizer would make a window of every part of one text with every part of the other, millions for two
    long texts. So the texts of a pair that is too long are shortened before they are cut to the token.
    `already` is 1 where the second texts begin with the line break that joins the two for their offsets.
    """
    whole = tokenizer(first, second, truncation=False, **options)
    found = dict(whole)
    found["full_lengths"] = [len(ids) for ids in found["input_ids"]]
    if "offset_mapping" in found:
        found["offset_mapping"] = [_joined(whole, row, len(text) - already) for row, text in enumerate(first)]
    for row, length in enumerate(found["full_lengths"]):
        if length > limit:
            short = [[text] for text in _shortened(tokenizer, first[row], second[row], 2 * limit)]
            cut = tokenizer(*short, truncation="longest_first", max_length=limit, **options)
            for name in cut:
                found[name][row] = cut[name][0]
            if "offset_mapping" in found:
                found["offset_mapping"][row] = _joined(cut, 0, len(first[row]) - already)
    return found


def _joined(found: Any, row: int, length: int) -> list[tuple[int, int]]:
    """Return the offsets of a pair's tokens in both texts joined by a line break; `length` of the first."""
    sides = found.sequence_ids(row)
    shifts = [length + 1 if side else 0 for side in sides]
    return [(b + s, e + s) for (b, e), s in zip(found["offset_mapping"][row], shifts, strict=True)]


def _shortened(tokenizer: Any, first: str, second: str, num_tokens: int) -> tuple[str, str]:
    """Return the beginnings of two texts, about `num_tokens` tokens each; the longer one stays the longer."""
    ends = []
    for text in (first, second):
        tokens = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        ends.append([end for _, end in tokens["offset_mapping"]])
    lengths = len(ends[0]), len(ends[1])
    keep = num_tokens + (lengths[0] > lengths[1]), num_tokens + (lengths[1] > lengths[0])
    begin = [
        text if length <= kept else text[: end[kept - 1]]
        for text, end, length, kept in zip((first, second), ends, lengths, keep, strict=True)
    ]
    return begin[0], begin[1]
