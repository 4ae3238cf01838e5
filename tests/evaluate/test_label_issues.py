"""Planted label errors are found among real and made-up labels."""

import csv
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy.special import expit, softmax
from sklearn.metrics import average_precision_score

from feinschliff.baselines import tfidf
from feinschliff.baselines._cross import cross_predict
from feinschliff.config import RunConfig
from feinschliff.data.dataset import Columns, Dataset, Records
from feinschliff.evaluate import Predictions
from feinschliff.evaluate.confident import label_issues

LABELS = ("a", "b", "c")


def test_planted_errors_come_first():
    random = np.random.default_rng(0)
    true = random.integers(0, 3, 1000)
    scores = softmax(np.eye(3)[true] * 3 + random.normal(size=(1000, 3)), axis=1).astype(np.float32)
    flipped = random.random(1000) < 0.05
    given = np.where(flipped, (true + random.integers(1, 3, 1000)) % 3, true)
    predictions = Predictions("classification", LABELS, scores.argmax(1), scores)
    found = label_issues([LABELS[i] for i in given], predictions)
    assert average_precision_score(flipped, found.suspicion) > 0.6
    assert 0.02 < found.noise < 0.12
    first = found.ranked()[:20]
    assert flipped[first].mean() > 0.9
    assert (np.diff(found.suspicion[found.ranked()]) <= 0).all()
    assert np.mean([found.suggestion[i] == LABELS[true[i]] for i in first]) > 0.9


def test_each_label_of_several_is_judged():
    random = np.random.default_rng(1)
    true = random.random((800, 3)) < 0.2
    scores = expit((true - 0.5) * 6 + random.normal(size=true.shape)).astype(np.float32)
    flipped = np.zeros_like(true)
    flipped[:40, 1] = True
    given = [[LABELS[i] for i in np.flatnonzero(row)] for row in true ^ flipped]
    found = label_issues(given, Predictions("multilabel", LABELS, scores > 0.5, scores))
    assert average_precision_score(flipped.any(1), found.suspicion) > 0.8
    row = found.ranked()[0]
    assert sorted(found.suggestion[row]) == [LABELS[i] for i in np.flatnonzero(true[row])]


def test_right_labels_are_left_alone():
    scores = np.array([[0.9, 0.1], [0.2, 0.8]] * 20, dtype=np.float32)
    found = label_issues(["a", "b"] * 20, Predictions("classification", ("a", "b"), scores.argmax(1), scores))
    assert not found.suspect.any()
    assert found.noise == 0
    assert len(found.ranked()) == 0


def test_planted_errors_in_real_reviews():
    if not os.environ.get("FEINSCHLIFF_DATA"):
        pytest.skip("FEINSCHLIFF_DATA is not set")
    with (Path(os.environ["FEINSCHLIFF_DATA"]) / "reviews/train.csv").open(
        encoding="utf-8", newline=""
    ) as file:
        rows = list(csv.DictReader(file))
    random = np.random.default_rng(0)
    flipped = random.random(len(rows)) < 0.05
    other = (
        {"0": "1", "1": "0"} if rows[0]["label"] in "01" else {"positive": "negative", "negative": "positive"}
    )
    table = {
        "id": [str(i) for i in range(len(rows))],
        "place": ["x"] * len(rows),
        "text": [row["text"] for row in rows],
        "target": [other[r["label"]] if f else r["label"] for r, f in zip(rows, flipped, strict=True)],
    }
    records = Records(pa.table(table))
    labels = tuple(sorted(other))
    data = Dataset(
        "classification", labels, records, records.take([]), records.take([]), Columns("x", "text")
    )
    predictions = cross_predict(tfidf, data, RunConfig(), None)
    found = label_issues(records.targets, predictions)
    assert average_precision_score(flipped, found.suspicion) > 3 * flipped.mean()
