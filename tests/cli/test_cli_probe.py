"""Every format and attention is measured, remembered, and measured anew when the machine changes."""

import json

import pytest
import torch

from feinschliff.models import measured
from feinschliff.train import machine as probe


@pytest.fixture
def quick(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(probe, "LENGTHS", (8, 16))
    monkeypatch.setattr(probe, "BATCH_TOKENS", 32)
    monkeypatch.setattr(probe, "STEPS", 1)


def test_measures_and_remembers(quick, tmp_path, monkeypatch):
    found = probe.probe(torch.device("cpu"))
    rows = {(r["precision"], r["attention"], r["length_tokens"]) for r in found["rows"]}
    assert rows == {(p, a, n) for p in ("float32", "bfloat16") for a in ("eager", "sdpa") for n in (8, 16)}
    assert all(r["tokens_per_second"] > 0 for r in found["rows"])
    assert found["best"] in ("float32", "bfloat16")
    assert not found["cached"]
    monkeypatch.setattr(probe, "_measure", lambda *_: pytest.fail("measured again"))
    again = probe.probe(torch.device("cpu"))
    assert again == found | {"cached": True}


def test_measures_anew_when_asked_or_when_the_machine_is_another(quick, tmp_path, monkeypatch):
    speeds = {"float32": 100.0, "bfloat16": 10.0}
    monkeypatch.setattr(probe, "_measure", lambda device, precision, *_: speeds[precision])
    assert probe.probe(torch.device("cpu"))["best"] == "float32"
    speeds["bfloat16"] = 1000.0
    assert probe.probe(torch.device("cpu"))["best"] == "float32"
    assert probe.probe(torch.device("cpu"), again=True)["best"] == "bfloat16"
    speeds["bfloat16"] = 1.0
    monkeypatch.setattr(measured, "_name", lambda device: "another")
    assert probe.probe(torch.device("cpu"))["best"] == "float32"
    (tmp_path / "feinschliff" / "probe.json").write_text("{damaged")
    assert not probe.probe(torch.device("cpu"))["cached"]


def test_a_cache_that_cannot_be_written_does_no_harm(quick, tmp_path, monkeypatch):
    monkeypatch.setattr(probe, "_measure", lambda *_: 1.0)
    (tmp_path / "feinschliff").write_text("a file")
    assert not probe.probe(torch.device("cpu"))["cached"]


def test_the_command(cli, quick):
    done = cli("models", "--probe", "--json")
    assert done.code == 0, done.err
    assert {"rows", "chosen", "best", "cached"} <= set(json.loads(done.out))
    done = cli("models", "--probe")
    assert "tokens/s" in done.out
    assert "train.precision" in done.out
