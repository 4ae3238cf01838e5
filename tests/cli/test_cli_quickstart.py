"""The data of `feinschliff quickstart`, without the training."""

from __future__ import annotations

import csv
import importlib.util
import os
from types import SimpleNamespace

import pytest

from feinschliff.cli import quickstart


@pytest.fixture
def packaged(tmp_path, monkeypatch):
    """Stand in for the package of sentences."""
    source = tmp_path / "package" / quickstart.FILE
    source.parent.mkdir(parents=True)
    rows = [[f'a "good", film {i}', str(i % 2), quickstart.SOURCE] for i in range(20)]
    with source.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["text", "label", "source"], *rows, ["other", "1", "imdb"]])
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path / "package")])
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *of: spec if name == quickstart.PACKAGE else find(name, *of)
    )
    return {(text, quickstart.LABELS[label]) for text, label, _ in rows}


def test_the_sentences_are_written_once(packaged, tmp_path):
    target = tmp_path / "runs" / "rotten-tomatoes.csv"
    quickstart.write_data(target)
    with target.open(encoding="utf-8", newline="") as file:
        heading, *rows = csv.reader(file)
    assert heading == ["text", "label"]
    assert {tuple(row) for row in rows} == packaged
    os.utime(target, (1, 1))
    quickstart.write_data(target)
    assert target.stat().st_mtime == 1
    assert list(target.parent.iterdir()) == [target]


def test_a_file_of_the_users_own_is_kept(cli, packaged, tmp_path):
    target = tmp_path / "rotten-tomatoes.csv"
    target.write_text("my own table\n", "utf-8")
    done = cli("quickstart", "--output-dir", tmp_path / "run")
    assert done.code == 2
    for said in (str(target), "another file", "Only the sentences", "--output-dir FOLDER/quickstart"):
        assert said in " ".join(done.err.split())
    assert target.read_text("utf-8") == "my own table\n"
    assert not (tmp_path / "run").exists()


def test_nothing_is_written_where_a_setting_is_wrong(cli, packaged, tmp_path):
    done = cli("quickstart", "--output-dir", tmp_path / "runs" / "run", "--set", "train.epochs=none")
    assert done.code == 2
    assert not (tmp_path / "runs").exists()


def test_places_where_no_file_can_be_made_are_told(cli, packaged, tmp_path):
    (tmp_path / "rotten-tomatoes.csv").mkdir()
    (tmp_path / "file").write_text("x", "utf-8")
    for folder in (tmp_path, tmp_path / "file"):
        done = cli("quickstart", "--output-dir", folder / "run")
        assert (done.code, "cannot be made or read" in done.err) == (2, True)
