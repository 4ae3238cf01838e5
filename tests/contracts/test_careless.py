"""A run tries its test texts with careless writing, for every kind of task."""

from __future__ import annotations

import pytest
from test_tasks import TEXTS, model_of, records

from feinschliff.config import load_config
from feinschliff.report.robust import robustness_facts


@pytest.mark.parametrize("task", ["classification", "multilabel", "regression", "ner"])
def test_every_task_is_tried(task, encoder):
    model, given = model_of(task, encoder("roberta")), records(task)
    config = load_config(values={"evaluate.bootstrap_samples": 100})
    found = robustness_facts(model, given, model.predictions(given), config)
    assert found["texts"] == len(TEXTS)
    rows = {row["change"]: row for row in found["changes"]}
    assert rows["plain"]["altered"] == pytest.approx(1 / 6)
    assert rows["upper"]["altered"] == pytest.approx(5 / 6)
    for row in rows.values():
        if row["altered"]:
            assert row["value"] - found["value"] == pytest.approx(row["difference"]["value"])
            assert row["difference"]["low"] <= row["difference"]["value"] <= row["difference"]["high"]
    assert robustness_facts(model, given, model.predictions(given), quiet()) is None


def quiet():
    return load_config(values={"evaluate.robustness_texts": 0})


def test_a_change_that_changes_nothing_costs_nothing(encoder):
    model, given = model_of("classification", encoder("bert")), records("classification")
    found = robustness_facts(model, given, model.predictions(given), load_config())
    lower = next(row for row in found["changes"] if row["change"] == "lower")
    assert lower == {"change": "lower", "altered": 0.0}
    blanks = next(row for row in found["changes"] if row["change"] == "blanks")
    assert blanks["same"] == 1  # this tokenizer does not see blanks
    assert blanks["difference"]["value"] == 0
