"""Groups are drawn in a run, known to its predictions, and drawn where its model is scored again."""

import csv
import json

import numpy as np
import pytest

import tiny
from feinschliff import api
from feinschliff.evaluate import Predictions, intervals, statistics
from feinschliff.pipeline import run


@pytest.fixture
def grouped(tmp_path):
    """A file of the toy task of which three texts each are by one person."""
    for name, columns in (("with.csv", ["text", "label", "who"]), ("without.csv", ["text", "label"])):
        with (tmp_path / name).open("w", encoding="utf-8", newline="") as file:
            rows = [(text, label, f"a{i // 3}") for i, (text, label) in enumerate(tiny.some(180))]
            csv.writer(file).writerows([columns, *(row[: len(columns)] for row in rows)])
    return tmp_path


def test_a_run_on_grouped_texts_draws_groups(grouped, encoder):
    config = tiny.config(
        encoder("bert"), grouped / "with.csv", grouped / "run", **{"train.epochs": 1, "data.group": "who"}
    )
    result = run(config)
    found = result["data"]["groups"]
    assert (found["column"], found["drawn"]) == ("who", True)
    rows = [json.loads(line) for line in (grouped / "run/predictions/test.jsonl").read_text().splitlines()]
    assert len({row["group"] for row in rows}) == found["test"] < len(rows)
    scores = result["metrics"]["test"]["accuracy"]
    said = Predictions(
        "classification", ("bad", "good"), np.array([row["prediction"] == "good" for row in rows], int)
    )
    alone = intervals(
        statistics("classification", [row["label"] for row in rows], said), 100, seed=config.seed
    )
    assert scores["value"] == alone["accuracy"].value
    assert abs(scores["low"] - alone["accuracy"].low) > 1e-3
    by_group, by_text = (
        api.evaluate(grouped / "run" / "model", grouped / name)["metrics"]["accuracy"]
        for name in ("with.csv", "without.csv")
    )
    assert by_group["value"] == by_text["value"]
    assert by_group["low"] != by_text["low"]
