"""Layers of the BERT family in fewer, larger steps, for predicting on CPUs.

Query, key and value become one product. Bias, activation and residual are added while a product is written,
attention is one kernel, and weights are laid out once as oneDNN reads them instead of at every call. Padding
is left out of all products; for attention alone, texts of like length are put together and padded. What
comes out is what the plain layers compute, up to rounding. In bfloat16, where the products themselves are
fast, this is 1.3 times their speed; see docs/experiments.md.

The operators are those that `torch.compile` puts into its graphs, without the minutes it takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from feinschliff.models.first_token import MODEL_TYPES, supported
from feinschliff.models.layers import layers
from feinschliff.models.unpadded import Packing

ACTIVATIONS = ("gelu", "relu")
"""Activations that are computed within a product; others afterwards."""
KEYS = 16
"""Keys are padded to a multiple: the attention kernel takes up to twice as long for other numbers."""


class Product:
    """A linear layer whose weights are laid out for oneDNN.

    Args:
        parts: Linear layers that read the same input; their outputs come side by side.
    """

    def __init__(self, *parts: nn.Linear):
        weight = torch.cat([part.weight for part in parts]).detach()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight, None)
        self.bias = torch.cat([part.bias for part in parts]).detach()

    def __call__(self, x: torch.Tensor, activation: str = "none") -> torch.Tensor:
        """Return the product with its bias, activated. *Shape:* [N, K] -> [N, M]."""
        return torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, activation, [], "none")

    def plus(self, x: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """Return the product with its bias, and `other` added. *Shape:* [N, K], [N, M] -> [N, M]."""
        return torch.ops.mkldnn._linear_pointwise.binary(x, other, self.weight, self.bias, "add")


@dataclass(frozen=True)
class Groups:
    """Texts of like length, for attention: their tokens side by side, padded to a multiple of `KEYS`.

    Attributes:
        places: int64 [P], which of the T tokens stands at each place of all groups; any at padding.
        back: int64 [T], the place of each token.
        shapes: Texts and padded length of each group.
        seen: Per group bool [texts, 1, 1, length], true where there is a token.
    """

    places: torch.Tensor
    back: torch.Tensor
    shapes: list[tuple[int, int]]
    seen: list[torch.Tensor]

    @classmethod
    def of(cls, packing: Packing, more: int = 0) -> Groups:
        """Group the texts of a packed batch, after which `more` tokens stand that mean nothing."""
        begins, lengths = packing.ends[:-1].long(), packing.ends.diff().long()
        places, shapes, seen = [], [], []
        widths = -(-lengths // KEYS) * KEYS
        for width in widths[widths > 0].unique().tolist():
            chosen = (widths == width).nonzero()[:, 0]
            within = torch.arange(width).expand(len(chosen), width)
            mask = within < lengths[chosen, None]
            places.append((begins[chosen, None] + within * mask).flatten())
            shapes.append((len(chosen), width))
            seen.append(mask[:, None, None])
        where = torch.cat(places)
        real = torch.cat([mask.flatten() for mask in seen])
        back = torch.empty(int(lengths.sum()), dtype=torch.long)
        back[where[real]] = real.nonzero()[:, 0]
        return cls(where, functional.pad(back, (0, more)), shapes, seen)

    def attend(self, read: torch.Tensor, num_heads: int, scaling: float) -> torch.Tensor:
        """Attend within each text. *Shape:* queries, keys and values [T, 3 * H] -> [T, H]."""
        padded = read.index_select(0, self.places)
        found = []
        sizes = [count * length for count, length in self.shapes]
        for part, (count, length), seen in zip(padded.split(sizes), self.shapes, self.seen, strict=True):
            query, key, value = part.view(count, length, 3, num_heads, -1).permute(2, 0, 3, 1, 4)
            context = functional.scaled_dot_product_attention(query, key, value, seen, scale=scaling)
            found.append(context.transpose(1, 2).reshape(count * length, -1))
        return torch.cat(found).index_select(0, self.back)


class FusedLayer(nn.Module):
    """What a layer of an encoder computes when it predicts.

    Args:
        layer: Of a model that `fuse` takes; its weights are copied.
        activation: Name of the activation in its configuration.

    Attributes:
        groups: Of the batch that is being computed, see `without_padding`.
    """

    groups: Groups | None = None

    def __init__(self, layer: Any, activation: str):
        super().__init__()
        own = layer.attention.self
        self.num_heads, self.scaling = own.num_attention_heads, own.scaling
        self.read = Product(own.query, own.key, own.value)
        self.mix = Product(layer.attention.output.dense)
        self.widen = Product(layer.intermediate.dense)
        self.narrow = Product(layer.output.dense)
        self.norms = nn.ModuleList([layer.attention.output.LayerNorm, layer.output.LayerNorm])
        self.activation = activation if activation in ACTIVATIONS else "none"
        self.activate = nn.Identity() if activation in ACTIVATIONS else layer.intermediate.intermediate_act_fn

    def forward(self, hidden_states: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        """Return the layer's output. *Shape:* [1, T, H] -> the same.

        Args:
            hidden_states: The T tokens of a batch, one text after the other.
        """
        assert self.groups
        x = hidden_states[0]
        context = self.groups.attend(self.read(x), self.num_heads, self.scaling)
        attended, output = self.norms
        x = attended(self.mix.plus(context, x))
        wide = self.activate(self.widen(x, self.activation))
        return output(self.narrow.plus(wide, x))[None]


@contextmanager
def without_padding(model: Any, attention_mask: torch.Tensor) -> Iterator[None]:
    """Within the context the fused layers of a model can be used; between them there is no padding.

    Args:
        model: One that `fuse` has changed, or not.
        attention_mask: int64 [B, L], 1 for tokens, 0 for padding.
    """
    fused = [layer for layer in layers(model) if isinstance(layer, FusedLayer)]
    if not fused:
        yield
        return
    packing = Packing.of(attention_mask)
    num_tokens = len(packing.places)
    more = rounded(num_tokens) - num_tokens
    groups = Groups.of(packing, more)

    def pack(_: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return functional.pad(packing.pack(inputs[0]), (0, 0, 0, more)), *inputs[1:]

    def unpack(_: nn.Module, __: Any, output: torch.Tensor) -> torch.Tensor:
        return packing.unpack(output[:, :num_tokens])

    hooks = [fused[0].register_forward_pre_hook(pack), fused[-1].register_forward_hook(unpack)]
    for layer in fused:
        layer.groups = groups
    try:
        yield
    finally:
        for layer in fused:
            layer.groups = None
        for hook in hooks:
            hook.remove()


def rounded(num_tokens: int) -> int:
    """Return a number of tokens with at most four digits, in base two, that count.

    oneDNN prepares a kernel for every shape it meets, which takes as long as some hundred tokens.
    """
    step = max(16, 1 << max(0, num_tokens.bit_length() - 4))
    return -(-num_tokens // step) * step


def fuse(model: Any) -> int:
    """Replace the layers of a model that will only predict, on a CPU, and return how many.

    None of architectures that are built otherwise, of layers with adapters, and where oneDNN does not
    multiply the model's type of numbers. The top layer of models that read one token of it stays, see
    `first_token`.
    """
    config = model.config
    dtype = next(model.parameters()).dtype
    if config.model_type not in MODEL_TYPES or config.is_decoder or not _multiplies(dtype):
        return 0
    stack = layers(model)
    kept = 1 if supported(model) else 0
    chosen = range(len(stack) - kept)
    if any(type(m) is not nn.Linear for i in chosen for m in stack[i].modules() if hasattr(m, "in_features")):
        return 0
    for i in chosen:
        stack[i] = FusedLayer(stack[i], config.hidden_act)
    return len(chosen)


def _multiplies(dtype: torch.dtype) -> bool:
    """Return whether oneDNN has products of this type here."""
    if not torch.backends.mkldnn.is_available() or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return False
    return dtype == torch.float32 or (
        dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )
