"""The library's functions do what the command line does."""

from __future__ import annotations

import csv

import pytest

import feinschliff
from feinschliff.config import load_config
from feinschliff.errors import ConfigError, DataError

QUICK = {"train.epochs": 1, "evaluate.baselines": ("majority",), "evaluate.bootstrap_samples": 100}


@pytest.fixture(scope="module")
def rows(toy_csv):
    with toy_csv.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_train_takes_a_path_rows_and_a_frame_to_the_same_scores(encoder, toy_csv, rows, tmp_path):
    pd = pytest.importorskip("pandas")
    events = []
    found = [
        feinschliff.train(
            data, model=encoder("bert"), output_dir=tmp_path / str(i), settings=QUICK, listen=events.append
        )
        for i, data in enumerate([toy_csv, rows, pd.DataFrame(rows)])
    ]
    assert found[0]["metrics"] == found[1]["metrics"] == found[2]["metrics"]
    assert {type(e).__name__ for e in events} == {"Stage", "Notice", "Step"}
    assert (tmp_path / "2" / "model" / "config.json").is_file()


def test_train_says_nothing(encoder, toy_csv, tmp_path, capfd):
    feinschliff.train(str(toy_csv), model=encoder("bert"), output_dir=tmp_path / "run", settings=QUICK)
    assert capfd.readouterr() == ("", "")


def test_train_needs_data(encoder):
    with pytest.raises(ConfigError, match="no data was given"):
        feinschliff.train(model=encoder("bert"))


def test_settings_win_over_a_configuration(encoder, toy_csv, tmp_path):
    config = load_config(values={"seed": 5, "model.source": str(encoder("bert"))})
    result = feinschliff.train(
        toy_csv, config=config, output_dir=tmp_path / "run", settings=QUICK | {"train.learning_rate": 1e-3}
    )
    assert (result["seed"], result["config"]["train"]["learning_rate"]) == (5, 1e-3)
    with pytest.raises(ConfigError, match=r"did you mean 'train\.epochs'"):
        feinschliff.train(toy_csv, config=config, settings={"train.epoch": 1})
    with pytest.raises(ConfigError, match=r"there is no setting 'trian'"):
        feinschliff.train(toy_csv, config=config, settings={"trian.epochs": 1})


def test_load_and_predict(trained, rows):
    model = feinschliff.load(trained)
    assert model.labels == ("bad", "good")
    for found in model.predict([r["text"] for r in rows[:4]]):
        assert found.label in model.labels
        assert found.score == max(found.probabilities.values())


def test_evaluate_takes_a_model_or_its_folder(trained, toy_csv, rows):
    found = feinschliff.evaluate(trained, toy_csv, require=["accuracy>=0", "accuracy>=1.01"])
    again = feinschliff.evaluate(feinschliff.load(trained), rows)
    assert found["metrics"] == again["metrics"]
    assert found["examples"] == len(rows)
    assert [r["reached"] for r in found["requirements"]] == [True, False]


def test_evaluate_with_other_names_for_the_columns(trained, rows):
    renamed = [{"satz": r["text"], "urteil": r["label"]} for r in rows]
    found = feinschliff.evaluate(trained, renamed, text="satz", label="urteil")
    assert found["columns"] == {"text": "satz", "text_pair": None, "label": "urteil"}
    with pytest.raises(ConfigError, match="there is no column 'satzz'"):
        feinschliff.evaluate(trained, renamed, text="satzz", label="urteil")


def test_evaluate_reads_a_dash_as_no_label_unless_the_model_has_it(trained, rows):
    good = [row for row in rows[1:] if row["label"] == "good"]
    with pytest.raises(DataError, match="1 row without a label"):
        feinschliff.evaluate(trained, [{"text": rows[0]["text"], "label": "-"}, *good])


def test_audit_finds_what_a_run_would_leave_out(rows):
    dataset = feinschliff.audit([*rows, rows[0]], test=rows[5:9])
    assert dataset.task == "classification"
    assert dataset.count("exact_duplicates") >= 1
    assert dataset.count("leaked_into_test") == 4
