"""Full evidence: both systems on growing parts of the data, random weights as a system of their own."""

import pytest

import tiny
from feinschliff import pipeline
from feinschliff.config import load_config
from feinschliff.report import result as results


def test_full_evidence_trains_from_scratch_and_on_parts(encoder, toy_csv, tmp_path):
    settings = {"evaluate.evidence": "full", "train.epochs": 2, "evaluate.baselines": ("majority",)}
    result = pipeline.run(tiny.config(encoder("bert"), toy_csv, tmp_path / "run", **settings))
    assert [s["name"] for s in result["systems"]] == ["fine-tuned", "majority", "scratch"]
    assert [c["b"] for c in result["comparisons"]] == ["majority", "scratch"]
    curve = results.read(tmp_path / "run")["learning_curve"]
    whole = result["data"]["splits"]["train"]
    for system in ("fine-tuned", "scratch"):
        labels = [p["labels"] for p in curve if p["system"] == system]
        assert labels == sorted(labels)
        assert labels[-1] == whole
        assert labels[0] == pytest.approx(whole / 8, abs=4)
    last = {p["system"]: p["score"] for p in curve if p["labels"] == whole}
    for system in result["systems"]:
        if system["name"] in last:
            assert last[system["name"]] == pytest.approx(system["metrics"]["macro_f1"])
    page = (tmp_path / "run" / "report.html").read_text()
    assert "learning-t" in page


def test_its_config_repeats_the_parts_too(encoder, toy_csv, tmp_path):
    settings = {"evaluate.evidence": "full", "evaluate.baselines": ("majority",), "train.epochs": None}
    first = pipeline.run(tiny.config(encoder("bert"), toy_csv, tmp_path / "first", **settings))
    again = load_config(tmp_path / "first" / "config.yaml").model_copy(
        update={"output_dir": str(tmp_path / "again")}
    )
    pipeline.run(again)
    one, other = (
        [(p["system"], p["labels"], p["score"]) for p in results.read(tmp_path / name)["learning_curve"]]
        for name in ("first", "again")
    )
    assert first["learning_curve"]
    assert one == other


def test_the_model_is_that_of_an_ordinary_run(encoder, toy_csv, tmp_path):
    for name, level in (("full", "full"), ("normal", "normal")):
        pipeline.run(
            tiny.config(
                encoder("bert"),
                toy_csv,
                tmp_path / name,
                **{"evaluate.evidence": level, "train.epochs": 1},
            )
        )
    one, other = (tmp_path / n / "model" / "model.safetensors" for n in ("full", "normal"))
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("settings", [{"train.method": "lora"}, {"train.freeze_layers": 2}])
def test_what_is_random_is_trained_as_a_whole(encoder, toy_csv, tmp_path, settings, monkeypatch):
    from feinschliff.train import curve

    seen = []
    tune = curve.tune
    monkeypatch.setattr(curve, "tune", lambda config, *rest: seen.append(config.train) or tune(config, *rest))
    more = {"evaluate.evidence": "full", "train.epochs": 1, "evaluate.baselines": ("majority",)}
    pipeline.run(tiny.config(encoder("bert"), toy_csv, tmp_path / "run", **more, **settings))
    ways = {(train.method, train.freeze_layers) for train in seen}
    assert ways == {
        ("full", 0),
        (settings.get("train.method", "full"), settings.get("train.freeze_layers", 0)),
    }
