from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    """Give a file with a repeated row, a row without text, and two rows that contradict each other."""
    rows = [
        (f"{a} {b} {c}", "ab"[int(c) % 2]) for a in ("tea", "ink", "oak") for b in "xyzw" for c in "12345"
    ]
    rows += [rows[0], ("", "a"), (rows[3][0], "b")]
    path = tmp_path / "faulty.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return path


def test_findings_are_shown_with_what_is_done(faulty: Path, cli: Cli) -> None:
    done = cli("audit", faulty)
    assert done.code == 0
    assert "text 'text'" in done.out
    assert "exact_duplicates" in done.out
    assert "1 removed from train (data.remove)" in done.out
    assert "faulty.csv:62: tea x 1" in done.out


def test_json_is_for_programs(faulty: Path, cli: Cli) -> None:
    found = json.loads(cli("audit", faulty, "--json").out)
    assert {f["kind"]: f["count"] for f in found["findings"]}["conflicting_labels"] == 2
    assert [r["reason"].partition(":")[0] for r in found["removed"]] == ["exact_duplicates", "empty"]
    assert found["columns"]["label"] == "label"


def test_a_refused_kind_ends_with_3(faulty: Path, cli: Cli) -> None:
    done = cli("audit", faulty, "--set", "data.refuse=[conflicting_labels]")
    assert done.code == 3
    assert "refused because of conflicting_labels" in done.err


def test_the_clean_rows_are_written_as_they_were(faulty: Path, tmp_path: Path, cli: Cli) -> None:
    clean = tmp_path / "clean.csv"
    assert cli("audit", faulty, "--write-clean", clean).code == 0
    before, after = (list(csv.reader(p.open(encoding="utf-8", newline=""))) for p in (faulty, clean))
    assert after == before[:61] + before[63:]
    removed = list(csv.DictReader((tmp_path / "clean.csv.removed.csv").open(encoding="utf-8", newline="")))
    assert [r["place"].rpartition(":")[2] for r in removed] == ["62", "63"]


def test_a_wrong_column_ends_with_2(faulty: Path, cli: Cli) -> None:
    done = cli("audit", faulty, "--text", "texts")
    assert done.code == 2
    assert "Did you mean --text text?" in done.err


def test_files_that_are_read_are_never_written(cli, toy_csv, tmp_path):
    data, doubts = tmp_path / "data.csv", tmp_path / "doubts.csv"
    data.write_bytes(toy_csv.read_bytes())
    doubts.write_text("place,text,new_label\n")
    for options in (
        ("--label-errors", data),
        ("--write-clean", data),
        ("--relabel", doubts, "--write-clean", doubts),
        ("--write-clean", tmp_path / "new.csv", "--label-errors", tmp_path / "new.csv"),
    ):
        done = cli("audit", data, *options)
        assert (done.code, "Name another file" in done.err) == (2, True)
    assert data.read_bytes() == toy_csv.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data.csv", "doubts.csv"]


def test_a_text_without_labels_stays_one_in_a_clean_file_of_another_format(tmp_path: Path, cli: Cli) -> None:
    path, clean = tmp_path / "rows.csv", tmp_path / "clean.jsonl"
    words = [f"{a} {b} {c}" for a in ("tea", "ink", "oak") for b in "xyzw" for c in "12345"]
    path.write_text(
        "text,labels\n" + "".join(f"{w},{['a;b', 'a', ''][i % 3]}\n" for i, w in enumerate(words))
    )
    assert cli("audit", path, "--write-clean", clean).code == 0
    before, after = (json.loads(cli("audit", p, "--json").out) for p in (path, clean))
    assert (after["splits"], after["task"], after["removed"]) == (before["splits"], "multilabel", [])
