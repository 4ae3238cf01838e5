"""AdamW with a learning rate per depth, and the course of the rate over the steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from feinschliff.config import TrainConfig
from feinschliff.errors import ConfigError
from feinschliff.models.layers import all_layers, depths, head_names, stacks, still

# AdamW: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019.
BETAS = (0.9, 0.98)
EPSILON = 1e-6


@contextmanager
def frozen(model: nn.Module, num_layers: int) -> Iterator[None]:
    """Within the context the embeddings and the lowest `num_layers` layers have no gradients.

    Args:
        num_layers: 0 freezes nothing, not the embeddings either.

    Raises:
        ConfigError: the model has fewer layers.
    """
    if num_layers > (most := len(all_layers(model))):
        raise ConfigError(
            f"the model has {most} layers", where="train.freeze_layers", allowed=f"At most {most}"
        )
    depth = depths(model)
    with still(p for n, p in model.named_parameters() if num_layers and depth[n] <= num_layers):
        yield


def require_trainable(model: nn.Module, settings: TrainConfig) -> None:
    """Raise ConfigError where more layers are to be frozen than there are, or lora finds none above them."""
    from feinschliff.models.adapters import require_places

    with frozen(model, settings.freeze_layers):
        if settings.method == "lora":
            require_places(model, settings.freeze_layers)


def without_gradients(model: nn.Module) -> list[nn.Module]:
    """Return the modules that need no dropout, as nothing in them, or before them, is trained."""
    stack = stacks(model)[0]
    found: list[nn.Module] = []
    below = True
    for module in model.modules():
        below = below and module is not stack
        parameters = list(module.parameters())
        after_embeddings = below and bool(found) and isinstance(module, nn.Dropout)
        if after_embeddings or (parameters and not any(p.requires_grad for p in parameters)):
            found.append(module)
    return found


def build_optimiser(model: nn.Module, settings: TrainConfig) -> torch.optim.AdamW:
    """Return AdamW over the parameters that have gradients.

    The top layer has `learning_rate`, each layer below it `layer_decay` times the one above, the head
    `head_learning_rate`. Embeddings, biases and norms have no weight decay.
    Layer-wise decay: Howard and Ruder, ULMFiT, ACL 2018, section 3.2.
    """
    assert settings.learning_rate
    assert settings.head_learning_rate
    assert settings.layer_decay
    top = len(all_layers(model))
    depth, head = depths(model), head_names(model)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        below = max(0, top - depth[name])
        rate = (
            settings.head_learning_rate
            if name in head
            else settings.learning_rate * settings.layer_decay**below
        )
        decays = parameter.ndim > 1 and depth[name] > 0
        groups.setdefault((rate, settings.weight_decay if decays else 0.0), []).append(parameter)
    return torch.optim.AdamW(
        [{"params": p, "lr": rate, "weight_decay": decay} for (rate, decay), p in groups.items()],
        betas=BETAS,
        eps=EPSILON,
        fused=True,
    )


def course(schedule: str, num_steps: int, warmup_share: float) -> Callable[[int], float]:
    """Return the factor on the learning rate for a step counted from 0."""
    warmup = math.ceil(num_steps * warmup_share)

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        progress = (step - warmup) / max(1, num_steps - warmup)
        if schedule == "constant":
            return 1.0
        if schedule == "cosine":
            return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
        return max(0.0, 1.0 - progress)

    return factor


def set_rate(optimiser: Any, peaks: list[float], factor: float) -> None:
    """Give every group its peak rate times `factor`."""
    for group, peak in zip(optimiser.param_groups, peaks, strict=True):
        group["lr"] = peak * factor
