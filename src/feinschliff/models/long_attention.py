"""Attention over long texts in bfloat16 on CPUs: torch's kernel forward, plain products on the way back.

The way back of `scaled_dot_product_attention` on CPUs is slow in bfloat16, and plain products need memory for
the scores of every layer, [B, N, L, L]. Here the scores are computed again on the way back, text by text, so
that those of one text live at a time (as in Rabe and Staats 2021, https://arxiv.org/abs/2112.05682).
Measured in docs/experiments.md.

Legend: B texts, N heads, L tokens, D numbers a head.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable

NAME = "feinschliff_long"


class Recomputed(torch.autograd.Function):
    """Attention that keeps its inputs alone and computes the probabilities again, one text at a time."""

    @staticmethod
    def forward(
        ctx: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        mask: torch.Tensor | None,
        scale: float,
    ) -> torch.Tensor:
        """Attend. *Shape:* query, key, value [B, N, L, D] -> [B, N, L, D].

        Args:
            mask: Bool [B or 1, N or 1, L, L], true where a token is seen; or floats to add to the scores.
        """
        ctx.save_for_backward(query, key, value, mask)
        ctx.scale = scale
        return nn.functional.scaled_dot_product_attention(query, key, value, mask, scale=scale)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, gradient: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, None, None]:
        """Return the gradients of query, key and value."""
        query, key, value, mask = ctx.saved_tensors
        of_queries, of_keys, of_values = (
            torch.empty_like(x, memory_format=torch.contiguous_format) for x in (query, key, value)
        )
        for text, (q, k, v, g) in enumerate(zip(query, key, value, gradient, strict=True)):
            of_query, of_key, of_value = of_queries[text], of_keys[text], of_values[text]
            seen = None if mask is None else mask[text if len(mask) > 1 else 0]
            scaled = q * ctx.scale
            probabilities = _masked(torch.bmm(scaled, k.transpose(1, 2)), seen).softmax(-1)
            torch.bmm(probabilities.transpose(1, 2), g, out=of_value)
            of_scores = torch.ops.aten._softmax_backward_data(
                torch.bmm(g, v.transpose(1, 2)), probabilities, -1, probabilities.dtype
            )
            torch.bmm(of_scores, k, out=of_query)
            of_query *= ctx.scale
            torch.bmm(of_scores.transpose(1, 2), scaled, out=of_key)
        return of_queries, of_keys, of_values, None, None


def _masked(scores: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Apply the mask in place. *Shape:* [N, L, L], mask [N or 1, L, L]."""
    if mask is None:
        return scores
    if mask.dtype == torch.bool:
        return scores.masked_fill_(~mask, torch.finfo(scores.dtype).min)
    return scores.add_(mask)


def register() -> None:
    """Make `NAME` known to transformers; doing so again changes nothing."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    if NAME not in AttentionInterface().valid_keys():
        AttentionInterface.register(NAME, _attention)
        AttentionMaskInterface.register(NAME, sdpa_mask)


def _attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    is_causal: bool | None = None,
    position_bias: torch.Tensor | None = None,
    **more: Any,
) -> tuple[torch.Tensor, None]:
    """Do what transformers' `sdpa` does, by `Recomputed` where that is the same and faster.

    *Shape:* query [B, N, L, D], key and value [B, M, L, D] -> [B, L, N, D].
    """
    causal = bool(getattr(module, "is_causal", True) if is_causal is None else is_causal)
    if (
        dropout
        or position_bias is not None
        or more.get("softcap") is not None
        or (causal and attention_mask is None)
        or not (torch.is_grad_enabled() and query.requires_grad)
        or not query.dtype == key.dtype == value.dtype == torch.bfloat16
        or not query.shape == key.shape == value.shape
    ):
        from transformers.integrations.sdpa_attention import sdpa_attention_forward

        return sdpa_attention_forward(
            module,
            query,
            key,
            value,
            attention_mask,
            dropout=dropout,
            scaling=scaling,
            is_causal=is_causal,
            position_bias=position_bias,
            **more,
        )
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    attended: torch.Tensor = Recomputed.apply(query, key, value, attention_mask, scale)
    return attended.transpose(1, 2).contiguous(), None
