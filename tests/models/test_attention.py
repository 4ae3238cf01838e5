"""Both attention kernels, and padding, give the same result for every architecture."""

import pytest
import torch

import tiny
from feinschliff.models.attention import SHORT_TOKENS, choose_attention
from feinschliff.models.load import load_model
from feinschliff.models.long_attention import NAME


@pytest.fixture(params=tiny.SHAPES)
def model(request, encoder):
    return load_model(encoder(request.param), "AutoModelForSequenceClassification", dropout=0.0).eval()


def texts(model, *lengths: int):
    """Make up token ids, padded on the right."""
    generator = torch.Generator().manual_seed(1)
    ids = torch.full((len(lengths), max(lengths)), model.config.pad_token_id)
    for row, length in enumerate(lengths):
        ids[row, :length] = torch.randint(5, model.config.vocab_size, (length,), generator=generator)
    return ids, (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()


@torch.no_grad()
def test_kernels_agree_when_switched_between_batches(model):
    ids, mask = texts(model, 40, 7, 23)
    found = []
    for length in (8, SHORT_TOKENS + 1, 8):
        choose_attention(model, "cpu", length)
        if model._supports_sdpa:
            long = NAME if model._supports_attention_backend else "sdpa"
            assert model.config._attn_implementation == ("eager" if length == 8 else long)
        found.append(model(input_ids=ids, attention_mask=mask).logits)
    assert torch.equal(found[0], found[2])
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_padding_changes_nothing(model):
    ids, mask = texts(model, 40, 7, 23)
    for length in (8, SHORT_TOKENS + 1):
        choose_attention(model, "cpu", length)
        together = model(input_ids=ids, attention_mask=mask).logits
        for row, size in enumerate((40, 7, 23)):
            alone = model(
                input_ids=ids[row : row + 1, :size], attention_mask=mask[row : row + 1, :size]
            ).logits
            torch.testing.assert_close(together[row : row + 1], alone, rtol=1e-4, atol=1e-5)
