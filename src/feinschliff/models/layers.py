"""The layers of an encoder, whatever its architecture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn


def layers(model: nn.Module) -> nn.ModuleList:
    """Return the stack of layers of the backbone: its largest `ModuleList`."""
    backbone = getattr(model, "base_model", model)
    stacks = [m for m in backbone.modules() if isinstance(m, nn.ModuleList) and len(m)]
    assert stacks, f"{type(model).__name__} has no stack of layers"
    if len(stacks) == 1:
        return stacks[0]
    return max(stacks, key=lambda stack: sum(p.numel() for p in stack.parameters()))


def stacks(model: nn.Module) -> list[nn.ModuleList]:
    """Return the stack of layers, or those of encoder and decoder where the backbone has both."""
    backbone: Any = getattr(model, "base_model", model)
    both = [part for name in ("encoder", "decoder") if (part := getattr(backbone, name, None)) is not None]
    if len(both) == 2 and backbone.config.is_encoder_decoder:
        return [layers(part) for part in both]
    return [layers(model)]


def all_layers(model: nn.Module) -> list[nn.Module]:
    """Return the layers from the lowest to the top one; those of an encoder lie below its decoder's."""
    return [layer for stack in stacks(model) for layer in stack]


def depths(model: nn.Module) -> dict[str, int]:
    """Return the depth of every parameter by name: 0 embeddings, 1 to n layers, n + 1 what is above them.

    Parameters that belong to the backbone but to no layer lie below (embeddings, their projections and norms,
    relative positions) when they come before the stack, else above (final norm, pooler).
    """
    stack = all_layers(model)
    layer_of = {id(p): i + 1 for i, layer in enumerate(stack) for p in layer.parameters()}
    backbone = getattr(model, "base_model", model)
    inside = {id(p) for p in backbone.parameters()}
    found: dict[str, int] = {}
    seen_layer = False
    for name, parameter in model.named_parameters():
        if id(parameter) in layer_of:
            found[name] = layer_of[id(parameter)]
            seen_layer = True
        elif id(parameter) in inside and (not seen_layer or "embedding" in name):
            found[name] = 0
        else:
            found[name] = len(stack) + 1
    return found


def head_names(model: nn.Module) -> set[str]:
    """Return the names of the parameters outside the backbone, plus its pooler."""
    backbone = getattr(model, "base_model", model)
    inside = {id(p) for p in backbone.parameters()}
    return {n for n, p in model.named_parameters() if id(p) not in inside or ".pooler." in f".{n}"}


def output_layer(model: nn.Module, num_labels: int) -> nn.Linear:
    """Return the linear layer that makes the logits: the last one outside the backbone of that width."""
    backbone = getattr(model, "base_model", model)
    inside = {id(m) for m in backbone.modules()}
    found = [
        m
        for m in model.modules()
        if isinstance(m, nn.Linear) and id(m) not in inside and m.out_features == num_labels
    ]
    assert found, f"{type(model).__name__} has no output layer of width {num_labels}"
    return found[-1]


@contextmanager
def still(parameters: Iterable[nn.Parameter]) -> Iterator[None]:
    """Within the context these parameters have no gradients."""
    changed = [parameter for parameter in parameters if parameter.requires_grad]
    for parameter in changed:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in changed:
            parameter.requires_grad_(True)
