"""Attention that computes its probabilities again gives the gradients of plain attention."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

import tiny
from feinschliff.models import long_attention
from feinschliff.models.load import load_model
from feinschliff.models.long_attention import NAME, Recomputed

TEXTS, HEADS, LENGTH, WIDTH = 3, 2, 37, 8

PADDED = (torch.arange(LENGTH) < torch.tensor([LENGTH, 5, 20])[:, None])[:, None, None].expand(
    -1, 1, LENGTH, -1
)
BAND = (torch.arange(LENGTH)[:, None] - torch.arange(LENGTH)).abs()[None, None] <= 4
MASKS = {
    "none": None,
    "padding": PADDED,
    "one band for all": BAND,
    "causal": torch.ones(LENGTH, LENGTH, dtype=torch.bool).tril()[None, None],
    "added": torch.zeros(TEXTS, 1, LENGTH, LENGTH).masked_fill(~PADDED, torch.finfo(torch.float32).min),
}


def tensors(*shapes: tuple[int, ...], dtype=torch.float32):
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(shape, generator=generator).to(dtype) for shape in shapes]


def gradients(attend, mask, dtype=torch.float32):
    *inputs, weight = tensors(*[(TEXTS, HEADS, LENGTH, WIDTH)] * 4, dtype=dtype)
    leaves = [each.requires_grad_() for each in inputs]
    out = attend(*leaves, mask)
    return out, *torch.autograd.grad((out * weight).sum(), leaves)


@pytest.mark.parametrize("mask", MASKS)
def test_result_and_gradients_are_those_of_torch(mask):
    ours = gradients(lambda q, k, v, m: Recomputed.apply(q, k, v, m, 0.3), MASKS[mask])
    plain = gradients(lambda q, k, v, m: scaled_dot_product_attention(q, k, v, m, scale=0.3), MASKS[mask])
    for found, wanted in zip(ours, plain, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def test_bfloat16_is_as_near_to_float32_as_torchs_kernel():
    exact = gradients(scaled_dot_product_attention, MASKS["padding"])
    ours = gradients(
        lambda q, k, v, m: Recomputed.apply(q, k, v, m, WIDTH**-0.5), MASKS["padding"], torch.bfloat16
    )
    torchs = gradients(scaled_dot_product_attention, MASKS["padding"], torch.bfloat16)
    for found, peer, wanted in zip(ours, torchs, exact, strict=True):
        assert (found.float() - wanted).norm() < 1.3 * (peer.float() - wanted).norm() + 1e-3 * wanted.norm()


@pytest.mark.parametrize("shape", tiny.SHAPES)
def test_a_model_learns_the_same(encoder, shape, monkeypatch):
    """In bfloat16 the path is taken, and the gradients of all weights are near those of torch's kernel."""
    model = load_model(encoder(shape), "AutoModelForSequenceClassification", dropout=0.0).bfloat16().train()
    if not (model._supports_sdpa and model._supports_attention_backend):
        pytest.skip(f"{shape} does not go through transformers' attention interface")
    long_attention.register()
    calls = []
    apply = Recomputed.apply
    monkeypatch.setattr(Recomputed, "apply", lambda *given: calls.append(1) or apply(*given))
    ids = torch.full((2, 30), model.config.pad_token_id)
    ids[0] = torch.randint(5, model.config.vocab_size, (30,), generator=torch.Generator().manual_seed(1))
    ids[1, :9] = ids[0, :9]
    mask = (torch.arange(30) < torch.tensor([30, 9])[:, None]).long()
    found = {}
    for kernel in ("sdpa", NAME):
        model.set_attn_implementation(kernel)
        model.zero_grad()
        model(input_ids=ids, attention_mask=mask).logits.float().square().sum().backward()
        found[kernel] = torch.cat(
            [p.grad.float().flatten() for p in model.parameters() if p.grad is not None]
        )
    assert calls
    assert found["sdpa"].norm() > 0
    assert (found["sdpa"] - found[NAME]).norm() < 0.03 * found["sdpa"].norm()


def test_the_name_does_not_leave_with_a_saved_model(encoder, tmp_path):
    model = load_model(encoder("bert"), "AutoModelForSequenceClassification", dropout=0.0)
    long_attention.register()
    model.set_attn_implementation(NAME)
    model.save_pretrained(tmp_path)
    assert NAME not in (tmp_path / "config.json").read_text()
