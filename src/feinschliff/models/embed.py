"""Vectors of texts, or of single tokens, from a pretrained encoder as it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch

from feinschliff.encode import Encoded, collate, plan_inference
from feinschliff.models.attention import choose_attention

MICRO_BATCH_TOKENS = 4096


def embed(
    backbone: Any,
    encoded: Encoded,
    device: torch.device,
    pad_id: int,
    context: AbstractContextManager[Any],
    micro_batch_tokens: int = MICRO_BATCH_TOKENS,
) -> np.ndarray:
    """Return the mean of the last hidden states over each record's tokens, float32 [N, H].

    Args:
        backbone: A transformers model without head; of one with a decoder, its encoder is used.
        encoded: N records; the windows of a record are averaged by their number of tokens.
        pad_id: Token id of padding.
        context: Precision in which to compute, such as `torch.autocast`.
        micro_batch_tokens: Tokens computed at once, padding included.
    """
    sums = np.zeros((encoded.num_records, backbone.config.hidden_size), np.float64)
    for windows, hidden, mask in _hidden(backbone, encoded, device, pad_id, context, micro_batch_tokens):
        total = (hidden * mask[:, :, None]).sum(1)
        np.add.at(sums, encoded.record[windows], total.cpu().double().numpy())
    return (sums / np.maximum(encoded.record_tokens, 1)[:, None]).astype(np.float32)


def embed_tokens(
    backbone: Any,
    encoded: Encoded,
    tokens: np.ndarray,
    device: torch.device,
    pad_id: int,
    context: AbstractContextManager[Any],
    micro_batch_tokens: int = MICRO_BATCH_TOKENS,
) -> np.ndarray:
    """Return the last hidden states of some tokens, float32 [U, H].

    Args:
        tokens: int64 [U], their places among the tokens of `encoded`.
        backbone, encoded, device, pad_id, context, micro_batch_tokens: As for `embed`.
    """
    vectors = np.zeros((len(tokens), backbone.config.hidden_size), np.float32)
    row_of = np.full(encoded.starts[-1], -1)
    row_of[tokens] = np.arange(len(tokens))
    for windows, hidden, _ in _hidden(backbone, encoded, device, pad_id, context, micro_batch_tokens):
        states = hidden.cpu().numpy()
        for place, window in enumerate(windows):
            rows = row_of[encoded.starts[window] : encoded.starts[window + 1]]
            wanted = np.flatnonzero(rows >= 0)
            vectors[rows[wanted]] = states[place, wanted]
    return vectors


def _hidden(
    backbone: Any,
    encoded: Encoded,
    device: torch.device,
    pad_id: int,
    context: AbstractContextManager[Any],
    micro_batch_tokens: int,
) -> Iterator[tuple[np.ndarray, torch.Tensor, torch.Tensor]]:
    """Yield (windows [B], their last hidden states float32 [B, L, H], which tokens are none of padding)."""
    if backbone.config.is_encoder_decoder:
        backbone = backbone.get_encoder()
    backbone.eval()
    with torch.inference_mode(), context:
        for windows in plan_inference(encoded, micro_batch_tokens):
            batch = collate(encoded, windows, pad_id)
            inputs = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
            if batch.token_type_ids is not None:
                inputs["token_type_ids"] = batch.token_type_ids
            choose_attention(backbone, device.type, batch.input_ids.shape[1])
            tensors = {k: torch.from_numpy(v).to(device) for k, v in inputs.items()}
            yield windows, backbone(**tensors).last_hidden_state.float(), tensors["attention_mask"]
