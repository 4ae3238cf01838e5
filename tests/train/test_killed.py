"""A run killed at any moment, while it writes a checkpoint too, goes on to the same bits."""

import tiny
from feinschliff.pipeline import run
from killing import KILLS, kill_again_and_again

SETTINGS = {"train.epochs": KILLS, "train.checkpoint_minutes": 1e-9, "train.dropout": 0.1}


def test_killed_again_and_again(encoder, toy_csv, tmp_path):
    whole, output = tmp_path / "whole", tmp_path / "killed"
    run(tiny.config(encoder("bert"), toy_csv, whole, **SETTINGS))
    config = tiny.config(encoder("bert"), toy_csv, output, **SETTINGS)
    kill_again_and_again(run, config)
    assert (output / "config.yaml").is_file()
    assert not (output / "model").exists()
    notices = []
    run(config, resume=True, listen=notices.append)
    assert any(getattr(n, "text", "").startswith("Resumed at step") for n in notices)
    for name in ("model/model.safetensors", "predictions/test.jsonl", "config.yaml"):
        expected = (whole / name).read_bytes().replace(str(whole).encode(), str(output).encode())
        assert (output / name).read_bytes() == expected, name
    assert not (output / "checkpoints").exists()
