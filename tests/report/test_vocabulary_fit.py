"""How a tokenizer fits the texts."""

from dataclasses import replace

import pytest

import tiny
from feinschliff.models.load import load_tokenizer
from feinschliff.report.fit import adaptation_facts


@pytest.mark.parametrize("name", ["bert", "roberta", "xlm-roberta"])
def test_pieces_are_counted_word_by_word(encoder, name):
    rows = [("the soup was Donaudampfschiff Donaudampfschiff", "good")] * 4 + [("the soup was zebra", "bad")]
    data = tiny.dataset(rows, num_dev=1)
    tokenizer = load_tokenizer(encoder(name))
    found = adaptation_facts(tokenizer, data)
    words = [w for text in data.train.texts for w in text.split()]
    pieces = {w: len(tokenizer(f" {w}", add_special_tokens=False)["input_ids"]) for w in words}
    assert found["tokens_per_word"] == pytest.approx(sum(pieces[w] for w in words) / len(words))
    assert found["split_words"][0]["word"] == "Donaudampfschiff"
    assert len(found["split_words"][0]["pieces"]) == pieces["Donaudampfschiff"]
    assert found["new_words_share"] == pytest.approx(1 / 4)
    ids = [i for w in words for i in tokenizer(f" {w}", add_special_tokens=False)["input_ids"]]
    assert found["unknown_share"] == pytest.approx(ids.count(tokenizer.unk_token_id) / len(ids))


def test_words_are_known_wherever_in_train_they_stand(encoder, monkeypatch):
    monkeypatch.setattr("feinschliff.report.fit.MAX_TEXTS", 4)
    rows = [("alpha beta", "good")] * 10 + [("gamma Donau", "bad")] * 10
    whole = tiny.dataset([*rows, ("gamma delta", "bad"), ("so", "bad")], num_dev=1).train
    data = replace(tiny.dataset(rows, num_dev=1), test=whole.take([20]), train=whole.take(range(20)))
    found = adaptation_facts(load_tokenizer(encoder("bert")), data)
    assert found["new_words_share"] == pytest.approx(1 / 2)
    counts = {row["word"]: row["count"] for row in found["split_words"]}
    assert set(counts.values()) <= {10}
