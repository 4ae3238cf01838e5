"""An adaptation killed in the tuning of its head, after it, and while it writes, goes on to the same bits."""

import json

import tiny
from feinschliff.adapt.run import run
from killing import KILLS, kill_again_and_again

SETTINGS = {"train.epochs": 2 * KILLS, "train.checkpoint_minutes": 1e-9, "train.dropout": 0.1}


def test_killed_again_and_again(encoder, tmp_path):
    corpus = tiny.write_corpus(tmp_path / "corpus.txt")
    whole, output = tmp_path / "whole", tmp_path / "killed"
    expected = run(tiny.adaptation(encoder("bert"), corpus, whole, **SETTINGS))
    config = tiny.adaptation(encoder("bert"), corpus, output, **SETTINGS)
    kill_again_and_again(run, config)
    assert not (output / "model").exists()
    notices = []
    found = run(config, resume=True, listen=notices.append)
    assert any(getattr(n, "text", "").startswith("Resumed at step") for n in notices)
    name = "model/model.safetensors"
    assert (output / name).read_bytes() == (whole / name).read_bytes()
    assert found["losses"] == expected["losses"]
    assert json.loads((output / "result.json").read_text()) == found
    assert not (output / "checkpoints").exists()
