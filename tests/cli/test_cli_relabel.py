"""Planted label errors: listed, worked through, applied."""

from __future__ import annotations

import csv
import re

import pytest

import tiny


@pytest.fixture
def noisy(tmp_path):
    """Give the toy task with every 17th label wrong, and the wrong rows."""
    rows = tiny.some(200)
    other = {"good": "bad", "bad": "good"}
    path = tmp_path / "noisy.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        given = [(t, other[n] if i % 17 == 0 else n) for i, (t, n) in enumerate(rows)]
        csv.writer(file).writerows([("text", "label"), *given])
    return path, dict(rows), [rows[i][0] for i in range(0, len(rows), 17)]


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_planted_errors_are_listed_and_mended(cli, noisy, tmp_path):
    path, truth, wrong = noisy
    listed = tmp_path / "doubtful.csv"
    done = cli("audit", path, "--label-errors", listed)
    assert done.code == 0, done.err
    assert "labels to look at, the most suspicious first; many will be right" in done.err
    rows = read(listed)
    assert len({row["text"] for row in rows} & set(wrong)) > 2 / 3 * len(wrong)
    assert len(rows) < 2 * len(wrong)
    assert [float(r["probability"]) for r in rows] == sorted(float(r["probability"]) for r in rows)
    for row in rows:
        row["new_label"] = truth[row["text"]]
    write(listed, rows)
    clean = tmp_path / "clean.csv"
    done = cli("audit", path, "--relabel", listed, "--write-clean", clean)
    assert done.code == 0
    assert " changed, 0 rows removed" in done.err
    left = [row["text"] for row in read(clean) if row["label"] != truth[row["text"]]]
    assert len(left) < len(wrong) / 3


def test_more_than_the_list_holds_are_counted(cli, noisy, tmp_path, monkeypatch):
    monkeypatch.setattr("feinschliff.report.doubts.MAX_ROWS", 3)
    done = cli("audit", noisy[0], "--label-errors", tmp_path / "doubtful.csv")
    assert "labels to look at, the most suspicious first; the first 3 are listed; many" in done.err
    assert int(re.search(r"(\d+) labels to look at", done.err)[1]) > 3
    assert len(read(tmp_path / "doubtful.csv")) == 3


def test_a_run_lists_them_too(train, cli, noisy, tmp_path):
    path, _, wrong = noisy
    done = train(path, "--output-dir", tmp_path / "run", "--set", "evaluate.baselines=[tfidf]")
    assert done.code == 0, done.err
    rows = read(tmp_path / "run" / "label_errors.csv")
    assert {row["split"] for row in rows} <= {"train", "test"}
    inside = [row["text"] for row in rows if row["split"] == "train"]
    assert len(set(inside) & set(wrong)) > len(wrong) / 2
    assert cli("audit", path, "--relabel", tmp_path / "run" / "label_errors.csv").code == 0


def test_numbers_have_no_label_errors(cli, tmp_path):
    path = tmp_path / "prices.csv"
    write(path, [{"text": f"thing {i}", "label": f"{i}.5"} for i in range(40)])
    done = cli("audit", path, "--label", "label", "--label-errors", tmp_path / "x.csv")
    assert done.code == 2
    assert "not in regression" in done.err
