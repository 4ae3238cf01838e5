"""Several seeds: each is trained once, the best on dev or an average is kept; runs go on where they were."""

import json
import os
import signal

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import tiny
from feinschliff import bundle, pipeline
from feinschliff.config import load_config
from feinschliff.errors import RunInterrupted
from feinschliff.report import result as results
from feinschliff.train import seeds
from feinschliff.train.events import Notice, Stage, Step

SEEDS = {"train.seeds": 3, "train.epochs": 2, "train.dropout": 0.1}


@pytest.fixture
def config(encoder, toy_csv, tmp_path):
    return lambda name="run", **settings: tiny.config(
        encoder("bert"), toy_csv, tmp_path / name, **{**SEEDS, **settings}
    )


def weights(folder):
    return load_file(folder / "model" / "model.safetensors")


def equal(one, other):
    return all(torch.equal(value, other[name]) for name, value in one.items())


def test_every_seed_is_scored_and_something_is_kept(config, tmp_path):
    result = pipeline.run(config())
    facts = result["seeds"]
    assert [t["seed"] for t in facts["trials"]] == [3, 4, 5]
    scores = [t["test"]["accuracy"] for t in facts["trials"]]
    found = facts["metrics"]["accuracy"]
    assert found["mean"] == pytest.approx(np.mean(scores))
    assert found["spread"] == pytest.approx(np.std(scores, ddof=1))
    assert found["low"] < found["mean"] < found["high"] or found["low"] == found["high"] == 1
    assert any(t["kept"] for t in facts["trials"])
    assert result["cost"]["train_seconds"] == pytest.approx(sum(t["seconds"] for t in facts["trials"]))
    rows = [json.loads(r) for r in (tmp_path / "run/predictions/test.jsonl").read_text().splitlines()]
    model = bundle.load(tmp_path / "run")
    assert [p.label for p in model.predict([r["text"] for r in rows])] == [r["prediction"] for r in rows]
    assert not (tmp_path / "run" / "checkpoints").exists()
    assert results.read(tmp_path / "run")["seeds"] is not None


def test_the_first_seed_is_the_ordinary_run(config, tmp_path):
    pipeline.run(config("one", **{"train.seeds": 1}))
    result = pipeline.run(config("three"))
    rows = (tmp_path / "one" / "predictions" / "test.jsonl").read_text().splitlines()
    right = np.mean([json.loads(r)["label"] == json.loads(r)["prediction"] for r in rows])
    assert result["seeds"]["trials"][0]["test"]["accuracy"] == pytest.approx(right)
    assert len({t["dev"]["log_loss"] for t in result["seeds"]["trials"]}) == 3
    assert results.read(tmp_path / "one")["seeds"] is None


@pytest.mark.parametrize("at", [4, 28])
def test_an_interrupted_run_goes_on_to_the_same_weights(config, tmp_path, at):
    pipeline.run(config("whole"))
    count = iter(range(1, 1000))

    def press(event):
        if isinstance(event, Step) and next(count) == at:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(RunInterrupted) as caught:
        pipeline.run(config(), listen=press)
    assert str(caught.value).endswith(f"feinschliff train --resume {tmp_path / 'run'}.")
    done = len(list((tmp_path / "run" / "checkpoints").glob("seed-*/fitted.json")))
    heard = []
    pipeline.run(load_config(tmp_path / "run" / "config.yaml"), resume=True, listen=heard.append)
    told = [e.text for e in heard if isinstance(e, Notice) and "already trained" in e.text]
    assert len(told) == done == (1 if at == 28 else 0)
    assert equal(weights(tmp_path / "run"), weights(tmp_path / "whole"))


def test_a_run_stopped_after_its_last_training_trains_nothing_again(config, tmp_path):
    def stop(event):
        if isinstance(event, Stage) and event.name == "evaluate":
            raise KeyboardInterrupt

    with pytest.raises(RunInterrupted):
        pipeline.run(config(), listen=stop)
    heard = []
    pipeline.run(load_config(tmp_path / "run" / "config.yaml"), resume=True, listen=heard.append)
    assert not [e for e in heard if isinstance(e, Step)]
    pipeline.run(config("whole"))
    assert equal(weights(tmp_path / "run"), weights(tmp_path / "whole"))


@pytest.mark.parametrize(("name", "content"), [("fitted.json", b"{"), ("weights.safetensors", b"half")])
def test_a_damaged_training_is_done_again(config, tmp_path, name, content):
    def stop(event):
        if isinstance(event, Stage) and event.name == "evaluate":
            raise KeyboardInterrupt

    with pytest.raises(RunInterrupted):
        pipeline.run(config(), listen=stop)
    (tmp_path / "run" / "checkpoints" / "seed-4" / name).write_bytes(content)
    heard = []
    pipeline.run(load_config(tmp_path / "run" / "config.yaml"), resume=True, listen=heard.append)
    told = [event.text for event in heard if isinstance(event, Notice)]
    assert [t.partition(" (")[0] for t in told if "damaged" in t] == ["seed-4 is damaged"]
    assert "Seed 3 is already trained." in told
    assert (tmp_path / "run" / "result.json").is_file()


def test_the_average_is_kept_only_where_dev_does_not_get_worse(config, tmp_path, monkeypatch):
    keys = {}

    def fake(worse):
        def on_dev(dataset, learner, dev):
            calls.append(1)
            score = 0.5 + 0.1 * len(calls) if len(calls) <= 3 else (0.1 if worse else 0.99)
            return {}, {"macro_f1": score, "log_loss": 1.0}

        return on_dev

    for worse in (True, False):
        calls = []
        monkeypatch.setattr(seeds, "_on_dev", fake(worse))
        name = "worse" if worse else "better"
        result = pipeline.run(config(name, **{"train.keep_checkpoints": True, "decide.calibration": "none"}))
        keys[name] = [t["seed"] for t in result["seeds"]["trials"] if t["kept"]]
    assert keys == {"worse": [5], "better": [3, 4, 5]}
    folder = tmp_path / "better" / "checkpoints"
    each = [load_file(folder / f"seed-{n}" / "weights.safetensors") for n in (3, 4, 5)]
    found = weights(tmp_path / "better")
    for name, value in found.items():
        if name in each[0]:
            torch.testing.assert_close(value, (each[2][name] + each[1][name] + each[0][name]) / 3)
    assert equal({n: v for n, v in weights(tmp_path / "worse").items() if n in each[2]}, each[2])


def test_a_library_user_needs_no_folder(encoder):
    from feinschliff import FeinschliffClassifier

    texts, labels = zip(*tiny.some(60), strict=True)
    settings = {"train.epochs": 1, "train.seeds": 2, "train.precision": "float32"}
    model = FeinschliffClassifier(str(encoder("bert")), settings=settings).fit(list(texts), list(labels))
    assert set(model.predict(list(texts))) <= set(labels)


def test_goals_and_calibration_belong_to_the_weights_that_are_kept(config, tmp_path):
    settings = {
        "decide.goal": ("accuracy>=0.6",),
        "decide.coverage": 0.75,
        "decide.calibration": "temperature",
    }
    result = pipeline.run(config(**settings))
    rules = bundle.load(tmp_path / "run").spec.decision
    assert {"calibration", "goals", "least", "possible"} <= set(rules)
    assert result["calibration"]["temperature"] == rules["calibration"]["temperature"] != 1
    assert result["decisions"]["goals"][0]["text"] == "accuracy>=0.6"
