"""What a person decides about doubtful labels is applied to the rows meant, and to no others."""

from __future__ import annotations

import csv
import json

import pytest

from feinschliff.config import RunConfig
from feinschliff.data import infer
from feinschliff.data.relabel import relabel
from feinschliff.errors import DataError
from feinschliff.readers import read

DATA = [{"text": f"text number {i}", "label": "ab"[i % 2]} for i in range(20)]


def decided(name, *rows):
    return [{"place": f"{name}:{i + 2}", "text": f"text number {i}", "new_label": new} for i, new in rows]


def of(rows):
    return read(rows, RunConfig().data)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "data.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["text", "label"])
        writer.writeheader()
        writer.writerows(DATA)
    return read(str(path), RunConfig().data)


def test_labels_change_rows_go_and_places_stay(table):
    columns = infer(table, RunConfig(), True)
    rows = decided(table.name, (0, "b"), (1, "b"), (3, "-"), (5, ""), (7, " new "))
    found = relabel(table, columns, of([*rows, {"place": "test.csv:9", "text": "x", "new_label": "a"}]))
    assert (found.changed, found.removed, found.elsewhere) == (2, 1, 1)
    expected = [row["label"] for row in DATA]
    expected[0], expected[7] = "b", "new"
    del expected[3]
    assert found.table.columns["label"].to_pylist() == expected
    assert found.table.place(3) == f"{table.name}:6"
    assert table.columns["label"].to_pylist() == [row["label"] for row in DATA]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"place": "{name}:2", "text": "another", "new_label": "b"}], "text of .*data.csv:2 is another"),
        ([{"place": "other.csv:2", "text": "x", "new_label": "b"}], "none of its rows is of"),
        ([{"place": "data.csv:2", "text": "text number 0"}], "no column 'new_label'"),
    ],
)
def test_a_list_of_other_data_is_refused(table, rows, message):
    rows = [{**row, "place": row["place"].format(name=table.name)} for row in rows]
    with pytest.raises(DataError, match=message):
        relabel(table, infer(table, RunConfig(), True), of(rows))


def test_lists_of_labels_are_written_as_json(tmp_path):
    path = tmp_path / "data.jsonl"
    rows = [{"text": row["text"], "label": [row["label"]]} for row in DATA]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    table = read(str(path), RunConfig().data)
    columns = infer(table, RunConfig(task="multilabel"), True)
    place = table.place(0)
    row = {"place": place, "text": "text number 0"}
    found = relabel(table, columns, of([{**row, "new_label": '["a", "b"]'}]))
    assert found.table.columns["label"].to_pylist()[:2] == [["a", "b"], ["b"]]
    with pytest.raises(DataError, match="cannot be a label here. A JSON list"):
        relabel(table, columns, of([{**row, "new_label": "a, b"}]))
    one = relabel(table, infer(table, RunConfig(), True), of([{**row, "new_label": "b"}]))
    assert one.table.columns["label"].to_pylist()[:2] == [["b"], ["b"]]


def test_all_labels_are_taken_away_in_the_notation_of_the_file(tmp_path):
    path = tmp_path / "data.csv"
    cells = ["a;b", "a", "b", "b;a"] * 5
    path.write_text("text,label\n" + "".join(f"text number {i},{c}\n" for i, c in enumerate(cells)))
    table = read(str(path), RunConfig().data)
    columns = infer(table, RunConfig(), True)
    found = relabel(table, columns, of(decided(table.name, (0, "[]"), (1, "b;a")))).table
    assert found.columns["label"].to_pylist()[:3] == ["", "b;a", "b"]
    assert infer(found, RunConfig(), True).separator == ";"


def test_the_file_may_be_named_by_another_path(table, monkeypatch):
    from pathlib import Path

    monkeypatch.chdir(Path(table.name).parent)
    decisions = of(decided("data.csv", (0, "b"), (1, "")))
    assert relabel(table, infer(table, RunConfig(), True), decisions).table.columns["label"][0].as_py() == "b"
