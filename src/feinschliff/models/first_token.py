"""Compute the top layer for the first token alone, where the head reads nothing else.

A classifier of the BERT family looks at the first token of the top layer. The other tokens of that layer
matter only as keys and values: their queries, attention, and feed-forward part (5/6 of the layer's products)
are never used. Leaving them out changes no logit and saves a seventh of a 6-layer model's work.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn

from feinschliff.models.layers import layers

MODEL_TYPES = ("bert", "camembert", "electra", "roberta", "xlm-roberta")


def supported(model: Any) -> bool:
    """Return whether the model is a text classifier whose top layer can be narrowed."""
    name = type(model).__name__
    return model.config.model_type in MODEL_TYPES and name.endswith("ForSequenceClassification")


@contextmanager
def first_token_only(model: Any) -> Iterator[None]:
    """Within the context the top layer returns one token: [B, L, H] -> [B, 1, H]."""
    top = layers(model)[-1]
    top.forward = partial(_forward, top)
    try:
        yield
    finally:
        del top.forward


def _forward(
    layer: Any,
    hidden_states: torch.Tensor,
    attention_mask: torch.Tensor | None = None,
    *rest: Any,
    **more: Any,
) -> torch.Tensor:
    """Do what the layer's own `forward` does, for the first query. *Shape:* [B, L, H] -> [B, 1, H]."""
    attention = layer.attention.self
    first = hidden_states[:, :1]

    def heads(x: torch.Tensor) -> torch.Tensor:
        return x.view(*x.shape[:-1], -1, attention.attention_head_size).transpose(1, 2)

    query, key, value = (
        heads(attention.query(first)),
        heads(attention.key(hidden_states)),
        heads(attention.value(hidden_states)),
    )
    scores = torch.matmul(query, key.transpose(2, 3)) * attention.scaling
    if attention_mask is not None:
        mask = attention_mask[:, :, :1]
        scores = (
            scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
            if mask.dtype == torch.bool
            else scores + mask
        )
    weights = nn.functional.dropout(scores.softmax(-1), attention.dropout.p, layer.training)
    context = torch.matmul(weights, value).transpose(1, 2).flatten(2)
    return layer.feed_forward_chunk(layer.attention.output(context, first))
