"""Batches of like length under a token budget.

Padding is the waste of text models: batches of random sentences compute about twice the tokens they hold.
Here texts are shuffled, sorted by length only within a stretch of some batches, and the batches shuffled
again: the order stays random enough to learn from, the padding falls to a few per cent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from feinschliff.encode.tokenise import Encoded

STRETCH = 32  # batches within which texts are sorted by length


@dataclass(frozen=True)
class Batch:
    """Padded windows of some records.

    Legend: B windows, L tokens of the longest, R records.

    Attributes:
        input_ids: int64 [B, L].
        attention_mask: int64 [B, L], 1 for tokens, 0 for padding.
        token_type_ids: int64 [B, L], or None.
        window_record: int64 [B], index into `records` of each window.
        records: int64 [R], indices of the records in the encoded data.
        windows: int64 [B], indices of the windows in the encoded data.
    """

    input_ids: np.ndarray
    attention_mask: np.ndarray
    token_type_ids: np.ndarray | None
    window_record: np.ndarray
    records: np.ndarray
    windows: np.ndarray

    @property
    def num_tokens(self) -> int:
        """Tokens that are not padding."""
        return int(self.attention_mask.sum())


def plan_epoch(
    encoded: Encoded, batch_size: int, micro_batch_tokens: int, max_windows: int, rng: np.random.Generator
) -> list[list[tuple[np.ndarray, np.ndarray]]]:
    """Plan one pass over the records: a list of optimiser steps, each a list of micro-batches.

    Args:
        encoded: The training data.
        batch_size: Records of one optimiser step.
        micro_batch_tokens: Most padded tokens of a micro-batch (one record always fits).
        max_windows: Windows of one record used in this epoch; more are sampled, in order.
        rng: Source of the order.

    Returns:
        Per step, per micro-batch: (records [R], windows [B]).
    """
    order = rng.permutation(encoded.num_records)
    first, lengths = encoded.first_window, encoded.lengths
    longest = np.maximum.reduceat(lengths, first[:-1]) if encoded.num_records else lengths
    stretch = batch_size * STRETCH
    steps = []
    for begin in range(0, len(order), stretch):
        part = order[begin : begin + stretch]
        part = part[np.argsort(longest[part], kind="stable")]
        steps += [part[i : i + batch_size] for i in range(0, len(part), batch_size)]
    shuffled = [steps[i] for i in rng.permutation(len(steps))]
    widths = np.array([padded(length, encoded.limit) for length in longest], np.int64)
    return [_split(records, first, widths, micro_batch_tokens, max_windows, rng) for records in shuffled]


def plan_inference(encoded: Encoded, micro_batch_tokens: int, overhead_tokens: float = 0) -> list[np.ndarray]:
    """Plan a pass without gradients: every window once, sorted by length, in the cheapest batches.

    A batch costs its padded tokens and an overhead. Few texts of different lengths are cheaper in several
    batches than padded to one length; the best places to cut between lengths are found exactly.

    Args:
        encoded: N windows.
        micro_batch_tokens: Most padded tokens of a batch (one window always fits).
        overhead_tokens: What a batch costs besides its tokens, in tokens.

    Returns:
        Window indices per batch.
    """
    lengths = encoded.lengths
    order = np.argsort(lengths, kind="stable")
    widths = np.array([padded(length, encoded.limit) for length in lengths[order]], np.int64)
    batches: list[np.ndarray] = []
    for first, last in _cuts(widths, micro_batch_tokens, overhead_tokens):
        begin = first
        while begin < last:
            end = begin + 1
            while end < last and (end - begin + 1) * widths[end] <= micro_batch_tokens:
                end += 1
            batches.append(order[begin:end])
            begin = end
    return batches


def _cuts(widths: np.ndarray, budget: int, overhead: float) -> list[tuple[int, int]]:
    """Return the stretches of ascending widths whose padding to their widest costs least together.

    Cost: U steps for U different widths, by dynamic programming.
    """
    if not len(widths) or not overhead:
        return [(0, len(widths))]
    longest, counts = np.unique(widths, return_counts=True)
    ends = np.concatenate([[0], np.cumsum(counts)])
    best, cut = np.zeros(len(ends)), np.zeros(len(ends), np.int64)
    for end in range(1, len(ends)):
        tokens = (ends[end] - ends[:end]) * longest[end - 1]
        cost = best[:end] + tokens + overhead * np.ceil(tokens / budget)
        cut[end] = cost.argmin()
        best[end] = cost[cut[end]]
    found = []
    end = len(longest)
    while end:
        found.append((int(ends[cut[end]]), int(ends[end])))
        end = int(cut[end])
    return found[::-1]


def collate(
    encoded: Encoded,
    windows: np.ndarray,
    pad_id: int,
    records: np.ndarray | None = None,
    *,
    of_windows: bool = False,
) -> Batch:
    """Pad windows to one length.

    Args:
        encoded: Where the windows lie.
        windows: int64 [B].
        pad_id: Token id of the padding.
        records: int64 [R] in the order wanted; those of the windows, ascending, when not given.
        of_windows: Let every window stand for itself: `records` are the windows.
    """
    begin, end = encoded.starts[windows], encoded.starts[windows + 1]
    lengths = end - begin
    places = np.arange(padded(lengths.max(), encoded.limit))
    mask = places < lengths[:, None]
    where = (begin[:, None] + places)[mask]
    input_ids = np.full(mask.shape, pad_id, np.int64)
    input_ids[mask] = encoded.input_ids[where]
    types = None
    if encoded.token_type_ids is not None:
        types = np.zeros(mask.shape, np.int64)
        types[mask] = encoded.token_type_ids[where]
    if of_windows:
        return Batch(input_ids, mask.astype(np.int64), types, np.arange(len(windows)), windows, windows)
    owners = encoded.record[windows].astype(np.int64)
    records = np.unique(owners) if records is None else records
    order = np.argsort(records, kind="stable")
    window_record = order[np.searchsorted(records[order], owners)]
    return Batch(input_ids, mask.astype(np.int64), types, window_record, records, windows)


def padded(length: int, limit: int) -> int:
    """Return the length a batch whose longest window has `length` tokens is padded to.

    Few lengths occur, because kernels are prepared and kept in memory for every shape they meet.
    """
    step = 4 if length <= 64 else 8 if length <= 128 else 16
    return int(min(limit, -(-length // step) * step))


def _split(
    records: np.ndarray,
    first: np.ndarray,
    widths: np.ndarray,
    budget: int,
    max_windows: int,
    rng: np.random.Generator,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Cut a step's records, shortest first, into micro-batches of at most `budget` tokens.

    Those that are not the last have a number of records that divides by four, for the sake of few shapes.
    """
    chosen = []
    for record in records:
        windows = np.arange(first[record], first[record + 1])
        if len(windows) > max_windows:
            windows = np.sort(rng.choice(windows, max_windows, replace=False))
        chosen.append(windows)
    micro: list[tuple[np.ndarray, np.ndarray]] = []
    begin = 0
    while begin < len(records):
        end, count, width = begin, 0, 0
        while end < len(records):
            count, width = count + len(chosen[end]), max(width, int(widths[records[end]]))
            if end > begin and count * width > budget:
                break
            end += 1
        if end < len(records) and end - begin > 4:
            end -= (end - begin) % 4
        micro.append((records[begin:end], np.concatenate(chosen[begin:end])))
        begin = end
    return micro
