"""Decoders learn by the next token, with adapters too; their own head stays as it is then."""

from __future__ import annotations

import pytest
import torch
import transformers

import tiny
from feinschliff.adapt.run import run
from feinschliff.objectives.anchored import mean_vectors


@pytest.mark.parametrize(("name", "tied"), [("llama", False), ("gpt2", True), ("qwen3", True)])
def test_adapters(name, tied, tmp_path):
    base = tiny.make(tmp_path / "base", name, "AutoModelForCausalLM", tie_word_embeddings=tied)
    corpus = tiny.write_corpus(tmp_path / "corpus.txt")
    settings = {
        "adapt.heldout_share": 0.4,
        "adapt.general": "none",
        "train.method": "lora",
        "train.learning_rate": 1e-2,
    }
    result = run(tiny.adaptation(base, corpus, tmp_path / "out", **settings))
    assert result["config"]["adapt"]["objective"] == "causal"
    assert result["losses"]["test"]["difference"]["high"] < 0
    assert "general" not in result["losses"]
    found, info = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path / "out" / "model", output_loading_info=True
    )
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    old = transformers.AutoModelForCausalLM.from_pretrained(base).state_dict()
    new = found.state_dict()
    changed = {n for n in old if not torch.equal(old[n], new[n])}
    assert changed
    assert not {n for n in changed if "lm_head" in n or "embed" in n or "wte" in n}


def test_halves_of_nothing_do_no_harm():
    states, none = torch.ones(2, 3, 4), torch.tensor([[1, 1, 0], [0, 0, 0]])
    assert mean_vectors(states, none).tolist() == [[1.0] * 4, [0.0] * 4]


def test_special_tokens_beyond_the_embeddings_stand_for_no_text(tmp_path):
    base = tiny.make(tmp_path / "base", "gpt2", "AutoModelForCausalLM")
    tokenizer = transformers.AutoTokenizer.from_pretrained(base)
    network = transformers.AutoModelForCausalLM.from_pretrained(base)
    more = network.config.vocab_size - len(tokenizer) + 1
    tokenizer.add_special_tokens({"additional_special_tokens": [f"<image{n}>" for n in range(more)]})
    assert max(tokenizer.all_special_ids) == network.config.vocab_size
    tokenizer.save_pretrained(base)
    corpus = tiny.write_corpus(tmp_path / "corpus.txt")
    settings = {"adapt.heldout_share": 0.4, "adapt.general": "none", "train.epochs": 1}
    assert run(tiny.adaptation(base, corpus, tmp_path / "out", **settings))["losses"]["test"]
