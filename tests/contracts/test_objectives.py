"""Every objective learns, measures the same twice, and leaves a base model that plain transformers loads."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from safetensors import safe_open

import tiny
from feinschliff import registry
from feinschliff.adapt.run import run
from feinschliff.config import load_config
from feinschliff.encode import collate
from feinschliff.encode.blocks import document_blocks, train_blocks
from feinschliff.errors import ModelError
from feinschliff.models import load as loading
from feinschliff.models.learner import used_ids
from feinschliff.objectives._parts import Parts
from feinschliff.objectives.denoising import shortened

OBJECTIVES = registry.names("objectives")
DOCUMENTS = tiny.documents()
SETTINGS = {"train.epochs": 8, "adapt.heldout_share": 0.4}


@pytest.fixture(scope="module")
def base(encoder, tmp_path_factory):
    """Give the folder of a model that an objective can be used with."""
    root = tmp_path_factory.mktemp("bases")

    def folder(objective):
        if objective != "causal":
            return encoder("bert")
        if not (root / "llama").exists():
            tiny.make(root / "llama", "llama", "AutoModelForCausalLM", tie_word_embeddings=False)
        return root / "llama"

    return folder


def learner_of(name, folder):
    objective, tokenizer = registry.load("objectives", name), loading.load_tokenizer(folder)
    network, _ = objective.load(folder, tokenizer, 0.0, 1)
    train = train_blocks(tokenizer, DOCUMENTS, 32)
    ids = np.union1d(used_ids(tokenizer.pad_token_id, train), tokenizer.all_special_ids)
    config = load_config(values=tiny.ADAPT)
    place = torch.arange(network.config.vocab_size)
    parts = Parts(network, tokenizer, config, torch.device("cpu"), "float32", ids, place)
    return objective, tokenizer, objective.learner(parts)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_measures_the_same_twice_and_by_document(base, name):
    objective, tokenizer, learner = learner_of(name, base(name))
    encoded = document_blocks(tokenizer, DOCUMENTS[:6], 32, 2)
    sums, counts = objective.measure(learner, encoded, 3)
    again = objective.measure(learner, encoded, 3)
    assert sums.shape == counts.shape == (6,)
    assert (counts > 0).all()
    assert np.isfinite(sums).all()
    assert np.array_equal(sums, again[0])


@pytest.mark.parametrize("name", OBJECTIVES)
def test_adapts(base, name, tmp_path):
    corpus, settings = tiny.write_corpus(tmp_path / "corpus.txt"), {**SETTINGS, "adapt.objective": name}
    result = run(tiny.adaptation(base(name), corpus, tmp_path / "out", **settings))
    assert result["config"]["adapt"]["objective"] == name
    assert result["losses"]["test"]["difference"]["value"] < 0
    _, info = transformers.AutoModel.from_pretrained(tmp_path / "out" / "model", output_loading_info=True)
    assert not info["missing_keys"]


def test_anchor_holds_the_vectors(base):
    """The vectors of whole texts stay nearer to what they were than by masked language modelling alone."""
    from feinschliff.adapt.defaults import choose_objective

    assert choose_objective("auto", base("anchored"), loading.load_tokenizer(base("anchored"))) == "anchored"
    assert choose_objective("auto", base("causal"), loading.load_tokenizer(base("causal"))) == "causal"
    _, tokenizer, learner = learner_of("anchored", base("anchored"))
    encoded = train_blocks(tokenizer, DOCUMENTS, 32)
    batch = collate(encoded, np.arange(8), learner.pad_id)
    optimiser = torch.optim.Adam(learner.model.parameters(), 3e-3)
    distances = []
    for step in range(12):
        torch.manual_seed(step)
        with torch.no_grad():
            ids, mask = torch.from_numpy(batch.input_ids), torch.from_numpy(batch.attention_mask)
            states = learner.model.base_model(input_ids=ids, attention_mask=mask).last_hidden_state
            aim = learner.anchor(input_ids=ids, attention_mask=mask).last_hidden_state.mean(1)
            distances.append(float((1 - torch.cosine_similarity(states[:, 0], aim)).mean()))
        learner.forward(batch).sum().backward()
        optimiser.step()
        optimiser.zero_grad()
    assert distances[-1] < 0.7 * distances[0]


@pytest.mark.parametrize("architecture", ["albert", "deberta-v2", "distilbert", "modernbert"])
def test_denoising_teaches_encoder_and_word_vectors_of_any_kind(encoder, architecture):
    _, tokenizer, learner = learner_of("denoising", encoder(architecture))
    batch = collate(train_blocks(tokenizer, DOCUMENTS, 32), np.arange(4), learner.pad_id)
    learner.forward(batch).sum().backward()
    gradients = [p.grad for p in learner.model.base_model.parameters() if p.grad is not None]
    assert len(gradients) > 5
    assert all(bool(gradient.isfinite().all()) for gradient in gradients)


def test_denoising_leaves_an_encoder_without_its_decoder(base, tmp_path):
    corpus, settings = tiny.write_corpus(tmp_path / "corpus.txt"), {"adapt.objective": "denoising"}
    folder = base("denoising")
    run(tiny.adaptation(folder, corpus, tmp_path / "out", **settings))
    with safe_open(tmp_path / "out" / "model" / "model.safetensors", "pt") as stored:
        names = set(stored.keys())
    assert names == set(transformers.AutoModel.from_pretrained(folder).state_dict())


@given(
    arrays(np.int64, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(1, 20)),
    st.data(),
)
def test_deleting_keeps_the_order_and_special_tokens(ids, data):
    lengths = data.draw(st.lists(st.integers(1, ids.shape[1]), min_size=len(ids), max_size=len(ids)))
    attention = np.arange(ids.shape[1]) < np.array(lengths)[:, None]
    special = torch.arange(21) < 5
    short, mask = shortened(
        torch.from_numpy(np.where(attention, ids, 0)), torch.from_numpy(attention).long(), special, 0
    )
    for row, length, left, kept in zip(ids, lengths, short, mask, strict=True):
        whole, part = row[:length].tolist(), left[kept.bool()].tolist()
        rest = iter(whole)
        assert all(token in rest for token in part)
        assert [t for t in part if t < 5] == [t for t in whole if t < 5]
        assert any(t >= 5 for t in part) == any(t >= 5 for t in whole)
        assert not left[~kept.bool()].any()


def test_pieces_of_a_text_are_its_own_halves_whatever_its_neighbours(base):
    _, tokenizer, learner = learner_of("contrastive", base("contrastive"))
    texts = ["the soup was wonderful today", "a", DOCUMENTS[0]]
    encoded = document_blocks(tokenizer, texts, 64, 1)
    seen = []
    learner.model.register_forward_pre_hook(
        lambda _, __, given: seen.append([given[k] for k in ("input_ids", "attention_mask")]),
        with_kwargs=True,
    )
    for windows in ([0, 1, 2], [0], [1], [2]):
        learner.losses(collate(encoded, np.array(windows), learner.pad_id, of_windows=True), 0.5)
    together, alone = seen[:2], seen[2:]
    rows = [[ids[mask.bool()].tolist() for ids, mask in zip(*half, strict=True)] for half in together]
    assert rows == [[half[0][0].tolist() for half in alone[i::2]] for i in (0, 1)]
    bare = [[t for t in row if t not in tokenizer.all_special_ids] for half in rows for row in half]
    for first, second, length in zip(bare[:3], bare[3:], encoded.lengths, strict=True):
        assert abs(len(first) - len(second)) <= 1
        assert len(first) + len(second) == length - 2


def test_no_text_is_measured_without_others(base, monkeypatch):
    objective, tokenizer, learner = learner_of("contrastive", base("contrastive"))
    monkeypatch.setattr(objective, "MEASURED_AT_ONCE", 4)
    sums, _ = objective.measure(learner, document_blocks(tokenizer, DOCUMENTS[:5], 32, 1), 3)
    assert (sums > 0).all()


def test_a_decoder_hides_no_tokens(base):
    with pytest.raises(ModelError, match="no mask token"):
        learner_of("mlm", base("causal"))
