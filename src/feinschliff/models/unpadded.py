"""Compute the tokens of a batch and no padding, for any encoder that uses transformers' attention interface.

Before the first layer the hidden states [B, L, H] are packed to [1, T, H], the T tokens of all texts one
after the other; after the last layer they are put back. Embeddings, heads and poolers see what they always
see, so that any of them works. In between, attention is computed text by text by `torch.nn.attention.varlen`
on GPUs, and elsewhere by a plain loop that serves to test the path.

Legend: B texts, L tokens of the longest, T tokens of all, N heads, D numbers a head.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from feinschliff.models.layers import layers

NAME = "feinschliff_unpadded"


@dataclass(frozen=True)
class Packing:
    """Where the tokens of a batch lie.

    Attributes:
        places: int64 [T], indices of the tokens among the B * L places.
        ends: int32 [B + 1], where each text ends among the tokens, 0 first.
        shape: (B, L).
    """

    places: torch.Tensor
    ends: torch.Tensor
    shape: tuple[int, int]

    @classmethod
    def of(cls, attention_mask: torch.Tensor) -> Packing:
        """Return where the tokens lie by a mask, int64 [B, L], 1 for tokens, 0 for padding."""
        ends = nn.functional.pad(attention_mask.sum(1).cumsum(0), (1, 0)).to(torch.int32)
        shape = attention_mask.shape[0], attention_mask.shape[1]
        return cls(attention_mask.flatten().nonzero()[:, 0], ends, shape)

    def pack(self, tensor: torch.Tensor) -> torch.Tensor:
        """*Shape:* [B or 1, L, ...] -> [1, T, ...]; any other shape stays."""
        num_texts, length = self.shape
        if tensor.ndim < 2 or tensor.shape[0] not in (1, num_texts) or tensor.shape[1] != length:
            return tensor
        whole = tensor.expand(num_texts, *tensor.shape[1:])
        return whole.flatten(0, 1).index_select(0, self.places)[None]

    def unpack(self, tensor: torch.Tensor) -> torch.Tensor:
        """*Shape:* [1, T, H] -> [B, L, H], zeros where there is no token."""
        num_texts, length = self.shape
        whole = tensor.new_zeros(num_texts * length, *tensor.shape[2:])
        return whole.index_copy(0, self.places, tensor[0]).unflatten(0, self.shape)


_PACKING: ContextVar[Packing] = ContextVar("packing")


def supported(model: Any) -> bool:
    """Return whether the model's attention can be replaced, and has no dropout and no cap on its scores."""
    config = model.config
    names = ("attention_probs_dropout_prob", "attention_dropout", "attn_pdrop")
    no_dropout = not any(getattr(config, name, 0) for name in names)
    has_cap = getattr(config, "attn_logit_softcapping", None) is not None
    is_plain = no_dropout and not has_cap and not config.is_encoder_decoder
    return bool(model._supports_attention_backend) and is_plain


@contextmanager
def unpadded(model: Any, attention_mask: torch.Tensor) -> Iterator[None]:
    """Within the context the layers compute tokens only.

    Args:
        model: See `supported`.
        attention_mask: int64 [B, L], 1 for tokens, 0 for padding.
    """
    _register()
    packing = Packing.of(attention_mask)
    stack = layers(model)
    packed: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
    hooks = [
        layer.register_forward_pre_hook(partial(_pack, packing, packed), with_kwargs=True) for layer in stack
    ]
    hooks.append(stack[-1].register_forward_hook(partial(_unpack, packing)))
    before = model.config._attn_implementation
    model.set_attn_implementation(NAME)
    token = _PACKING.set(packing)
    try:
        yield
    finally:
        _PACKING.reset(token)
        model.set_attn_implementation(before)
        for hook in hooks:
            hook.remove()


def _pack(
    packing: Packing,
    packed: dict[int, tuple[torch.Tensor, torch.Tensor]],
    layer: nn.Module,
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Pack every tensor a layer is given; what all layers share, such as rotations, is packed once."""

    def pack(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(pack(each) for each in value)
        if not isinstance(value, torch.Tensor):
            return value
        if id(value) not in packed:
            packed[id(value)] = value, packing.pack(value)  # the value is kept: its id must not be used again
        return packed[id(value)][1]

    return tuple(pack(value) for value in arguments), {name: pack(value) for name, value in keywords.items()}


def _unpack(packing: Packing, layer: nn.Module, inputs: Any, output: Any) -> Any:
    if isinstance(output, tuple):
        return packing.unpack(output[0]), *output[1:]
    return packing.unpack(output)


def _register() -> None:
    from transformers import AttentionInterface

    if NAME not in AttentionInterface().valid_keys():
        AttentionInterface.register(NAME, _attention)


@torch.compiler.disable
def _attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    is_causal: bool | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attend within each text. *Shape:* query [1, N, T, D], key and value [1, M, T, D] -> [1, T, N, D].

    Args:
        sliding_window: Tokens seen to each side, one more than that.
    """
    assert not dropout
    causal = bool(getattr(module, "is_causal", False) if is_causal is None else is_causal)
    reach = -1 if sliding_window is None else sliding_window - 1
    window = (reach, 0 if causal else reach)
    packing = _PACKING.get()
    query, key, value = (x[0].transpose(0, 1) for x in (query, key, value))
    compute = _by_kernel if query.is_cuda and query.dtype in (torch.bfloat16, torch.float16) else _one_by_one
    return compute(query, key, value, packing, scaling, window)[None], None


def _by_kernel(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    packing: Packing,
    scaling: float | None,
    window: tuple[int, int],
) -> torch.Tensor:
    from torch.nn.attention.varlen import varlen_attn

    longest = packing.shape[1]
    shared = query.shape[1] != key.shape[1]
    found = varlen_attn(
        query,
        key,
        value,
        packing.ends,
        packing.ends,
        longest,
        longest,
        scale=scaling,
        window_size=window,
        enable_gqa=shared,
    )
    assert isinstance(found, torch.Tensor)
    return found


def _one_by_one(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    packing: Packing,
    scaling: float | None,
    window: tuple[int, int],
) -> torch.Tensor:
    """Do what the kernel does: [T, N, D], [T, M, D] -> [T, N, D]."""
    sizes = packing.ends.diff().tolist()
    shared = query.shape[1] != key.shape[1]
    found = []
    for q, k, v in zip(*(x.transpose(0, 1).split(sizes, 1) for x in (query, key, value)), strict=True):
        distance = torch.arange(q.shape[1], device=q.device)
        distance = distance[:, None] - distance
        seen = torch.ones_like(distance, dtype=torch.bool)
        if window[0] >= 0:
            seen &= distance <= window[0]
        if window[1] >= 0:
            seen &= -distance <= window[1]
        found.append(
            nn.functional.scaled_dot_product_attention(
                q[None], k[None], v[None], attn_mask=seen, scale=scaling, enable_gqa=shared
            )[0]
        )
    return torch.cat(found, 1).transpose(0, 1)
