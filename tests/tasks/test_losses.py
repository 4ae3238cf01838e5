"""What the losses of labels are least for, and where an output layer begins."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from feinschliff.config import TrainConfig
from feinschliff.tasks._losses import sigmoid_loss, softmax_loss, start_from_shares


def best(loss, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the logits with the least loss."""
    logits.requires_grad_()
    optimiser = torch.optim.LBFGS([logits], max_iter=200)

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        value = loss(logits, targets)
        value.backward()
        return value

    optimiser.step(closure)
    return logits.detach()


@pytest.mark.parametrize("weights", ["none", "sqrt", "balanced"])
def test_weights_do_not_change_what_smoothing_asks_for(weights):
    settings = TrainConfig(class_weights=weights, label_smoothing=0.1)
    single = softmax_loss(np.array([990, 10, 0]), settings)
    found = best(single, torch.zeros(2, 3), torch.tensor([0, 1])).softmax(-1)
    assert found.diagonal().tolist() == pytest.approx([1 - 0.1 * 2 / 3] * 2, abs=1e-3)
    several = sigmoid_loss(np.array([10]), 1000, settings)
    found = best(several, torch.zeros(2, 1), torch.tensor([[0.0], [1.0]])).sigmoid()
    assert found.flatten().tolist() == pytest.approx([0.05, 0.95], abs=1e-3)


def test_weights_count_rare_classes_more():
    plain, weighted = (
        softmax_loss(np.array([9, 1]), TrainConfig(class_weights=kind)) for kind in ("none", "balanced")
    )
    logits = torch.tensor([[1.0, 0.0]])
    shares = [float(weighted(logits, torch.tensor([c])) / plain(logits, torch.tensor([c]))) for c in (0, 1)]
    assert shares == pytest.approx([10 / 18, 5])


def test_only_a_new_layer_begins_with_the_shares():
    layer = torch.nn.Linear(3, 2)
    learnt = layer.bias.detach().clone()
    start_from_shares(layer, np.array([0.5, 0.1]))
    assert torch.equal(layer.bias, learnt)
    torch.nn.init.zeros_(layer.bias)
    start_from_shares(layer, np.array([0.5, 0.1]))
    assert layer.bias.sigmoid().tolist() == pytest.approx([0.5, 0.1])
