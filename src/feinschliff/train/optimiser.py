"""AdamW with a learning rate per depth, and the course of the rate over the steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from feinschliff.config import TrainConfig
from feinschliff.models.layers import depths, head_names, layers

# AdamW: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019.
BETAS = (0.9, 0.98)
EPSILON = 1e-6


def freeze(model: nn.Module, num_layers: int) -> None:
    """Stop the gradients of the embeddings and the lowest `num_layers` layers; 0 freezes nothing."""
    if num_layers == 0:
        return
    depth = depths(model)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(depth[name] > num_layers)


def build_optimiser(model: nn.Module, settings: TrainConfig) -> torch.optim.AdamW:
    """Return AdamW over the parameters that have gradients.

    The top layer has `learning_rate`, each layer below it `layer_decay` times the one above, the head
    `head_learning_rate`. Embeddings, biases and norms have no weight decay.
    Layer-wise decay: Howard and Ruder, ULMFiT, ACL 2018, section 3.2.
    """
    assert settings.learning_rate
    assert settings.head_learning_rate
    assert settings.layer_decay
    top = len(layers(model))
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
    warmup = max(1, math.ceil(num_steps * warmup_share))

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
