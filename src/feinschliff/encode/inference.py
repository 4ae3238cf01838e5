"""Logits of encoded texts, whatever computes them: torch, onnxruntime.

Windows are computed in batches of like length; those of one record are averaged. Every runtime goes through
here, so that long texts are read alike everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from feinschliff.encode.batches import Batch, collate, plan_inference
from feinschliff.encode.tokenise import Encoded


def window_logits(
    encoded: Encoded,
    forward: Callable[[Batch], np.ndarray],
    *,
    pad_id: int,
    width: int,
    per_token: bool,
    micro_batch_tokens: int,
    overhead_tokens: float = 0,
    progress: Callable[[int], None] | None = None,
    workers: int = 1,
) -> np.ndarray:
    """Return the logits of N records: float32 [N, K], or [T, K] per token.

    Args:
        encoded: N records of T tokens.
        forward: Gives the logits of a batch of B windows of L tokens, whose `window_record` is 0 to B - 1:
            float32 [B, K], or [B, L, K] per token.
        pad_id: Token id of padding.
        width: K.
        per_token: Whether each token has logits of its own.
        micro_batch_tokens: Most padded tokens of a batch (one window always fits).
        overhead_tokens: What a batch costs besides its tokens, in tokens.
        progress: Called with the number of windows done, batch by batch.
        workers: Batches computed at the same time, by threads; `forward` must bear that.
    """

    def compute(windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        windows = np.sort(windows)
        return windows, forward(collate(encoded, windows, pad_id, of_windows=True))

    found = np.zeros((len(encoded.input_ids) if per_token else encoded.num_windows, width), np.float32)
    plan = plan_inference(encoded, micro_batch_tokens, overhead_tokens)
    for windows, out in _in_order(compute, plan, workers):
        if per_token:
            for row, window in enumerate(windows):
                begin, end = encoded.starts[window], encoded.starts[window + 1]
                found[begin:end] = out[row, : end - begin]
        else:
            found[windows] = out
        if progress:
            progress(len(windows))
    return found if per_token else mean_of_windows(found, encoded)


def mean_of_windows(logits: np.ndarray, encoded: Encoded) -> np.ndarray:
    """Average the logits of each record's windows: [W, K] -> [N, K]."""
    if encoded.num_windows == encoded.num_records:
        return logits
    sums = np.add.reduceat(logits, encoded.first_window[:-1], axis=0)
    return sums / np.bincount(encoded.record, minlength=encoded.num_records)[:, None].astype(np.float32)


def _in_order(
    compute: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]], plan: list[np.ndarray], workers: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    if workers == 1 or len(plan) < 2:
        yield from map(compute, plan)
        return
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(compute, plan)
