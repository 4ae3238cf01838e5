"""How a tokenizer fits the texts."""

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
