"""Losses of labels, as the settings ask for: weighted, smoothed, focal.

The focal loss multiplies each loss by (1 - p)^2, where p is the probability of the truth: what is known
already counts little, so that many easy examples do not drown the few hard ones.

Source: Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, equation 4 with gamma 2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from feinschliff.config import TrainConfig

if TYPE_CHECKING:
    import torch

Objective = Callable[["torch.Tensor", "torch.Tensor"], "torch.Tensor"]
"""Gives the sum of the losses from logits and targets."""

IGNORED = -100
GAMMA = 2.0


def softmax_loss(counts: np.ndarray, settings: TrainConfig) -> Objective:
    """Return the loss of targets with exactly one class: logits float [..., L], targets int64 [...].

    Targets of -100 do not count.

    Args:
        counts: int64 [L], how often each class occurs in train.
    """
    from torch.nn.functional import cross_entropy

    weights = class_weights(counts, settings.class_weights)

    def loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        logits, targets = logits.flatten(0, -2), targets.flatten()
        losses = cross_entropy(
            logits,
            targets,
            ignore_index=IGNORED,
            label_smoothing=settings.label_smoothing,
            reduction="none",
        )
        if weights is not None:  # outside of the smoothing, whose share of a rare class it would raise
            losses = losses * weights.to(logits.device)[targets.clamp(min=0)]
        if settings.loss == "focal":
            truth = logits.softmax(-1).gather(-1, targets.clamp(min=0)[:, None])[:, 0]
            losses = losses * (1 - truth) ** GAMMA
        return losses.sum()

    return loss


def sigmoid_loss(counts: np.ndarray, num_records: int, settings: TrainConfig) -> Objective:
    """Return the loss of targets with any number of labels: logits and targets float [R, L].

    Args:
        counts: int64 [L], how often each label occurs in train.
        num_records: Size of train.
    """
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits

    weights = positive_weights(counts, num_records, settings.class_weights)

    def loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        wanted = targets * (1 - settings.label_smoothing) + settings.label_smoothing / 2
        losses = binary_cross_entropy_with_logits(logits, wanted, reduction="none")
        if weights is not None:
            losses = losses * torch.where(targets > 0, weights.to(logits.device), 1.0)
        if settings.loss == "focal":
            chance = logits.sigmoid()
            losses = losses * (targets * (1 - chance) + (1 - targets) * chance) ** GAMMA
        return losses.sum()

    return loss


def start_from_shares(output: Any, shares: np.ndarray) -> None:
    """Set the bias of an output layer to the log-odds of each label's share.

    Otherwise the first steps only teach that rare labels are rare (Lin et al., section 3.3). Each label
    begins as probable as it is frequent; of tags, of which one holds, rare ones begin rarer still (measured
    in docs/experiments.md).

    Args:
        output: A linear layer; left alone when it has no bias, or one that has learnt already and is not 0.
        shares: float [L], of the examples that have each label.
    """
    import torch

    if output.bias is not None and not output.bias.any():
        odds = np.log(np.clip(shares, 1e-4, 1 - 1e-4) / (1 - np.clip(shares, 1e-4, 1 - 1e-4)))
        with torch.no_grad():
            output.bias.copy_(torch.from_numpy(odds))


def class_weights(counts: np.ndarray, kind: str) -> torch.Tensor | None:
    """Return a weight per class whose mean over the examples is 1, float [L]; None for equal weights.

    Args:
        counts: int [L], examples of each class.
        kind: `none`, `balanced` (inverse to the count) or `sqrt` (inverse to its root).
    """
    import torch

    if kind == "none" or not counts.sum():
        return None
    weights = 1.0 / np.maximum(counts, 1) ** _power(kind)
    return torch.tensor(weights * counts.sum() / (weights * counts).sum(), dtype=torch.float32)


def positive_weights(counts: np.ndarray, num_records: int, kind: str) -> torch.Tensor | None:
    """Return the weight of each label's presence against its absence, float [L]; None for equal weights."""
    import torch

    if kind == "none" or not counts.sum():
        return None
    present = np.maximum(counts, 1)
    ratio = np.maximum(num_records - present, 1) / present
    return torch.tensor(ratio ** _power(kind), dtype=torch.float32)


def _power(kind: str) -> float:
    return 1.0 if kind == "balanced" else 0.5
