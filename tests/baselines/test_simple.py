"""The majority baseline, and predictions for train by models that did not see it."""

import numpy as np
import pyarrow as pa
import pytest

from feinschliff.baselines import frozen, majority, tfidf
from feinschliff.baselines._cross import cross_predict, folds
from feinschliff.config import RunConfig
from feinschliff.data.dataset import TARGET_TYPES, Columns, Dataset, Records


def dataset(task, targets, labels, groups=None):
    num = len(targets)
    columns = {
        "id": [str(i) for i in range(num)],
        "place": ["t"] * num,
        "text": [f"w{i} w{i}" for i in range(num)],
    }
    columns |= {"group": groups} if groups else {}
    records = Records(pa.table(columns | {"target": pa.array(targets, type=TARGET_TYPES[task])}))
    return Dataset(task, labels, records, records.take([]), records, Columns(task, "text"))


def predicted(data):
    return majority.fit(data, RunConfig(), None).predict(data.test)


def test_the_most_frequent_answer():
    found = predicted(dataset("classification", ["b", "a", "b", "c"], ("a", "b", "c", "unseen")))
    assert found.names == ["b"] * 4
    np.testing.assert_allclose(found.scores[0], [0.25, 0.5, 0.25, 0])
    found = predicted(dataset("multilabel", [["b", "a"], ["a", "b"], ["a"], []], ("a", "b")))
    assert found.names == [["a", "b"]] * 4
    np.testing.assert_allclose(found.scores[0], [0.75, 0.5])
    assert predicted(dataset("regression", [1.0, 2.0, 6.0], ())).names == [3.0] * 3
    assert predicted(dataset("classification", ["b", "a"], ("a", "b"))).names == ["a", "a"]


@pytest.mark.parametrize("task", ["classification", "multilabel", "regression", "ner"])
def test_cross_predictions_come_from_models_that_did_not_see_the_record(task):
    values = {
        "classification": ["a", "b"] * 20,
        "multilabel": [["a"], ["a", "b"]] * 20,
        "regression": np.arange(40.0).tolist(),
        "ner": [[{"start": 0, "end": 2, "label": "a"}]] * 40,
    }
    data = dataset(task, values[task], () if task == "regression" else ("a", "b"))
    seen = []

    class Spy:
        @staticmethod
        def fit(part, config, embed):
            assert embed(part.train).shape == (len(part.train), 3)
            seen.append(set(part.train.ids))
            model = majority.fit(part, config, embed)

            class Checked:
                @staticmethod
                def predict(records):
                    assert not seen[-1] & set(records.ids)
                    assert (embed(records)[:, 0] == [float(i) for i in records.ids]).all()
                    return model.predict(records)

            return Checked

    calls = []

    def embed(records):
        calls.append(len(records))
        return np.array([[float(i)] * 3 for i in records.ids], dtype=np.float32)

    found = cross_predict(Spy, data, RunConfig(), embed)
    assert len(found) == 40
    assert len(seen) == 5
    assert calls == [40]


def test_cross_predictions_stand_in_record_order():
    random = np.random.default_rng(0)
    data = dataset("classification", random.choice(["a", "b"], 60).tolist(), ("a", "b"))
    side = np.array([[t == "a", t == "b"] for t in data.train.targets], dtype=np.float32)
    vectors = {id(data.train): side}
    found = cross_predict(frozen, data, RunConfig(), lambda records: vectors[id(records)])
    assert found.names == data.train.targets
    again = cross_predict(frozen, data, RunConfig(), lambda records: vectors[id(records)])
    assert (found.scores == again.scores).all()


def test_folds_are_balanced_and_keep_groups_together():
    data = dataset("classification", ["a"] * 80 + ["b"] * 20, ("a", "b"))
    fold = folds(data.train, 5, 1)
    assert np.bincount(fold[:80]).tolist() == [16] * 5
    assert np.bincount(fold[80:]).tolist() == [4] * 5
    assert (fold != folds(data.train, 5, 2)).any()
    groups = [f"g{i // 7}" if i < 70 else None for i in range(100)]
    data = dataset("classification", ["a", "b"] * 50, ("a", "b"), groups)
    fold = folds(data.train, 5, 1)
    assert all(len(set(fold[i : i + 7])) == 1 for i in range(0, 70, 7))
    assert max(np.bincount(fold)) <= 24


def test_a_single_group_is_divided_like_texts_without_one():
    data = dataset("classification", ["a", "b"] * 20, ("a", "b"), ["one"] * 40)
    assert np.bincount(folds(data.train, 5, 1)).tolist() == [8] * 5


def test_pairs_are_read_together():
    data = dataset("classification", ["a", "b"] * 20, ("a", "b"))
    pairs = ["yes indeed", "not at all"] * 20
    with_pairs = Records(data.train.table.append_column("text_pair", pa.array(pairs)))
    data = Dataset("classification", data.labels, with_pairs, with_pairs, with_pairs, data.columns)
    assert tfidf.fit(data, RunConfig(), None).predict(data.test).names == data.test.targets
