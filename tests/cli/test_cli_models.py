"""`models` lists the catalogue and what is here."""

from __future__ import annotations

import json

import pytest

from feinschliff.models.catalogue import CATALOGUE
from feinschliff.models.locate import PACKAGED


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "none"))
    monkeypatch.setattr("feinschliff.cli.models._cached", lambda: {})


def test_the_catalogue_is_sound():
    names = [e.name for e in CATALOGUE]
    assert len(names) == len(set(names))
    assert {e.name for e in CATALOGUE if e.kind == "packaged"} == set(PACKAGED)
    for e in CATALOGUE:
        assert e.kind == "packaged" or e.name == e.source
        assert e.source.count("/") == 1
        assert e.parameters > 10_000_000
        assert e.max_length_tokens >= 512
        assert e.note


def test_every_model_is_listed_packaged_ones_first(cli):
    lines = cli("models").out.splitlines()
    assert [line.split()[0] for line in lines[2:]] == [e.name for e in CATALOGUE]
    assert lines[2].startswith("minilm")


def test_by_language(cli):
    names = [m["name"] for m in json.loads(cli("models", "--language", "DE", "--json").out)["models"]]
    assert "deepset/gbert-base" in names
    assert "FacebookAI/xlm-roberta-base" in names
    assert "minilm" not in names


def test_what_is_here(cli, monkeypatch):
    monkeypatch.setattr(
        "feinschliff.cli.models._cached", lambda: {"deepset/gbert-base": 1, "someone/encoder": 2}
    )
    done = json.loads(cli("models", "--offline", "--json").out)
    here = {m["name"]: m["offline"] for m in done["models"]}
    assert here["deepset/gbert-base"] == "cached"
    assert done["also_cached"] == ["someone/encoder"]


def test_a_language_has_a_code(cli):
    done = cli("models", "--language", "deutsch")
    assert (done.code, "Did you mean 'de'?" in done.err) == (2, True)
    assert cli("models", "--language", "xx").code == 2
    assert "gbert" in cli("models", "--language", "DE").out
