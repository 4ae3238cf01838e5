"""The narrowed top layer gives the same logits and gradients as the whole one."""

import pytest
import torch
import transformers
from networks import KINDS, network

from feinschliff.models.first_token import first_token_only, supported


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_same_logits_and_gradients(kind, attention):
    model = network(kind, "SequenceClassification", attn_implementation=attention)
    assert supported(model)
    ids = torch.randint(4, 50, (3, 12))
    mask = torch.ones_like(ids)
    mask[1, 7:] = 0
    mask[2, 3:] = 0
    outcomes = []
    for narrow in (False, True):
        model.zero_grad()
        if narrow:
            with first_token_only(model):
                logits = model(input_ids=ids, attention_mask=mask).logits
        else:
            logits = model(input_ids=ids, attention_mask=mask).logits
        logits.square().sum().backward()
        gradients = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
        outcomes.append((logits.detach(), gradients))
    (whole, whole_gradients), (narrowed, narrowed_gradients) = outcomes
    torch.testing.assert_close(narrowed, whole)
    assert whole_gradients.keys() == narrowed_gradients.keys()
    for name, gradient in whole_gradients.items():
        torch.testing.assert_close(narrowed_gradients[name], gradient, msg=name)
    assert "forward" not in vars(model.base_model.encoder.layer[-1])


def test_other_architectures_are_left_alone():
    config = transformers.DistilBertConfig(vocab_size=50, dim=16, n_layers=1, n_heads=2, hidden_dim=32)
    assert not supported(transformers.DistilBertForSequenceClassification(config))
