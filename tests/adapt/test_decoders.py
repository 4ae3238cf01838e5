"""Decoders learn by the next token, with adapters too; their own head stays as it is then."""

from __future__ import annotations

import pytest
import torch
import transformers

import tiny
from feinschliff.adapt.run import run
from feinschliff.config import load_config
from feinschliff.models.load import quietly

DOCUMENTS = [" ".join(text for text, _ in tiny.some(60)[i : i + 4]) + f" {i}" for i in range(56)]


@pytest.mark.parametrize(("name", "tied"), [("llama", False), ("gpt2", True), ("qwen3", True)])
def test_adapters(name, tied, tmp_path):
    shape, tokenizer = tiny.DECODERS[name], tiny.tokenizer_of("decoder", length=64)
    config = getattr(transformers, shape.config)(
        **{**tiny.SIZES, **shape.values}, vocab_size=len(tokenizer), tie_word_embeddings=tied
    )
    torch.manual_seed(7)
    base = transformers.AutoModelForCausalLM.from_config(config)
    quietly(lambda: base.save_pretrained(tmp_path / "base"))
    tokenizer.save_pretrained(tmp_path / "base")
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("\n".join(DOCUMENTS))
    values = {
        "model.source": str(tmp_path / "base"),
        "adapt.corpus": (str(corpus),),
        "adapt.block_tokens": 32,
        "adapt.heldout_share": 0.4,
        "adapt.general": "none",
        "train.method": "lora",
        "train.epochs": 4,
        "train.batch_size": 8,
        "train.learning_rate": 1e-2,
        "train.precision": "float32",
        "evaluate.bootstrap_samples": 100,
        "output_dir": str(tmp_path / "out"),
    }
    result = run(load_config(values=values))
    assert result["config"]["adapt"]["objective"] == "causal"
    assert result["losses"]["test"]["difference"]["high"] < 0
    assert "general" not in result["losses"]
    found, info = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path / "out" / "model", output_loading_info=True
    )
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    old, new = base.state_dict(), found.state_dict()
    changed = {n for n in old if not torch.equal(old[n], new[n])}
    assert changed
    assert not {n for n in changed if "lm_head" in n or "embed" in n or "wte" in n}
