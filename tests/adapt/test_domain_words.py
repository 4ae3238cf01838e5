"""Words of the domain's own: chosen by what their splitting costs, read as one token, begun as a mean."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
import transformers

from feinschliff.adapt.vocabulary import add_words, count_words, facts
from feinschliff.errors import ConfigError
from feinschliff.models import load as loading

TEXTS = ["the lessee pays the lessor", "lessee and lessor, the Lessee", "a lessee (lessee) may"] * 4


def test_facts(encoder):
    found = facts(loading.load_tokenizer(encoder("bert")), count_words(TEXTS))
    assert found["words"] == 56
    assert found["split"][0]["word"] == "lessee"
    assert found["split"][0]["pieces"] == ["l", "##e", "##s", "##s", "##e", "##e"]
    assert 0 < found["whole_share"] < 1 < found["pieces_per_word"]
    assert facts(loading.load_tokenizer(encoder("bert")), Counter())["pieces_per_word"] is None


@pytest.mark.parametrize("name", ["bert", "roberta", "xlm-roberta", "modernbert"])
def test_added_words_are_one_token_that_begins_as_the_mean_of_its_pieces(encoder, name, tmp_path):
    folder = encoder(name)
    tokenizer = loading.load_tokenizer(folder)
    network = transformers.AutoModelForMaskedLM.from_pretrained(folder)
    old = tokenizer(" lessee", add_special_tokens=False)["input_ids"]
    wanted = network.get_input_embeddings().weight[old].mean(0).detach()
    assert add_words(network, tokenizer, count_words(TEXTS), 2) == ["lessee", "lessor"]
    tokenizer.save_pretrained(tmp_path)
    again = transformers.AutoTokenizer.from_pretrained(tmp_path)
    for text in ("the lessee was", "the (lessee) was"):
        assert "lessee" in [t.strip("\u2581\u0120 ") for t in again.tokenize(text)]
    assert "lessee" not in again.tokenize("the lessees")
    row = again.convert_tokens_to_ids("lessee")
    assert torch.allclose(network.get_input_embeddings().weight[row], wanted)
    assert network.get_output_embeddings().weight.shape[0] == network.get_input_embeddings().weight.shape[0]


def test_a_word_that_is_only_written_with_a_capital_is_added_as_the_tokenizer_writes_it(encoder):
    tokenizer = loading.load_tokenizer(encoder("bert"))
    network = transformers.AutoModel.from_pretrained(encoder("bert"))
    wanted = network.get_input_embeddings().weight[tokenizer("lessee").input_ids[1:-1]].mean(0).detach()
    assert add_words(network, tokenizer, Counter({"Lessee": 9}), 1) == ["lessee"]
    row = tokenizer("Lessee").input_ids[1]
    assert torch.allclose(network.get_input_embeddings().weight[row], wanted)


def test_no_more_words_than_are_split(encoder):
    network = transformers.AutoModel.from_pretrained(encoder("bert"))
    with pytest.raises(ConfigError, match="At most 2"):
        add_words(network, loading.load_tokenizer(encoder("bert")), count_words(TEXTS), 3)


def test_what_is_frequent_counts(encoder):
    tokenizer = loading.load_tokenizer(encoder("bert"))
    words = Counter({"zzz": 4, "lessor": 5, "film": 99})
    assert [row["word"] for row in facts(tokenizer, words)["split"]] == ["lessor"]
