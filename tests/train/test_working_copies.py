from contextlib import nullcontext

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, BertForSequenceClassification

from feinschliff.train.working_copies import WorkingCopies


def bert(kind=BertForSequenceClassification):
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=60, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
    )
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
    return kind(config)


def gradients(model, copies, batches=1):
    model.zero_grad()
    ids = torch.arange(1, 49).reshape(4, 12)
    for part in ids.chunk(batches):
        with (
            copies.in_use() if copies else nullcontext(),
            torch.autocast("cpu", torch.bfloat16, enabled=copies is not None),
        ):
            logits = model(input_ids=part).logits
        logits.float().logsumexp(-1).sum().backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("kind", [BertForSequenceClassification, BertForMaskedLM])
@pytest.mark.parametrize("batches", [1, 2])
def test_gradients_are_those_of_float32_to_rounding(kind, batches):
    model = bert(kind)
    found, expected = gradients(model, WorkingCopies(model), batches), gradients(model, None)
    assert found.keys() == expected.keys()
    for name, gradient in found.items():
        assert gradient.dtype == torch.float32
        size = max(expected[name].norm(), torch.tensor(1e-3))
        assert (gradient - expected[name]).norm() / size < 0.05, name


def test_copies_follow_the_weights_only_when_refreshed():
    model = bert()
    copies = WorkingCopies(model)
    before = gradients(model, copies)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
    stale = gradients(model, copies)["classifier.weight"]
    copies.refresh()
    fresh = gradients(model, copies)["classifier.weight"]
    assert not torch.equal(stale, fresh)
    assert not torch.equal(before["classifier.weight"], fresh)


def test_the_model_has_its_own_weights_back_even_after_an_error():
    model = bert()
    copies, own = WorkingCopies(model), dict(model.named_parameters())
    kinds = []

    def fail():
        with copies.in_use():
            kinds.append(model.classifier.weight.dtype)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert kinds == [torch.bfloat16]
    assert all(p is own[name] and p.dtype == torch.float32 for name, p in model.named_parameters())
    assert model(input_ids=torch.ones(1, 3, dtype=torch.long)).logits.dtype == torch.float32


def test_frozen_weights_get_no_gradient_and_shared_ones_no_copy():
    model = bert(BertForMaskedLM)
    model.bert.encoder.layer[0].requires_grad_(False)
    copies = WorkingCopies(model)
    with copies.in_use():
        assert model.cls.predictions.decoder.weight is model.bert.embeddings.word_embeddings.weight
    found = gradients(model, copies)
    assert not any(name.startswith("bert.encoder.layer.0.") for name in found)
    assert "bert.encoder.layer.1.output.dense.weight" in found
