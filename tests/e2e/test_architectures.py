"""From a file to a folder that transformers itself loads, with the same answers, for every architecture."""

import json

import pytest

import tiny
from feinschliff import bundle
from feinschliff.pipeline import run
from feinschliff.report.result import check, read


@pytest.mark.parametrize("name", tiny.SHAPES)
def test_transformers_says_the_same(encoder, toy_csv, tmp_path, name):
    from transformers import pipeline

    output = tmp_path / "run"
    result = run(tiny.config(encoder(name), toy_csv, output, **{"train.epochs": 2}))
    check(result)
    assert read(output)["model"]["architecture"] == name
    rows = [json.loads(line) for line in (output / "predictions/test.jsonl").read_text().splitlines()]
    texts = [row["text"] for row in rows] + ["", "Unknown wörds 🙂!", "soup"]
    ours = bundle.load(output).predict(texts)
    classify = pipeline("text-classification", model=str(output / "model"), top_k=None)
    for text, mine, theirs in zip(texts, ours, classify(texts), strict=True):
        assert mine.label == theirs[0]["label"], text
        assert mine.probabilities == pytest.approx({t["label"]: t["score"] for t in theirs}, abs=1e-4)
    for row, mine in zip(rows, ours, strict=False):
        assert row["prediction"] == mine.label
        assert row["probabilities"] == pytest.approx(mine.probabilities, abs=1e-4)
