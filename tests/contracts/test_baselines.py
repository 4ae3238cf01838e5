"""What every baseline promises; new ones are found by themselves."""

import re

import numpy as np
import pyarrow as pa
import pytest

from feinschliff import registry
from feinschliff.config import RunConfig
from feinschliff.data.dataset import TARGET_TYPES, Columns, Dataset, Records
from feinschliff.evaluate import Predictions, metrics, statistics
from feinschliff.tasks._spans import Units

WORDS = {"good": 1.0, "great": 2.0, "bad": -1.0, "awful": -2.0}
PLACES = {"Berlin": "LOC", "Paris": "LOC", "Anna": "PER"}


def records(task, num, seed):
    """Make texts whose target can be learned from single words."""
    random = np.random.default_rng(seed)
    texts, targets = [], []
    for _ in range(num):
        word = str(random.choice(list(WORDS)))
        place = str(random.choice([*PLACES, "nobody"]))
        text = f"the film is {word} says {place} {random.integers(100)}"
        start = text.index(place)
        span = {"start": start, "end": start + len(place), "label": PLACES.get(place)}
        value = {
            "classification": "pos" if WORDS[word] > 0 else "neg",
            "multilabel": ["pos" if WORDS[word] > 0 else "neg", "much"][: 2 if abs(WORDS[word]) > 1 else 1],
            "regression": WORDS[word],
            "ner": [span] if place in PLACES else [],
        }
        texts.append(text)
        targets.append(value[task])
    columns = {"id": [str(i) for i in range(num)], "place": [f"t:{i}" for i in range(num)], "text": texts}
    return Records(pa.table(columns | {"target": pa.array(targets, type=TARGET_TYPES[task])}))


def dataset(task, dev=30):
    labels = {
        "classification": ("neg", "pos"),
        "multilabel": ("much", "neg", "pos"),
        "regression": (),
        "ner": ("LOC", "PER"),
    }[task]
    parts = (records(task, 120, 0), records(task, dev, 1), records(task, 50, 2))
    return Dataset(task, labels, *parts, Columns(task, "text"))


class Embedder:
    def __call__(self, records):
        return np.array([[w in t for w in (*WORDS, *PLACES)] for t in records.texts], dtype=np.float32)

    def words(self, records):
        found = [
            (row, match) for row, text in enumerate(records.texts) for match in re.finditer(r"\w+", text)
        ]
        places = [[row, match.start(), match.end()] for row, match in found]
        record, start, end = np.array(places, dtype=np.int64).reshape(-1, 3).T
        vectors = np.array([[match[0] == name for name in PLACES] for _, match in found], dtype=np.float32)
        return Units(np.arange(len(found)), record, start, end), vectors.reshape(-1, len(PLACES))


embed = Embedder()


CASES = [
    (name, task)
    for name in registry.names("baselines")
    for task in registry.load("baselines", name).KINDS
    if task in TARGET_TYPES
]


def fitted(name, data):
    return registry.load("baselines", name).fit(data, RunConfig(), embed)


@pytest.mark.parametrize("name", registry.names("baselines"))
def test_has_a_title_and_tasks(name):
    part = registry.load("baselines", name)
    assert part.TITLE
    assert part.KINDS


@pytest.mark.parametrize(("name", "task"), CASES)
def test_predictions_have_the_form_of_the_task(name, task):
    data = dataset(task)
    found = fitted(name, data).predict(data.test)
    assert isinstance(found, Predictions)
    assert (found.kind, found.labels, len(found)) == (task, data.labels, len(data.test))
    if task == "classification":
        assert found.scores.dtype == np.float32
        np.testing.assert_allclose(found.scores.sum(1), 1, atol=1e-5)
        assert (found.scores.argmax(1) == found.decided).all()
    elif task == "multilabel":
        assert found.decided.dtype == bool
        assert ((found.scores >= 0) & (found.scores <= 1)).all()
    elif task == "ner":
        for spans, text in zip(found.decided, data.test.texts, strict=True):
            assert all(0 <= s["start"] < s["end"] <= len(text) and 0 <= s["score"] <= 1 for s in spans)
    assert metrics(statistics(task, data.test.targets, found))


@pytest.mark.parametrize(("name", "task"), CASES)
def test_never_looks_at_test_and_repeats_itself(name, task):
    data = dataset(task)
    blind = Dataset(task, data.labels, data.train, data.dev, data.test.take([]), data.columns)
    first, second = (fitted(name, d).predict(data.test) for d in (data, blind))
    assert first.names == second.names
    if first.scores is not None:
        assert (first.scores == second.scores).all()


@pytest.mark.parametrize(("name", "task"), CASES)
def test_predicts_each_record_by_itself(name, task):
    data = dataset(task)
    model = fitted(name, data)
    whole, turned = model.predict(data.test), model.predict(data.test.take(np.arange(50)[::-1]))
    same = (lambda names: pytest.approx(names, abs=1e-4)) if task == "regression" else (lambda names: names)
    assert turned.names == same(whole.take(np.arange(50)[::-1]).names)
    assert model.predict(data.test.take([3])).names == same(whole.take([3]).names)


@pytest.mark.parametrize(("name", "task"), [case for case in CASES if case[0] != "majority"])
def test_learns_what_is_easy(name, task):
    data = dataset(task)
    simple = fitted("majority", data).predict(data.test)
    found = fitted(name, data).predict(data.test)
    primary = statistics(task, data.test.targets, found).primary
    better, base = (metrics(statistics(task, data.test.targets, p))[primary] for p in (found, simple))
    assert better > 0.9
    assert better >= base


@pytest.mark.parametrize(("name", "task"), CASES)
def test_works_without_dev(name, task):
    data = dataset(task, dev=0)
    assert len(fitted(name, data).predict(data.test)) == 50
