"""`predict` reads a file in chunks: what differs from one chunk to the next is neither lost nor mixed up."""

from __future__ import annotations

import csv
import errno
import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feinschliff.cli.predict import kept_apart
from feinschliff.readers import Table


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr("feinschliff.cli.predict.CHUNK_ROWS", 32)


def write(path, first, later):
    lines = ({"text": f"text number {i}", **(first if i < 32 else later)} for i in range(70))
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return [json.loads(line) for line in file] if path.suffix == ".jsonl" else list(csv.DictReader(file))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_what_is_added_has_one_name_in_all_chunks(cli, trained, tmp_path, suffix):
    source, target = write(tmp_path / "in.jsonl", {"prediction": "old"}, {}), tmp_path / f"out{suffix}"
    assert cli("predict", trained, source, "-o", target).code == 0
    found = read(target)
    assert {row["new_prediction"] for row in found} <= {"good", "bad"}
    assert [row.get("prediction") or None for row in found] == ["old"] * 32 + [None] * 38


def test_a_later_column_does_not_get_the_name_of_what_is_added(cli, trained, tmp_path):
    source = write(tmp_path / "in.jsonl", {}, {"prediction": "old", "probability_good": "x"})
    done = cli("predict", trained, source, "-o", tmp_path / "out.jsonl", "--label-columns")
    assert done.code == 0
    said = " ".join(done.err.split())
    assert "the column 'prediction', which begins later in the file, is named 'input_prediction'" in said
    assert said.count("begins later") == 2  # once for each column, not for each chunk
    found = read(tmp_path / "out.jsonl")
    assert {row["prediction"] for row in found} <= {"good", "bad"}
    assert {row["input_prediction"] for row in found[32:]} == {"old"}
    assert {row["input_probability_good"] for row in found[32:]} == {"x"}
    assert cli("predict", trained, source, "-o", tmp_path / "out.csv").code == 3


def test_a_renamed_column_takes_no_other_ones_name(cli, trained, tmp_path):
    source = write(tmp_path / "in.jsonl", {}, {"input_prediction": "own", "prediction": "old"})
    assert cli("predict", trained, source, "-o", tmp_path / "out.jsonl").code == 0
    row = read(tmp_path / "out.jsonl")[-1]
    assert (row["input_prediction"], row["input_input_prediction"]) == ("own", "old")


def test_a_renamed_column_takes_no_name_of_an_earlier_or_a_later_one():
    chunks = [["text"], ["text", "prediction"], ["input_prediction", "prediction"], ["prediction"]]
    assert renamed(chunks) == [
        ["text"],
        ["text", "input_prediction"],
        ["input_input_prediction", "input_prediction"],
        ["input_prediction"],
    ]
    assert renamed([["input_prediction"], ["prediction"]]) == [
        ["input_prediction"],
        ["input_input_prediction"],
    ]


def renamed(chunks):
    moved, seen = {}, set()
    tables = [Table(pa.table({name: ["x"] for name in names}), "made") for names in chunks]
    return [kept_apart(table, ["prediction"], moved, seen).columns.column_names for table in tables]


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ({"meta": {"shop": 1}}, {"meta": {"shop": 1, "region": "north"}}),
        ({"meta": {"shop": 1}}, {"meta": {"region": "north"}}),
        ({"list": [{"a": 1}]}, {"list": [{"a": 1, "b": 2}]}),
        ({"zip": 10001}, {"zip": "00123"}),
        ({"flag": True}, {"flag": 5}),
        ({"flag": 5}, {"flag": True}),
        ({"n": 1}, {"n": 1.5}),
    ],
)
def test_parquet_refuses_what_it_would_change(cli, trained, tmp_path, first, later):
    source = write(tmp_path / "in.jsonl", first, later)
    done = cli("predict", trained, source, "-o", tmp_path / "out.parquet")
    assert (done.code, "Write .jsonl" in done.err) == (3, True)
    assert list(tmp_path.iterdir()) == [source]
    assert cli("predict", trained, source, "-o", tmp_path / "out.jsonl").code == 0
    name = next(iter(first))
    assert [row[name] for row in read(tmp_path / "out.jsonl")] == [first[name]] * 32 + [later[name]] * 38


@pytest.mark.parametrize(
    ("first", "later", "written"),
    [
        ({"n": 1.5}, {"n": 2}, 2.0),
        ({"meta": {"a": 1, "b": "x"}}, {"meta": {"b": "y"}}, {"a": None, "b": "y"}),
        ({"note": "yes"}, {"note": None}, None),
        ({"note": "yes"}, {}, None),
    ],
)
def test_parquet_takes_what_stays_what_it_is(cli, trained, tmp_path, first, later, written):
    source = write(tmp_path / "in.jsonl", first, later)
    done = cli("predict", trained, source, "-o", tmp_path / "out.parquet")
    assert done.code == 0, done.err
    assert pq.read_table(tmp_path / "out.parquet")[next(iter(first))][-1].as_py() == written


def test_suggestions_of_chunks_whose_cells_differ_in_kind(cli, trained, tmp_path):
    source = write(tmp_path / "in.jsonl", {"zip": 10001}, {"zip": "D-00123"})
    done = cli("predict", trained, source, "-o", tmp_path / "out.jsonl", "--suggest", 70)
    assert done.code == 0, done.err
    assert {row["zip"] for row in read(tmp_path / "out.jsonl")} == {"10001", "D-00123"}


@pytest.mark.parametrize(
    ("failure", "code"), [(OSError(errno.EDQUOT, "quota"), 1), (KeyboardInterrupt(), 130)]
)
def test_a_failure_at_the_very_end_loses_nothing(cli, trained, toy_csv, tmp_path, monkeypatch, failure, code):
    honest = os.fsync

    def fails(handle):
        raise failure

    monkeypatch.setattr(os, "fsync", fails)
    done = cli("predict", trained, toy_csv, "-o", tmp_path / "out.csv")
    assert (done.code, "defect" in done.err) == (code, False)
    assert [path.name for path in tmp_path.iterdir()] == [".out.csv.parts"]
    monkeypatch.setattr(os, "fsync", honest)
    assert "Going on after 128 rows" in cli("predict", trained, toy_csv, "-o", tmp_path / "out.csv").err
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_names_that_are_too_long(cli, trained, toy_csv, tmp_path):
    done = cli("predict", trained, "a text that is no file " * 20)
    assert (done.code, "defect" in done.err) == (2, False)
    done = cli("predict", trained, toy_csv, "-o", tmp_path / f"{'x' * 300}.csv")
    assert (done.code, "name too long" in done.err) == (2, True)


def test_texts_in_a_list_keep_their_places(cli, trained, tmp_path):
    (tmp_path / "in.json").write_text('["a joy", null, "a bore"]', encoding="utf-8")
    done = cli("predict", trained, tmp_path / "in.json")
    assert [json.loads(line)["text"] for line in done.out.splitlines()] == ["a joy", None, "a bore"]
