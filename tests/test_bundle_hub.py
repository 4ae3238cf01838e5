"""Tuned models used by their names on the Hub: a stand-in of it, asked from a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

import model_hub
from feinschliff import bundle
from feinschliff.bundle.hub import address

TEXTS = ["the soup was wonderful.", "this film annoyed everyone."]
USE = """
import json, sys
import feinschliff
from feinschliff.cli import main
from feinschliff.errors import FeinschliffError
from feinschliff.serve.shelf import Shelf, named

texts, wrong, csv = json.loads(sys.argv[1])
for name in ("owner/tuned", "owner/tuned@v1"):
    print(json.dumps([[p.label, p.score] for p in feinschliff.load(name, "cpu").predict(texts)]))
print(json.dumps(list(Shelf(named(["owner/tuned", "second=owner/tuned@v1"]), "cpu")._served)))
for arguments in (["predict", "owner/tuned", csv, "-o", "out.csv"], ["export", "owner/tuned"]):
    try:
        main(["--quiet", *arguments])
    except SystemExit as end:
        print(end.code)
for name in wrong:
    try:
        print(json.dumps(str(feinschliff.load(name))))
    except FeinschliffError as error:
        print(json.dumps([str(error), error.exit_code]))
"""
WRONG = ["owner/base", "owner/none", "owner/tuned@v9", "owner/gated", "here/none"]


def use(endpoint, folder, toy_csv):
    settings = {"HF_ENDPOINT": endpoint, "HF_HOME": str(folder / "hub"), "HF_HUB_OFFLINE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", USE, json.dumps([TEXTS, WRONG, str(toy_csv)])],
        env={**os.environ, **settings, "NO_PROXY": "127.0.0.1", "HF_HUB_DISABLE_XET": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), done.stderr


def test_a_model_is_used_by_its_name(trained, encoder, toy_csv, tmp_path):
    model = trained / "model"
    models = {"owner/tuned": model, "owner/tuned@v1": model, "owner/base": encoder("bert")}
    (tmp_path / "here").mkdir()
    with model_hub.serve(models) as endpoint:
        out, err = use(endpoint, tmp_path, toy_csv)
    expected = [[p.label, p.score] for p in bundle.load(trained, "cpu").predict(TEXTS)]
    assert json.loads(out[0]) == json.loads(out[1]) == expected
    assert json.loads(out[2]) == ["tuned", "second"]
    assert out[3] == "0", err
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 121
    assert "Name one: -o DIR" in err
    base, none, revision, gated, here = map(json.loads, out[-5:])
    assert base[1] == none[1] == revision[1] == here[1] == 2
    assert "no model tuned with Feinschliff" in base[0]
    assert "--model owner/base" in base[0]
    assert "there is no such folder, and no" in none[0]
    assert "no revision 'v9'" in revision[0]
    assert "accept terms" in gated[0]
    assert here[0].startswith("here/none: there is no such folder. Train")
    assert "The Hub is not asked, for a folder 'here' is here" in here[0]


@pytest.mark.parametrize("source", ["./a/b", "/a/b", "a", "a/b/c", "a/b@", "../a", "a\\b", "", "tests/none"])
def test_paths_are_no_names_of_the_hub(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tests").mkdir()
    assert address(source) is None


def test_what_lies_here_is_meant(tmp_path, monkeypatch, trained):
    monkeypatch.chdir(tmp_path)
    assert address("owner/name") == ("owner/name", None)
    shutil.copytree(trained, tmp_path / "owner" / "name")
    assert address("owner/name") is None
    assert bundle.find("owner/name").name == "model"
