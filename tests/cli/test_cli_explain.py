"""`predict --explain`."""

from __future__ import annotations

import json

import pytest

from feinschliff import bundle


def test_predict_explain_adds_a_column(cli, trained, toy_csv, tmp_path):
    target = tmp_path / "out.jsonl"
    assert cli("predict", trained, toy_csv, "--explain", "-o", target).code == 0
    rows = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    model = bundle.load(trained)
    for row in rows[:5]:
        (expected,) = model.explain([row["text"]])[0]
        (found,) = row["explanations"]
        assert found["label"] == row["prediction"] == expected.label
        assert [w["text"] for w in found["words"]] == [w["text"] for w in expected.words]
        assert [w["weight"] for w in found["words"]] == pytest.approx(
            [w["weight"] for w in expected.words], abs=2e-2
        )
    assert cli("predict", trained, toy_csv, "--explain", "-o", tmp_path / "out.csv").code == 0
    assert cli("predict", trained, toy_csv, "--explain", "-o", tmp_path / "out.parquet").code == 0
