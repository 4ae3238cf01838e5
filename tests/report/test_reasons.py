"""A run explains test texts and its first mistakes, and the page says whether that can be relied on."""

from __future__ import annotations

import json

import pytest
import samples

import tiny
from feinschliff.pipeline import run
from feinschliff.report import html


def test_a_run_explains_test_texts(encoder, toy_csv, tmp_path):
    settings = {"evaluate.explain_texts": 10, "train.epochs": 1, "report.language": "de"}
    result = run(tiny.config(encoder("bert"), toy_csv, tmp_path / "run", **settings))
    found = json.loads((tmp_path / "run" / "result.json").read_text(encoding="utf-8"))["explanations"]
    assert found == result["explanations"]
    assert (found["texts"], found["deletion"]["texts"]) == (10, 10)
    assert sum(row["texts"] for row in found["typical"]) == 10
    assert {row["label"] for row in found["typical"]} <= {"good", "bad"}
    for mistake in result["mistakes"][:8]:
        assert all(reason["text"] in mistake["text"] for reason in mistake["reasons"])
    assert "Warum es so antwortet" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("language", "holds", "doubtful"),
    [("en", "what the model goes by", "Do not rely"), ("de", "wonach das Modell geht", "kein Verlass")],
)
def test_the_page_says_whether_weights_can_be_relied_on(language, holds, doubtful):
    result = samples.binary()
    assert holds in html(result, language)
    assert doubtful not in html(result, language)
    result["explanations"]["deletion"]["gain"]["low"] = -0.01
    assert doubtful in html(result, language)
    assert holds not in html(result, language)


def test_no_explanations_no_section():
    result = samples.binary()
    assert 'id="reasons"' in html(result)
    result["explanations"] = None
    assert 'id="reasons"' not in html(result)
