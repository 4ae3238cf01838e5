"""Two processes adapt as one does, and only the first writes."""

import json

import numpy as np
import pytest

import tiny
from feinschliff.adapt.run import run
from feinschliff.train.events import Step
from several import Pair, arguments

SETTINGS = {
    "train.micro_batch_tokens": 96,
    "train.batch_size": 7,
    "train.epochs": 2,
    "adapt.heldout_share": 0.3,
}


@pytest.fixture
def corpus(tmp_path):
    return tiny.write_corpus(tmp_path / "corpus.txt")


def test_two_processes_give_the_losses_of_one(corpus, tmp_path):
    """By the next token, which draws nothing; a probe is the first process's own affair."""
    base = tiny.make(tmp_path / "base", "llama", "AutoModelForCausalLM")
    settings = SETTINGS | {"adapt.probe": tiny.write_probe(tmp_path), "adapt.probe_labels": (16,)}
    whole = tiny.adaptation(base, corpus, tmp_path / "one", **settings, **{"adapt.probe_seeds": 2})
    losses = []

    def note(event):
        if isinstance(event, Step):
            losses.append((event.step, event.loss, event.tokens))

    one = run(whole, listen=note)
    config = whole.model_copy(update={"output_dir": str(tmp_path / "two")})
    pair = Pair(tmp_path, *arguments(config, tmp_path / "c", "adapt"))
    codes, said = pair.end()
    assert codes == [0, 0], said
    assert not pair.steps(1)
    assert not said[1]
    np.testing.assert_allclose(pair.steps(), losses, rtol=2e-4)
    two = json.loads((tmp_path / "two" / "result.json").read_text())
    assert [r["environment"]["processes"] for r in (one, two)] == [1, 2]
    for kind in ("before", "after"):
        value = one["losses"]["test"][kind]["value"]
        assert two["losses"]["test"][kind]["value"] == pytest.approx(value, rel=1e-4)
    assert [t["score"] for t in two["probe"]["trials"]] == [t["score"] for t in one["probe"]["trials"]]


def test_two_processes_tune_a_new_head_and_hide_different_tokens(encoder, corpus, tmp_path):
    config = tiny.adaptation(encoder("bert"), corpus, tmp_path / "two", **SETTINGS)
    codes, said = Pair(tmp_path, *arguments(config, tmp_path / "c", "adapt")).end()
    assert codes == [0, 0], said
    result = json.loads((tmp_path / "two" / "result.json").read_text())
    assert result["model"]["head_is_new"]
    assert result["losses"]["test"]["difference"]["high"] < 0
