"""Fused layers compute what the plain ones do."""

import copy
from contextlib import nullcontext

import pytest
import torch
from networks import KINDS, network

import tiny
from feinschliff.models.first_token import first_token_only, supported
from feinschliff.models.fused import FusedLayer, fuse, rounded, without_padding
from feinschliff.models.load import load_model


def logits(model, ids, mask=None):
    mask = torch.ones_like(ids) if mask is None else mask
    narrow = first_token_only(model) if supported(model) else nullcontext()
    with narrow, without_padding(model, mask):
        return model(input_ids=ids, attention_mask=mask).logits


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("head", ["SequenceClassification", "TokenClassification"])
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@torch.inference_mode()
def test_same_logits(kind, head, attention):
    plain = network(kind, head, attn_implementation=attention)
    quick = copy.deepcopy(plain)
    narrow = supported(plain)
    assert fuse(quick) == (2 if narrow else 3)
    for length in (7, 16, 37):  # keys are padded for some of them
        ids = torch.randint(4, 50, (4, length))
        for lengths in ([length] * 4, [5, length, 3, 5], [1, 2, length, length - 1]):
            mask = (torch.arange(length) < torch.tensor(lengths)[:, None]).long()
            expected = plain(input_ids=ids, attention_mask=mask).logits
            found = logits(quick, ids, mask)
            real = mask.bool() if head == "TokenClassification" else slice(None)
            torch.testing.assert_close(found[real], expected[real], rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_layers_compute_next_to_no_padding():
    model = network("bert", "TokenClassification")
    fuse(model)
    seen = []
    for layer in model.modules():
        if isinstance(layer, FusedLayer):
            layer.register_forward_hook(lambda _, inputs, output: seen.append(tuple(inputs[0].shape)))
    mask = (torch.arange(50) < torch.tensor([50, *[3] * 30])[:, None]).long()
    assert logits(model, torch.full((31, 50), 7), mask).shape == (31, 50, 3)
    assert seen == [(1, 144, 16)] * 3  # of 1,550 places


@torch.inference_mode()
def test_a_text_without_a_token_harms_no_other():
    model = network("bert", "TokenClassification")
    fuse(model)
    mask = torch.tensor([[0, 0, 0], [1, 1, 1]])
    found = logits(model, ids := torch.randint(4, 50, (2, 3)), mask)
    torch.testing.assert_close(found[1:], logits(model, ids[1:]))


def test_few_numbers_of_tokens_occur():
    sizes = [rounded(n) for n in range(1, 4097)]
    assert all(size >= n for n, size in enumerate(sizes, 1))
    assert max(size / n for n, size in enumerate(sizes, 1) if n > 128) < 1.125
    assert len(set(sizes)) <= 48


@torch.inference_mode()
def test_layers_are_free_of_a_batch_after_it():
    model = network("bert", "TokenClassification")
    fuse(model)
    ids = torch.randint(4, 50, (2, 9))
    with pytest.raises(RuntimeError), without_padding(model, torch.ones_like(ids)):
        raise RuntimeError
    assert not any(m.groups for m in model.modules() if isinstance(m, FusedLayer))
    assert logits(model, ids).shape == (2, 9, 3)


@pytest.mark.parametrize("activation", ["gelu", "gelu_new", "relu", "silu"])
@torch.inference_mode()
def test_any_activation(activation):
    plain = network("bert", "TokenClassification", hidden_act=activation)
    quick = copy.deepcopy(plain)
    assert fuse(quick) == 3
    ids = torch.randint(4, 50, (2, 9))
    torch.testing.assert_close(logits(quick, ids), plain(ids).logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", tiny.SHAPES)
def test_other_architectures_are_left_alone(shape, encoder):
    model = load_model(encoder(shape), "AutoModelForTokenClassification", dropout=0.0)
    fused = fuse(model)
    assert bool(fused) == (model.config.model_type in KINDS)
    assert fused == sum(isinstance(m, FusedLayer) for m in model.modules())


def test_layers_with_adapters_are_left_alone():
    from peft import LoraConfig, inject_adapter_in_model

    model = network("bert", "TokenClassification")
    inject_adapter_in_model(LoraConfig(target_modules=["query"]), model)
    assert fuse(model) == 0


@torch.inference_mode()
def test_bfloat16_is_as_near_as_the_plain_layers_are():
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        pytest.skip("oneDNN has no bfloat16 products here")
    exact = network("bert", "TokenClassification")
    plain = copy.deepcopy(exact).to(torch.bfloat16)
    quick = copy.deepcopy(plain)
    assert fuse(quick) == 3
    ids = torch.randint(4, 50, (8, 21))
    wanted = exact(ids).logits
    errors = [float((logits(model, ids).float() - wanted).abs().max()) for model in (plain, quick)]
    assert errors[1] <= 2 * errors[0]
