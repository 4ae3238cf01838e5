"""Groups are drawn from the run on: in its result, in its predictions, and where its model is scored again."""

import csv
import json

import pytest

import tiny
from feinschliff import api
from feinschliff.pipeline import run


@pytest.fixture
def grouped(tmp_path):
    """A file of the toy task in which three texts each have one author."""
    for name, columns in (("with.csv", ["text", "label", "author"]), ("without.csv", ["text", "label"])):
        with (tmp_path / name).open("w", encoding="utf-8", newline="") as file:
            rows = [(text, label, f"a{i // 3}") for i, (text, label) in enumerate(tiny.some(180))]
            csv.writer(file).writerows([columns, *(row[: len(columns)] for row in rows)])
    return tmp_path


def test_a_run_on_grouped_texts_draws_groups(grouped, encoder):
    config = tiny.config(encoder("bert"), grouped / "with.csv", grouped / "run", **{"train.epochs": 1})
    result = run(config)
    found = result["data"]["groups"]
    assert (found["column"], found["drawn"]) == ("author", True)
    rows = [json.loads(line) for line in (grouped / "run/predictions/test.jsonl").read_text().splitlines()]
    assert len({row["group"] for row in rows}) == found["test"] < len(rows)
    by_group, by_text = (
        api.evaluate(grouped / "run" / "model", grouped / name)["metrics"]["accuracy"]
        for name in ("with.csv", "without.csv")
    )
    assert by_group["value"] == by_text["value"]
    assert by_group["low"] != by_text["low"]
