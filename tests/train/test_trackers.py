"""Trackers are told what happens, and one that fails does no harm; energy is measured."""

import json
from dataclasses import replace

import pytest
import yaml

import tiny
from feinschliff.errors import MissingExtraError
from feinschliff.pipeline import run
from feinschliff.train import energy, trackers
from feinschliff.train.events import Notice, Step

STEP = Step(1, 4, 0.5, 0.7, 1e-4, 100, 1.0)


def curves(folder):
    """Read back what TensorBoard was told: {name: [(step, value)]}."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder)).Reload()
    return {name: [(e.step, e.value) for e in read.Scalars(name)] for name in read.Tags()["scalars"]}


def test_tensorboard_and_energy(encoder, toy_csv, tmp_path):
    steps = []
    settings = {"train.trackers": ("tensorboard",), "train.energy": True, "train.seeds": 2, "train.epochs": 1}
    result = run(tiny.config(encoder("bert"), toy_csv, tmp_path / "run", **settings), listen=steps.append)
    found = curves(tmp_path / "run" / "logs")
    losses = [e.loss for e in steps if isinstance(e, Step)]
    assert [value for _, value in found["train/loss"]] == pytest.approx(losses)
    assert [step for step, _ in found["train/loss"]] == list(range(1, len(losses) + 1))
    assert len(found["dev/macro_f1"]) == 2
    assert found["test/accuracy"][0][1] == pytest.approx(result["metrics"]["test"]["accuracy"]["value"])
    told = yaml.safe_load(next((tmp_path / "run" / "logs").glob("*/hparams.yml")).read_text())
    assert told["train.epochs"] == 1
    assert told["data.text"] == "text"
    assert 0 < result["cost"]["energy_kwh"] < 0.1
    assert result["systems"][0]["energy_kwh"] == result["cost"]["energy_kwh"]
    assert all(system["energy_kwh"] >= 0 for system in result["systems"])
    assert json.loads((tmp_path / "run" / "result.json").read_text())["cost"]["energy_kwh"] > 0


def test_without_trackers_nothing_is_written(trained):
    assert not (trained / "logs").exists()
    assert json.loads((trained / "result.json").read_text())["cost"]["energy_kwh"] is None


def test_one_that_is_not_installed_is_named_with_its_extra(encoder, toy_csv, tmp_path, monkeypatch):
    monkeypatch.setattr(trackers.importlib.util, "find_spec", lambda name: None)
    for settings, extra in (({"train.trackers": ("wandb",)}, "wandb"), ({"train.energy": True}, "energy")):
        with pytest.raises(MissingExtraError, match=rf"feinschliff\[{extra}\]"):
            run(tiny.config(encoder("bert"), toy_csv, tmp_path / "run", **settings))
        assert not (tmp_path / "run").exists()


def test_one_that_fails_is_left_out(tmp_path, monkeypatch):
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS

    class Unreachable:
        def __init__(self, project, **more):
            assert (project, more) == ("feinschliff", {"run_name": tmp_path.name})

        def start(self):
            raise ConnectionError("no route to host\nand so on")

    monkeypatch.setitem(LOGGER_TYPE_TO_CLASS, "mlflow", Unreachable)
    monkeypatch.setattr(trackers.importlib.util, "find_spec", lambda name: True)
    heard = []
    with trackers.tracked(("mlflow",), tmp_path, heard.append) as listen:
        listen(STEP)
        listen(replace(STEP, step=2))
    notice = Notice("The tracker 'mlflow' is left out: no route to host", "warning")
    assert heard == [STEP, notice, replace(STEP, step=2)]


def test_nothing_is_measured_unless_wanted():
    with energy.metered(False) as meter:
        pass
    assert meter.kwh is None
