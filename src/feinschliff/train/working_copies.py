"""Compute with bfloat16 copies of the weights; the float32 weights stay the ones that are trained.

Autocast casts every weight in every forward pass, and every gradient back. Copies are cast once per update,
and activations stay in bfloat16 from the embeddings on.

Source of the split: Micikevicius et al., "Mixed Precision Training", ICLR 2018, section 3.1 (master copy).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn

from feinschliff.models.vocabulary import ActiveEmbedding


class WorkingCopies:
    """bfloat16 copies of the weights of all linear layers.

    Weights shared with another kind of layer, embeddings, and norms have none; autocast takes care of them.

    Args:
        model: On its device. A copy's gradient is added to that of the model's own weight, in float32.
    """

    def __init__(self, model: nn.Module):
        modules = list(model.modules())
        elsewhere = {
            id(p) for m in modules if not isinstance(m, nn.Linear) for p in m.parameters(recurse=False)
        }
        self._embeddings = [m for m in modules if isinstance(m, nn.Embedding | ActiveEmbedding)]
        self._places: list[tuple[nn.Module, str]] = []
        copies: dict[int, tuple[nn.Parameter, nn.Parameter]] = {}
        for module in modules:
            if not isinstance(module, nn.Linear):
                continue
            for name, weight in module.named_parameters(recurse=False):
                if id(weight) not in elsewhere:
                    self._places.append((module, name))
                    if id(weight) not in copies:
                        copies[id(weight)] = weight, _copy(weight)
        self._pairs = list(copies.values())
        self._copy_of = {key: copy for key, (_, copy) in copies.items()}

    @torch.no_grad()
    def refresh(self) -> None:
        """Bring the copies up to date after an update of the weights."""
        for weight, copy in self._pairs:
            if weight.requires_grad:
                copy.copy_(weight)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Within the context the model computes with the copies; gradients may be taken later."""
        own: list[Any] = [module._parameters[name] for module, name in self._places]
        hooks = [module.register_forward_hook(_narrow) for module in self._embeddings]
        for weight, copy in self._pairs:
            copy.requires_grad_(weight.requires_grad)
        for (module, name), weight in zip(self._places, own, strict=True):
            module._parameters[name] = self._copy_of[id(weight)]
        try:
            yield
        finally:
            for (module, name), weight in zip(self._places, own, strict=True):
                module._parameters[name] = weight
            for hook in hooks:
                hook.remove()


def _copy(weight: nn.Parameter) -> nn.Parameter:
    copy = nn.Parameter(weight.detach().to(torch.bfloat16), requires_grad=weight.requires_grad)
    if weight.requires_grad:
        copy.register_post_accumulate_grad_hook(partial(_pass_on, weight, torch.empty_like(weight)))
    return copy


def _pass_on(weight: nn.Parameter, room: torch.Tensor, copy: torch.Tensor) -> None:
    """Add a copy's gradient to the weight's, whose memory is the same in every step."""
    assert copy.grad is not None
    if weight.grad is None:
        weight.grad = room.copy_(copy.grad)
    else:
        weight.grad += copy.grad
    copy.grad = None


def _narrow(module: nn.Module, inputs: Any, output: torch.Tensor) -> torch.Tensor:
    return output.to(torch.bfloat16)
