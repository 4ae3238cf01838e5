"""Training the rows in use gives the same losses and the same full matrix as training all rows."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
import transformers

import tiny
from feinschliff.models import vocabulary
from feinschliff.models.vocabulary import ActiveEmbedding, active_vocabulary
from feinschliff.pipeline import tune
from feinschliff.train import fit
from feinschliff.train.events import Step


def tuned(folder, monkeypatch, whole: bool, **settings):
    """Tune for ten steps; return the losses, the weights, and the embeddings seen while training."""
    losses, seen = [], []
    if whole:
        monkeypatch.setattr(fit, "active_vocabulary", lambda model, used: nullcontext())
    steps = fit.steps

    def watched(work, progress):
        seen.append(work.learner.model.get_input_embeddings())
        yield from steps(work, progress)

    monkeypatch.setattr(fit, "steps", watched)
    rows = [(text.replace("soup", "hose"), label) for text, label in tiny.some(52)]
    quick = {"train.epochs": 2, "train.max_grad_norm": 1e9, **settings}
    model = tune(
        tiny.config(folder, "none", **quick),
        tiny.dataset(rows),
        lambda event: losses.append(event.loss) if isinstance(event, Step) else None,
    )
    monkeypatch.undo()
    return losses, model.learner.model.state_dict(), seen[0]


@pytest.mark.parametrize("name", [*tiny.NAMED, "albert", "mpnet"])
def test_equal_to_training_all_rows(encoder, monkeypatch, name):
    losses, weights, embedding = tuned(encoder(name), monkeypatch, whole=False)
    expected, whole_weights, whole = tuned(encoder(name), monkeypatch, whole=True)
    assert isinstance(embedding, ActiveEmbedding)
    assert len(embedding.weight) < len(whole.weight)
    assert losses == expected
    assert weights.keys() == whole_weights.keys()
    for key, weight in whole_weights.items():
        assert torch.equal(weights[key], weight), key


def test_equal_to_rounding_with_clipping_and_frozen_layers(encoder, monkeypatch):
    settings = {"train.max_grad_norm": 0.5, "train.freeze_layers": 0, "train.dropout": 0.1}
    losses, weights, _ = tuned(encoder("roberta"), monkeypatch, whole=False, **settings)
    expected, whole_weights, _ = tuned(encoder("roberta"), monkeypatch, whole=True, **settings)
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    for key, weight in whole_weights.items():
        torch.testing.assert_close(weights[key], weight, rtol=1e-3, atol=1e-4)


def small(config_class: str, model_class: str, **values):
    torch.manual_seed(0)
    config = getattr(transformers, config_class)(vocab_size=50, **values)
    return getattr(transformers, model_class)(config).eval()


T5 = {"d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2, "decoder_start_token_id": 0}
GPT = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 32, "pad_token_id": 40, "eos_token_id": 40}


class Full:
    """A file on a disk without space."""

    def __init__(self, prefix: str):
        self.prefix = prefix

    def write(self, _) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("room", [True, False])
def test_a_large_matrix_lies_in_a_file_meanwhile_where_there_is_room(encoder, monkeypatch, room):
    monkeypatch.setattr(vocabulary, "LARGE_BYTES", 0)
    if not room:
        monkeypatch.setattr(vocabulary.tempfile, "TemporaryFile", Full)
    model = transformers.AutoModel.from_pretrained(encoder("bert"))
    whole = model.get_input_embeddings()
    before = whole.weight.detach().clone()
    with active_vocabulary(model, np.array([0, 2, 3, 9])), torch.no_grad():
        assert whole.weight.numel() == (0 if room else before.numel())
        model.get_input_embeddings().weight[3] += 1
    before[9] += 1
    assert torch.equal(model.get_input_embeddings().weight, before)


@pytest.mark.parametrize(
    ("config_class", "model_class", "values", "last", "pad"),
    [
        ("T5Config", "T5ForSequenceClassification", T5, 1, 0),
        ("GPT2Config", "GPT2ForSequenceClassification", GPT, 30, 40),
    ],
)
@torch.no_grad()
def test_models_that_look_at_their_ids_see_them_as_they_are(config_class, model_class, values, last, pad):
    model = small(config_class, model_class, **values)
    ids = torch.tensor([[9, 20, 30, 31, last], [9, 30, last, pad, pad]])
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    before = model(input_ids=ids, attention_mask=mask).logits
    with active_vocabulary(model, np.union1d(ids, [pad])):
        within = model(input_ids=ids, attention_mask=mask).logits
        assert sum(isinstance(m, ActiveEmbedding) for m in model.modules()) == 1
    after = model(input_ids=ids, attention_mask=mask).logits
    assert torch.equal(before, within)
    assert torch.equal(before, after)


def test_a_matrix_shared_with_the_output_keeps_all_rows():
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    model = small("BertConfig", "BertForMaskedLM", **sizes)
    whole = model.get_input_embeddings()
    with active_vocabulary(model, np.array([0, 1, 2])):
        assert model.get_input_embeddings() is whole
    assert model.get_input_embeddings() is whole
    assert model.get_output_embeddings().weight is whole.weight


def test_an_embedding_of_its_own_kind_keeps_all_rows():
    sizes = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 16}
    model = small("BartConfig", "BartForSequenceClassification", decoder_ffn_dim=16, **sizes)
    whole = model.get_input_embeddings()
    assert type(whole) is not torch.nn.Embedding
    with active_vocabulary(model, np.array([0, 1, 2])):
        assert model.get_input_embeddings() is whole


def test_rows_come_back_after_an_error_and_other_ids_are_one(encoder):
    model = transformers.AutoModel.from_pretrained(encoder("bert"))
    whole = model.get_input_embeddings()
    before = whole.weight.detach().clone()

    def work() -> None:
        with torch.no_grad(), active_vocabulary(model, np.array([0, 2, 3, 9])):
            model.get_input_embeddings().weight[3] += 1
            model(input_ids=torch.tensor([[2, 10, 3]]))

    with pytest.raises(IndexError):
        work()
    assert model.get_input_embeddings() is whole
    changed = (whole.weight != before).any(1).nonzero().flatten()
    assert changed.tolist() == [9]


def test_the_padding_row_stays_still(encoder):
    model = transformers.AutoModel.from_pretrained(encoder("roberta"))
    with active_vocabulary(model, np.array([0, 1, 2, 9])):
        embedding = model.get_input_embeddings()
        embedding(torch.tensor([[0, 9, 2, 1]])).sum().backward()
        assert embedding.weight.grad[1].abs().sum() == 0
        assert embedding.weight.grad[3].abs().sum() > 0
