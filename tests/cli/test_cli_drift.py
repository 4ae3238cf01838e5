"""`predict --drift`: the texts that come in against those of training."""

from __future__ import annotations

import csv
import json
import shutil

import tiny


def write(path, texts):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text",), *((text,) for text in texts)])
    return path


def test_texts_of_the_same_kind_do_not_drift(cli, trained, toy_csv, tmp_path):
    done = cli("predict", trained, toy_csv, "-o", tmp_path / "out.csv", "--drift")
    assert done.code == 0
    assert "No drift: 120 of 120 texts compared with the training data." in done.err


def test_other_texts_do_and_the_file_says_what_changed(cli, trained, tmp_path):
    long = [f"{text} " * 4 + "🌞 🌞" for text, label in tiny.some(240) if label == "bad"]
    source = write(tmp_path / "other.csv", long)
    done = cli("predict", trained, source, "-o", tmp_path / "out.csv", "--drift-json", tmp_path / "d.json")
    assert done.code == 0
    assert "Drift (large; " in done.err
    found = json.loads((tmp_path / "d.json").read_text(encoding="utf-8"))
    assert (found["drift"], found["texts"], found["compared"]) == ("large", len(long), len(long))
    levels = {change["name"]: change["level"] for change in found["changes"]}
    assert {name for name in ("characters", "unknown_tokens", "words") if levels[name] != "large"} == set()


def test_few_texts_tell_nothing_and_equal_ones_count_once(cli, trained, tmp_path):
    source = write(tmp_path / "odd.csv", ["🌞 " * 40] * 150 + ["zxqj"])
    done = cli("predict", trained, source, "-o", tmp_path / "out.csv", "--drift-json", tmp_path / "d.json")
    assert "cannot be told: 2 different ones of 151 texts; it takes 100" in " ".join(done.err.split())
    found = json.loads((tmp_path / "d.json").read_text(encoding="utf-8"))
    assert found == {"drift": "too few", "texts": 151, "compared": 2, "needed": 100, "changes": []}


def test_an_exported_model_sees_the_same_drift(cli, trained, tmp_path):
    source = write(tmp_path / "other.csv", [f"odd {text}" * 3 for text, _ in tiny.some(120)])
    assert cli("export", trained, "-o", tmp_path / "onnx").code == 0
    found = []
    for model in (trained, tmp_path / "onnx"):
        target = tmp_path / "d.json"
        assert cli("predict", model, source, "-o", tmp_path / "o.csv", "--drift-json", target).code == 0
        found.append(json.loads(target.read_text(encoding="utf-8"))["changes"])
    for one, other in zip(*found, strict=True):
        assert (one["name"], one["level"]) == (other["name"], other["level"])


def test_a_model_without_a_profile_says_so(cli, trained, toy_csv, tmp_path):
    model = shutil.copytree(trained / "model", tmp_path / "model")
    (model / "profile.json").unlink()
    done = cli("predict", model, toy_csv, "-o", tmp_path / "out.csv", "--drift")
    assert done.code == 2
    assert "profile.json" in done.err
    (model / "profile.json").write_text("{}", encoding="utf-8")
    assert cli("predict", model, toy_csv, "-o", tmp_path / "out.csv", "--drift").code == 1
