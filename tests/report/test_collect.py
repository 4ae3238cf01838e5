"""What the report draws comes from the run in a form it can draw."""

import numpy as np
import pyarrow as pa
import pytest
from pages import Page

from feinschliff.config import EvaluateConfig
from feinschliff.data.dataset import TARGET_TYPES, Records
from feinschliff.evaluate import Predictions
from feinschliff.report import html
from feinschliff.report.certainty import decision_facts
from feinschliff.report.collect import detail_facts, requirement_facts


def records(targets, task, text="Anna met Bob"):
    columns = {
        "id": ["same"] * len(targets),
        "place": [f"x.csv:{i + 2}" for i in range(len(targets))],
        "text": [text] * len(targets),
        "target": pa.array(targets, type=TARGET_TYPES[task]),
    }
    return Records(pa.table(columns))


def test_mistakes_of_entities_are_marked_in_the_text():
    true = [[{"start": 0, "end": 4, "label": "PER"}], [{"start": 9, "end": 12, "label": "PER"}]]
    decided = [
        [{"start": 0, "end": 4, "label": "PER", "score": 0.9}],
        [{"start": 9, "end": 12, "label": "LOC", "score": 0.8}],
    ]
    facts = detail_facts(records(true, "ner"), Predictions("ner", ("LOC", "PER"), decided), 0.95, 10)
    [mistake] = facts["mistakes"]
    assert mistake["label"] == true[1]
    assert mistake["prediction"] == [{"start": 9, "end": 12, "label": "LOC"}]
    page = Page(html({"task": "ner", **facts}))
    assert ("missed invented", "Bob") in [(e.attributes["class"], e.text) for e in page.all("mark")]


def test_mistakes_of_several_labels_stay_lists():
    decided = np.array([[True, True], [False, True]])
    scores = np.array([[0.9, 0.8], [0.2, 0.7]], dtype=np.float32)
    predictions = Predictions("multilabel", ("a", "b"), decided, scores)
    data, rules = records([["a"], ["b"]], "multilabel"), {"thresholds": [0.5, 0.6]}
    assert decision_facts(data, predictions, rules, EvaluateConfig(), 0) == {
        "thresholds": {"a": 0.5, "b": 0.6}
    }
    facts = detail_facts(data, predictions, 0.95, 10)
    assert [(m["label"], m["prediction"]) for m in facts["mistakes"]] == [(["a"], ["a", "b"])]


@pytest.mark.parametrize("language", ["en", "de"])
def test_a_share_of_no_texts_is_no_measurement(language):
    scores = np.array([[0.9, 0.1], [0.1, 0.9]] * 20, dtype=np.float32)
    none, usual = np.zeros(40, dtype=bool), np.full(40, 0.3)
    predictions = Predictions("classification", ("a", "b"), scores.argmax(1), scores, none, novelty=usual)
    facts = decision_facts(records(["a", "b"] * 20, "classification"), predictions, {}, EvaluateConfig(), 0)
    for part, count in ((facts, "answered"), (facts["unusual"], "share")):
        assert (part[count]["value"], part["accuracy"]["value"]) == (0.0, None)
    shown = Page(html({"decisions": facts}, language)).all("dl")[-1].text
    assert shown.count("%") == 6, "two shares with their intervals"


def test_errors_of_numbers_stay_numbers():
    predictions = Predictions("regression", (), np.array([1.5, 4.0]))
    facts = detail_facts(records([1.0, 2.0], "regression"), predictions, 0.95, 10)
    assert [(m["label"], m["prediction"]) for m in facts["mistakes"]] == [(2.0, 4.0), (1.0, 1.5)]
    assert facts["scatter"] == {"true": [1.0, 2.0], "predicted": [1.5, 4.0]}
    assert "off by +2.000" in html({"task": "regression", **facts})


def test_a_metric_that_is_not_defined_is_not_reached():
    scores = {"accuracy": {"value": 0.9, "low": 0.8, "high": 1.0}}
    assert requirement_facts(["accuracy>=0.8", "roc_auc>=0.5"], scores) == [
        {"text": "accuracy>=0.8", "reached": True, "value": 0.9},
        {"text": "roc_auc>=0.5", "reached": False, "value": None},
    ]
