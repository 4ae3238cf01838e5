"""Scores per label, confusions, mistakes, rows of predictions, and requirements."""

import dataclasses

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics as sk

from feinschliff.data.dataset import TARGET_TYPES, Records
from feinschliff.errors import ConfigError
from feinschliff.evaluate import (
    Interval,
    Predictions,
    confusion,
    mistakes,
    per_class,
    requirement,
    requirements,
)
from feinschliff.evaluate.interval import wilson
from feinschliff.evaluate.requirements import require_compared


def records(targets, task, pairs=None):
    num = len(targets)
    columns = {
        "id": [f"r{i}" for i in range(num)],
        "place": [f"x.csv:{i + 2}" for i in range(num)],
        "text": [f"text {i}" for i in range(num)],
        "target": pa.array(targets, type=TARGET_TYPES[task]),
    }
    return Records(pa.table(columns | ({"text_pair": pairs} if pairs else {})))


SCORES = np.array([[0.9, 0.1], [0.3, 0.7], [0.6, 0.4], [0.2, 0.8]], dtype=np.float32)
CLASSES = Predictions("classification", ("neg", "pos"), SCORES.argmax(1), SCORES)


def test_per_class_equals_sklearn():
    random = np.random.default_rng(0)
    true, guess = random.integers(0, 3, 60), random.integers(0, 3, 60)
    rows = per_class([str(t) for t in true], Predictions("classification", ("0", "1", "2"), guess))
    precision, recall, f1, support = sk.precision_recall_fscore_support(true, guess)
    for i, row in enumerate(rows):
        values = (row.precision.value, row.recall.value, row.f1.value, row.support)
        assert values == pytest.approx((precision[i], recall[i], f1[i], support[i]))
        assert row.f1.low < row.f1.value < row.f1.high
    assert list(rows[0].as_dict()) == ["label", "precision", "recall", "f1", "support"]


def test_per_class_of_other_tasks():
    chosen = Predictions("multilabel", ("a", "b"), np.array([[True, False], [True, True]]))
    rows = per_class([["a"], ["b", "new"]], chosen)
    assert [(r.label, r.precision.value, r.support) for r in rows] == [
        ("a", 0.5, 1),
        ("b", 1, 1),
        ("new", 0, 1),
    ]
    span = {"start": 0, "end": 2, "label": "LOC"}
    rows = per_class([[span], [span]], Predictions("ner", ("LOC", "PER"), [[{**span, "score": 0.9}], []]))
    assert [(r.label, r.recall.value, r.support) for r in rows] == [("LOC", 0.5, 2), ("PER", 0, 0)]
    assert per_class([1.0], Predictions("regression", (), np.array([1.0]))) == []


def test_wilson_is_never_a_point():
    assert wilson(0, 0) == Interval(0, 0, 1)
    perfect = wilson(20, 20)
    assert perfect.high == 1
    assert 0.8 < perfect.low < 0.9
    assert wilson(85, 100).low == pytest.approx(0.7672, abs=1e-4)


def test_confusion_rows_are_true_classes():
    labels, matrix = confusion(["neg", "neg", "pos", "new"], CLASSES)
    assert labels == ("neg", "pos", "new")
    assert matrix.tolist() == [[1, 1, 0], [1, 0, 0], [0, 1, 0]]


def test_mistakes_begin_with_the_surest():
    found = mistakes(
        records(["neg", "neg", "pos", "neg"], "classification", ["p0", "p1", None, "p3"]), CLASSES
    )
    assert [m["id"] for m in found] == ["r3", "r1", "r2"]
    assert found[0] == {
        "id": "r3",
        "place": "x.csv:5",
        "text": "text 3\np3",
        "label": "neg",
        "prediction": "pos",
        "confidence": 0.8,
    }
    assert found[2]["text"] == "text 2"
    assert len(mistakes(records(["pos"] * 4, "classification"), CLASSES, limit=1)) == 1


def test_a_mistake_is_as_sure_as_its_own_label():
    scores = np.array([[0.6, 0.4]], np.float32)
    weighed = Predictions("classification", ("neg", "pos"), np.array([1]), scores)
    assert mistakes(records(["neg"], "classification"), weighed)[0]["confidence"] == 0.4


def test_mistakes_of_other_tasks():
    chosen = Predictions("multilabel", ("neg", "pos"), SCORES > 0.5, SCORES)
    found = mistakes(records([["neg"], [], ["neg"], ["new", "pos"]], "multilabel"), chosen)
    assert [(m["id"], m["label"], m["prediction"], m["confidence"]) for m in found] == [
        ("r1", "", "pos", 0.7),
        ("r3", "new, pos", "pos", None),
    ]
    found = mistakes(records([1.0, 2.0], "regression"), Predictions("regression", (), np.array([1.5, 4.0])))
    assert [(m["id"], m["prediction"], m["confidence"]) for m in found] == [
        ("r1", "4", None),
        ("r0", "1.5", None),
    ]
    span = {"start": 0, "end": 4, "label": "X"}
    decided = [[], [{**span, "score": 0.6}], [{**span, "score": 0.5}]]
    found = mistakes(records([[span], [], [span]], "ner"), Predictions("ner", ("X",), decided))
    assert [(m["id"], m["label"], m["prediction"]) for m in found] == [
        ("r1", "", "0-4 X"),
        ("r0", "0-4 X", ""),
    ]


def test_rows_hold_targets_predictions_and_probabilities():
    rows = list(CLASSES.rows(records(["neg", "neg", "pos", None], "classification")))
    assert rows[1] == {
        "id": "r1",
        "text": "text 1",
        "label": "neg",
        "prediction": "pos",
        "probabilities": {"neg": 0.3, "pos": 0.7},
    }
    assert "label" not in rows[3]
    unsure = dataclasses.replace(CLASSES, answered=np.array([True, False, True, True]))
    row = list(unsure.rows(records(["neg", "neg", "pos", None], "classification")))[1]
    assert (row["prediction"], row["withheld"]) == (None, "pos")
    span = {"start": 0, "end": 4, "label": "X", "score": 0.6}
    (row,) = Predictions("ner", ("X",), [[span]]).rows(records([[]], "ner"))
    assert row["label"] == []
    assert row["prediction"] == [{"start": 0, "end": 4, "label": "X"}]
    assert row["spans"] == [{**span, "text": "text"}]
    (row,) = Predictions("multilabel", ("a", "b"), np.array([[True, True]])).rows(
        records([["a"]], "multilabel")
    )
    assert row["prediction"] == ["a", "b"]


def test_take_keeps_rows_together():
    taken = CLASSES.take([3, 0])
    assert taken.decided.tolist() == [1, 0]
    assert taken.scores.tolist() == SCORES[[3, 0]].tolist()
    assert Predictions("ner", (), [[], [{}]]).take([1]).decided == [[{}]]


@pytest.mark.parametrize(
    ("text", "reached", "value"),
    [
        ("macro_f1>=0.85", True, 0.9),
        ("macro_f1.low >= 0.85", False, 0.8),
        ("macro_f1.high<0.97", True, 0.95),
        ("macro_f1 > .9", False, 0.9),
        ("macro_f1<=9e-1", True, 0.9),
    ],
)
def test_requirements_compare(text, reached, value):
    found = {"macro_f1": Interval(0.9, 0.8, 0.95)}
    assert requirement(text, "classification").check(found) == (reached, value)


def test_better_is_left_to_the_verdict_and_needs_something_to_compare_with():
    assert [wish.metric for wish in requirements(["better", "mcc>0.5"])] == ["mcc"]
    with pytest.raises(ConfigError, match="only a training does"):
        requirement(" better")
    with pytest.raises(ConfigError, match=r"evaluate\.baselines is empty"):
        require_compared(["better"], [])
    require_compared(["better"], ["tfidf"])
    require_compared(["mcc>0.5"], [])


@pytest.mark.parametrize("text", ["macro_f1", "macro_f1=0.8", ">=0.8", "macro_f1>=a", "macro_f1>=1.2.3", ""])
def test_malformed_requirements_are_refused(text):
    with pytest.raises(ConfigError, match="is not a requirement"):
        requirement(text)


def test_unknown_metrics_are_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="Did you mean 'macro_f1'"):
        requirement("makro_f1>=0.8", "classification")
    with pytest.raises(ConfigError, match="no metric 'rmse'"):
        requirement("rmse<=1", "ner")
    with pytest.raises(ConfigError, match="there is no metric 'roc_auc' for this task"):
        requirement("roc_auc>=0.9", "classification", 3)
    assert requirement("roc_auc>=0.9", "classification", 2).metric == "roc_auc"
    undefined = requirement("roc_auc>=0.9", "classification", 2).check({"macro_f1": Interval(0.9, 0, 1)})
    assert undefined == (False, None)
