"""Logits of chosen positions: the same however many are asked for, in few sizes of products."""

import pytest
import torch

from feinschliff.models import language_model as module
from feinschliff.models.load import load_model


@pytest.mark.parametrize("number", [1, 5, module.MULTIPLE, module.MULTIPLE + 1])
def test_logits_do_not_depend_on_how_many_are_asked_for(encoder, number):
    network = load_model(encoder("bert"), "AutoModelForMaskedLM").eval()
    torch.manual_seed(1)
    states = torch.randn(number, network.config.hidden_size, requires_grad=True)
    sizes = []
    network.get_output_embeddings().register_forward_hook(
        lambda _, inputs, __: sizes.append(inputs[0].shape[-2])
    )
    together = module.head_logits(network, states)
    alone = torch.cat([module.head_logits(network, state[None]) for state in states])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)
    assert set(sizes) <= {module.MULTIPLE, 2 * module.MULTIPLE}
    (found,) = torch.autograd.grad(together.square().sum(), states)
    (expected,) = torch.autograd.grad(alone.square().sum(), states)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_no_position_gives_no_logits(encoder):
    network = load_model(encoder("bert"), "AutoModelForMaskedLM").eval()
    found = module.head_logits(network, torch.zeros(0, network.config.hidden_size))
    assert found.shape == (0, network.config.vocab_size)
