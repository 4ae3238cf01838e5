"""Layers of the BERT family in fewer, larger steps, for predicting on CPUs.

Query, key and value become one product. Bias, activation and residual are added while a product is written,
attention is one kernel, and weights are laid out once as oneDNN reads them instead of at every call. What
comes out is what the plain layers compute, up to rounding. In bfloat16, where the products themselves are
fast, this is 1.3 times their speed; see docs/experiments.md.

The operators are those that `torch.compile` puts into its graphs, without the minutes it takes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from feinschliff.models.first_token import MODEL_TYPES, supported
from feinschliff.models.layers import layers

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


class FusedLayer(nn.Module):
    """What a layer of an encoder computes when it predicts.

    Args:
        layer: Of a model that `fuse` takes; its weights are copied.
        activation: Name of the activation in its configuration.
    """

    def __init__(self, layer: Any, activation: str):
        super().__init__()
        own = layer.attention.self
        self.head_size, self.scaling = own.attention_head_size, own.scaling
        self.read = Product(own.query, own.key, own.value)
        self.mix = Product(layer.attention.output.dense)
        self.widen = Product(layer.intermediate.dense)
        self.narrow = Product(layer.output.dense)
        self.norms = nn.ModuleList([layer.attention.output.LayerNorm, layer.output.LayerNorm])
        self.activation = activation if activation in ACTIVATIONS else "none"
        self.activate = nn.Identity() if activation in ACTIVATIONS else layer.intermediate.intermediate_act_fn

    def forward(
        self, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None = None, *_: Any, **__: Any
    ) -> torch.Tensor:
        """Return the layer's output.

        Args:
            hidden_states: [B, L, H].
            attention_mask: [B, 1, 1 or L, L], bool or what is added to the scores.
        """
        size, length, width = hidden_states.shape
        x = hidden_states.reshape(size * length, width)
        read = self.read(x).view(size, length, 3, -1, self.head_size)
        query = read[:, :, 0].transpose(1, 2)
        if more := -length % KEYS:
            read = functional.pad(read[:, :, 1:], (0, 0, 0, 0, 0, 0, 0, more))
            attention_mask = _hide(attention_mask, length, more, x)
        key, value = read[:, :, -2].transpose(1, 2), read[:, :, -1].transpose(1, 2)
        context = functional.scaled_dot_product_attention(
            query, key, value, attention_mask, scale=self.scaling
        )
        attended, output = self.norms
        x = attended(self.mix.plus(context.transpose(1, 2).flatten(2).flatten(0, 1), x))
        wide = self.activate(self.widen(x, self.activation))
        return output(self.narrow.plus(wide, x)).view(size, length, width)


def _hide(mask: torch.Tensor | None, length: int, more: int, like: torch.Tensor) -> torch.Tensor:
    """Return the attention mask with `more` keys that nothing looks at."""
    if mask is None:
        mask = like.new_zeros(1, 1, 1, length)
    hidden = False if mask.dtype == torch.bool else torch.finfo(mask.dtype).min
    return functional.pad(mask, (0, more), value=hidden)


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
