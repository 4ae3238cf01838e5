"""The scikit-learn estimator behaves as scikit-learn's tools expect."""

from __future__ import annotations

import csv

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from feinschliff import FeinschliffClassifier
from feinschliff.errors import ConfigError, DataError


@pytest.fixture(scope="module")
def data(toy_csv):
    with toy_csv.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [r["text"] for r in rows], [r["label"] for r in rows]


@pytest.fixture
def estimator(encoder):
    return FeinschliffClassifier(str(encoder("bert")), settings={"train.epochs": 1})


@pytest.fixture(scope="module")
def fitted(encoder, data):
    settings = {"train.epochs": 12, "train.learning_rate": 3e-3, "train.batch_size": 8}
    return FeinschliffClassifier(str(encoder("bert")), settings=settings).fit(*data)


def test_it_learns(fitted, data):
    assert fitted.score(*data) > 0.9


def test_probabilities_go_with_classes(fitted, data):
    found = fitted.predict_proba(data[0][:20])
    assert list(fitted.classes_) == ["bad", "good"]
    assert found.shape == (20, 2)
    assert found.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert list(fitted.predict(data[0][:20])) == [fitted.classes_[i] for i in found.argmax(axis=1)]


def test_texts_may_come_in_any_container(fitted, data):
    pd = pytest.importorskip("pandas")
    texts = data[0][:5]
    expected = fitted.predict_proba(texts)
    for each in (
        np.array(texts),
        np.array(texts, dtype=object),
        pd.Series(texts),
        pd.DataFrame({"t": texts}),
    ):
        assert np.array_equal(fitted.predict_proba(each), expected)


def test_half_an_emoji_is_a_text_like_any_other(fitted):
    broken = ["so nice \ud83d", "so nice"]
    assert len(fitted.predict(broken)) == len(fitted.predict_proba(broken)) == 2


def test_seeds_may_be_drawn(encoder, data):
    def probabilities(random_state):
        estimator = FeinschliffClassifier(str(encoder("bert")), {"train.epochs": 1}, random_state)
        return estimator.fit(*data).predict_proba(data[0]).tolist()

    drawn = [probabilities(np.random.RandomState(seed)) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert probabilities(np.int64(3)) == probabilities(3)


def test_numbers_as_labels_stay_numbers(estimator, data):
    values = np.array([10 if label == "good" else 9 for label in data[1]])
    estimator.fit(data[0], values)
    assert estimator.classes_.tolist() == [9, 10]
    assert set(estimator.predict(data[0][:5]).tolist()) <= {9, 10}


def test_it_is_cloned_and_cross_validated_and_stands_in_a_pipeline(estimator, data):
    copy = clone(estimator)
    assert copy.get_params() == estimator.get_params()
    pipeline = Pipeline(
        [("lower", FunctionTransformer(lambda X: [x.lower() for x in X])), ("tune", estimator)]
    )
    assert len(cross_val_score(pipeline, *data, cv=2, error_score="raise")) == 2


def test_the_same_seed_gives_the_same_model(estimator, data):
    first = estimator.fit(*data).predict_proba(data[0])
    assert np.array_equal(clone(estimator).fit(*data).predict_proba(data[0]), first)


def test_what_it_refuses(estimator, data):
    with pytest.raises(NotFittedError):
        estimator.predict(data[0])
    with pytest.raises(DataError, match="only one class"):
        estimator.fit(data[0], ["x"] * len(data[0]))
    with pytest.raises(DataError, match="120 texts and 3 labels"):
        estimator.fit(data[0], [1, 2, 3])
    with pytest.raises(DataError, match="row 1 is float, not a text"):
        estimator.fit(["a", float("nan")], [0, 1])
    with pytest.raises(ConfigError, match="one string"):
        estimator.fit("abc", [0, 1, 0])


def test_labels_are_a_column_without_gaps(estimator, data):
    texts, labels = data
    column = np.array(labels)[:, None]
    assert estimator.fit(texts, column).classes_.tolist() == ["bad", "good"]
    mixed = np.array([1 if label == "bad" else "2" for label in labels], object)
    assert estimator.fit(texts, mixed).classes_.tolist() == ["1", "2"]
    for gap in (None, float("nan"), pd.NA):
        with pytest.raises(DataError, match=r"y: 1 label is missing, the first in row 1"):
            estimator.fit(texts, [labels[0], gap, *labels[2:]])
    with pytest.raises(ConfigError, match=r"the shape \(120, 2\)"):
        estimator.fit(texts, np.hstack([column, column]))
    with pytest.raises(DataError, match="there are no labels"):
        estimator.fit([], [])


def test_costs_and_goals_in_the_settings_are_obeyed(encoder, data):
    quick = {"train.epochs": 1, "train.learning_rate": 1e-4}
    dear = {"bad": {"good": 1000}, "good": {"bad": 1}}
    careful = FeinschliffClassifier(str(encoder("bert")), settings={**quick, "decide.costs": dear}).fit(*data)
    assert set(careful.predict(data[0])) == {"bad"}
    assert careful.is_answered(data[0]).all()
    unsure = {**quick, "decide.costs": dear, "decide.unsure_cost": 0.001}
    silent = FeinschliffClassifier(str(encoder("bert")), settings=unsure).fit(*data)
    assert not silent.is_answered(data[0]).any()
    assert set(silent.predict(data[0])) <= {"bad", "good"}
