"""Vectors are the mean over a text's tokens, whatever the batch and the windows."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch

import tiny
from feinschliff.encode import tokenise
from feinschliff.models.embed import embed, embed_tokens
from feinschliff.models.load import load_model, load_tokenizer, match_inputs


@pytest.mark.parametrize("name", tiny.SHAPES)
def test_the_mean_over_tokens(encoder, name):
    model = load_model(encoder(name), "AutoModelForSequenceClassification", dropout=0.3)
    tokenizer = load_tokenizer(encoder(name))
    match_inputs(tokenizer, model)
    texts = [text for text, _ in tiny.some(9)] + ["", "the soup was wonderful " * 8]
    encoded = tokenise(tokenizer, texts, max_length_tokens=32, overlap_tokens=4)
    assert encoded.windowed
    found = embed(model.base_model, encoded, torch.device("cpu"), tokenizer.pad_token_id, nullcontext(), 100)
    assert found.dtype == np.float32
    model.eval()
    for row in range(len(texts)):
        windows = np.flatnonzero(encoded.record == row)
        parts = [encoded.input_ids[encoded.starts[w] : encoded.starts[w + 1]] for w in windows]
        with torch.no_grad():
            hidden = [
                model.base_model(torch.from_numpy(p[None].astype(np.int64))).last_hidden_state[0]
                for p in parts
            ]
        np.testing.assert_allclose(found[row], torch.cat(hidden).mean(0), rtol=1e-3, atol=1e-5)
        if row in (0, 3, 10):  # the last one has several windows
            window = int(windows[-1])
            tokens = np.array([encoded.starts[window + 1] - 1, encoded.starts[window] + 1])
            some = embed_tokens(
                model.base_model,
                encoded,
                tokens,
                torch.device("cpu"),
                tokenizer.pad_token_id,
                nullcontext(),
                100,
            )
            np.testing.assert_allclose(some, hidden[-1][[-1, 1]], rtol=1e-3, atol=1e-5)


def test_no_texts(encoder):
    model = load_model(encoder("distilbert"), "AutoModelForSequenceClassification")
    encoded = tokenise(load_tokenizer(encoder("distilbert")), [], max_length_tokens=16)
    assert embed(model.base_model, encoded, torch.device("cpu"), 0, nullcontext()).shape == (0, 32)
