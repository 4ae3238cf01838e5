"""Vectors of texts from a pretrained encoder as it is."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch

from feinschliff.encode import Encoded, collate, plan_inference
from feinschliff.models.attention import choose_attention


def embed(
    backbone: Any,
    encoded: Encoded,
    device: torch.device,
    pad_id: int,
    context: AbstractContextManager[Any],
    micro_batch_tokens: int = 4096,
) -> np.ndarray:
    """Return the mean of the last hidden states over each record's tokens, float32 [N, H].

    Args:
        backbone: A transformers model without head; of one with a decoder, its encoder is used.
        encoded: N records; the windows of a record are averaged by their number of tokens.
        pad_id: Token id of padding.
        context: Precision in which to compute, such as `torch.autocast`.
    """
    if backbone.config.is_encoder_decoder:
        backbone = backbone.get_encoder()
    width = backbone.config.hidden_size
    sums = np.zeros((encoded.num_records, width), np.float64)
    backbone.eval()
    with torch.inference_mode(), context:
        for windows in plan_inference(encoded, micro_batch_tokens):
            batch = collate(encoded, windows, pad_id)
            inputs = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
            if batch.token_type_ids is not None:
                inputs["token_type_ids"] = batch.token_type_ids
            choose_attention(backbone, device.type, batch.input_ids.shape[1])
            tensors = {k: torch.from_numpy(v).to(device) for k, v in inputs.items()}
            hidden = backbone(**tensors).last_hidden_state.float()
            total = (hidden * tensors["attention_mask"][:, :, None]).sum(1)
            np.add.at(sums, encoded.record[windows], total.cpu().double().numpy())
    return (sums / np.maximum(encoded.record_tokens, 1)[:, None]).astype(np.float32)
