"""Explanations add up, name the characters they speak of, and find the words that count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tiny
from feinschliff import bundle, registry
from feinschliff.encode import Reading, word_spans
from feinschliff.errors import ConfigError
from feinschliff.models import load as loading

TEXTS = ["the soup was wonderful today.", "this film " * 20, "", "  Ça — naïve 🌞\n", "phone"]


def model_of(folder, task="classification", **reading):
    labels = () if task == "regression" else ("a", "b", "c")
    module, tokenizer = registry.load("tasks", task), loading.load_tokenizer(folder)
    network = loading.load_model(
        folder, module.AUTO_CLASS, seed=3, pad_token_id=tokenizer.pad_token_id, **module.head(labels)
    )
    spec = bundle.Spec(
        task, labels, Reading(**{"max_length_tokens": 16, "window_overlap_tokens": 4, **reading})
    )
    return bundle.Model(network, tokenizer, spec)


def total(explanation):
    return sum(word["weight"] for word in explanation.words)


@pytest.mark.parametrize("architecture", [*tiny.SHAPES, *tiny.DECODERS])
def test_weights_add_up_whatever_the_architecture(architecture, encoder):
    model = model_of(encoder(architecture))
    assert model.encode(TEXTS).num_windows > len(TEXTS) + 2
    for text, (found,) in zip(TEXTS, model.explain(TEXTS), strict=True):
        assert [w["text"] for w in found.words] == [text[w["start"] : w["end"]] for w in found.words]
        size = sum(abs(w["weight"]) for w in found.words)
        assert total(found) == pytest.approx(found.total, abs=0.1 * size + 1e-4)
        assert (size > 1e-3) == bool(text)
        assert abs(total(found) - found.total) <= found.gap * size + 1e-4


def test_the_total_is_what_the_text_moves_the_logits(encoder):
    model = model_of(encoder("bert"), max_length_tokens=32)
    text = "the soup was wonderful"
    (found,) = model.explain([text], label="b")[0]
    blotted = model.tokenizer.pad_token_id
    encoded = model.encode([text])
    with_text = model.learner.logits(encoded)[0]
    encoded.input_ids[1:-1] = blotted
    without = model.learner.logits(encoded)[0]
    moved = with_text - without
    assert found.total == pytest.approx(moved[1] - (moved[0] + moved[2]) / 2, abs=0.02)


@pytest.mark.parametrize("architecture", ["bert", "roberta", "gpt2"])
def test_words_of_pairs_belong_to_their_text(architecture, encoder):
    model = model_of(encoder(architecture), pairs=True)
    firsts, seconds = (
        ["the soup was", "", "this film " * 30],
        ["wonderful today", "my order", "came broken " * 30],
    )
    for first, second, (found,) in zip(firsts, seconds, model.explain(firsts, seconds), strict=True):
        sides = {"text": first, "text_pair": second}
        assert {w["side"] for w in found.words} == {side for side, text in sides.items() if text}
        assert all(sides[w["side"]][w["start"] : w["end"]] == w["text"] for w in found.words)
        assert total(found) == pytest.approx(
            found.total, abs=0.1 * sum(abs(w["weight"]) for w in found.words)
        )


def test_every_task_is_explained_in_its_own_terms(encoder):
    multilabel = model_of(encoder("bert"), "multilabel")
    for prediction, found in zip(multilabel.predict(TEXTS), multilabel.explain(TEXTS), strict=True):
        most = max(prediction.probabilities, key=prediction.probabilities.get)
        assert [e.label for e in found] == (prediction.label or [most])
    ner = model_of(encoder("bert"), "ner")
    answers = ner.predict(TEXTS)
    assert any(len(answer.spans) > 1 for answer in answers)
    for prediction, found in zip(answers, ner.explain(TEXTS), strict=True):
        assert [e.label for e in found] == [
            {k: s[k] for k in ("start", "end", "label")} for s in prediction.spans
        ]
    number = model_of(encoder("bert"), "regression")
    (found,) = number.explain([TEXTS[0]])[0]
    moved = number.predict([TEXTS[0]])[0].label - found.total
    assert found.label is None
    assert abs(moved) < 5


def test_no_gradients_of_weights_are_kept_for_it(encoder):
    model, seen = model_of(encoder("bert")), []
    network = model.learner.model
    network.register_forward_hook(lambda *_: seen.append({p.requires_grad for p in network.parameters()}))
    before = [p.requires_grad for p in network.parameters()]
    model.explain(["good soup"])
    assert True in before
    assert {False} in seen
    assert [p.requires_grad for p in network.parameters()] == before


def test_a_trained_model_names_the_words_that_decide(trained):
    model = bundle.load(trained)
    for text in ("the service was wonderful again.", "our hotel room came broken, as always."):
        (found,) = model.explain([text])[0]
        (other,) = model.explain([text], label="bad" if found.label == "good" else "good")[0]
        words = sorted(found.words, key=lambda w: -w["weight"])
        assert {w["text"] for w in words[:2]} & {"wonderful", "broken", "came"}
        assert [w["weight"] for w in other.words] == pytest.approx(
            [-w["weight"] for w in found.words], abs=1e-3
        )


def test_what_cannot_be_explained_is_refused(trained, encoder):
    model = bundle.load(trained)
    with pytest.raises(ConfigError, match="no label 'god'.*Did you mean 'good'"):
        model.explain(["x"], label="god")
    with pytest.raises(ConfigError, match="regression has no labels"):
        model_of(encoder("bert"), "regression").explain(["x"], label="a")


@given(st.text(max_size=30))
def test_words_are_apart_in_order_and_cover_all_that_is_no_blank(text):
    spans = word_spans(text)
    assert (spans[:, 0] < spans[:, 1]).all()
    assert (spans[1:, 0] >= spans[:-1, 1]).all()
    outside = "".join(text[a:b] for a, b in zip([0, *spans[:, 1]], [*spans[:, 0], len(text)], strict=True))
    assert not any(char.isalnum() for char in outside)
