"""Every text is predicted once, by a model that saw neither it nor its like."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pyarrow as pa
import pytest

import tiny
from feinschliff.config import load_config
from feinschliff.data import Records
from feinschliff.data.divide import units
from feinschliff.data.pool import compare
from feinschliff.errors import DataError
from feinschliff.evaluate import Predictions, metrics, pooled, statistics
from feinschliff.pipeline import run
from feinschliff.train.cross import cross_validate, in_folds

ROWS = tiny.some(90)


class Learner:
    """Knows the texts it was trained on, and answers `good` to all others."""

    def __init__(self, dataset):
        self.seen = set(dataset.train.texts) | set(dataset.dev.texts)
        self.sizes = len(dataset.train), len(dataset.dev)

    def predictions(self, records):
        assert not self.seen & set(records.texts)
        return Predictions("classification", ("bad", "good"), np.ones(len(records), np.int64))


def test_every_text_is_predicted_once_and_pooled_in_order():
    dataset, trained = tiny.dataset(ROWS), []
    train = dataset.train.take(np.arange(66))
    dev, test = dataset.train.take(np.arange(66, 78)), dataset.test
    dataset = type(dataset)(**{**vars(dataset), "train": train, "dev": dev, "test": test})

    def tune(config, part):
        trained.append(Learner(part))
        return trained[-1]

    config = load_config(values={"evaluate.folds": 5, "data.dev_share": 0.2})
    whole, found, fold = cross_validate(config, dataset, in_folds(config, dataset), tune)
    assert whole.texts == [*train.texts, *dev.texts, *test.texts]
    assert len(found) == len(ROWS)
    assert np.bincount(fold).tolist() == [18] * 5
    assert {sum(learner.sizes) for learner in trained} == {72}
    assert all(10 <= learner.sizes[1] <= 20 for learner in trained)
    share = np.mean([target == "good" for target in whole.targets])
    stats = metrics(statistics("classification", whole.targets, found))
    assert stats["accuracy"] == pytest.approx(share)


def folds_of(texts, num_folds=5, group=None):
    """Return the fold of each text, and what each training learns from."""
    dataset = tiny.dataset([(text, "ab"[i % 2]) for i, text in enumerate(texts)])
    if group:
        table = dataset.train.table.append_column("group", pa.array(group[: len(dataset.train)]))
        dataset = dataclasses.replace(
            dataset, train=Records(table), dev=Records(table[:0]), test=Records(table[:0])
        )
    parts = in_folds(load_config(values={"evaluate.folds": num_folds}), dataset).parts
    fold = np.empty(sum(len(held) for _, _, held in parts), np.int64)
    for number, (_, _, held) in enumerate(parts):
        fold[held] = number
    return fold, [len(train) for train, _, _ in parts]


def test_what_is_alike_or_of_one_group_stays_together():
    words = [f"w{number}" for number in np.random.default_rng(0).integers(0, 999, 480)]
    texts = [f"{' '.join(words[i : i + 12])} and {n}" for i in range(0, 480, 12) for n in "abc"]
    fold, _ = folds_of(texts)
    assert all(len(set(fold[i : i + 3])) == 1 for i in range(0, 120, 3))
    fold, _ = folds_of(texts, group=[f"shop {i // 6}" for i in range(120)])
    assert all(len(set(fold[i : i + 6])) == 1 for i in range(0, 108, 6))


def test_near_duplicates_and_groups_are_joined():
    text = "the service at this hotel was really wonderful and we will come back again next year {}"
    texts = [text.format("a"), "one", text.format("b"), "two", "three"]
    table = {"text": pa.array(texts), "group": pa.array([None, "x", "y", "y", None])}

    def together(records):
        return units(records, compare(records), 100, np.ones(len(records), bool))

    found = together(Records(pa.table({"text": table["text"]})))
    assert found[0] == found[2]
    assert len(set(found)) == 4
    found = together(Records(pa.table(table)))
    assert found[0] == found[2] == found[3]
    assert len({found[0], found[1], found[4]}) == 3


def test_texts_of_one_template_are_divided():
    fold, learnt = folds_of([f"the bill with the number {i} is still not paid" for i in range(90)])
    assert min(np.bincount(fold)) > 10
    assert min(learnt) > 50


def test_folds_that_leave_nothing_to_learn_from_are_refused():
    with pytest.raises(DataError, match="evaluate.folds: the 78 texts form 1 group, too few for 3 folds"):
        folds_of([text for text, _ in ROWS], 3, ["shop"] * 90)


def test_parts_are_pooled_in_record_order():
    spans = [[{"start": i, "end": i + 1, "label": "X", "score": 1.0}] for i in range(4)]
    parts = [(np.array([2, 0]), [spans[2], spans[0]]), (np.array([3, 1]), [spans[3], spans[1]])]
    found = pooled([(rows, Predictions("ner", ("X",), decided)) for rows, decided in parts])
    assert found.decided == spans
    sure = pooled(
        [
            (
                np.array([1]),
                Predictions("classification", ("a", "b"), np.array([1]), answered=np.array([False])),
            ),
            (
                np.array([0]),
                Predictions("classification", ("a", "b"), np.array([0]), answered=np.array([True])),
            ),
        ]
    )
    assert sure.decided.tolist() == [0, 1]
    assert sure.answered.tolist() == [True, False]


def test_a_run_reports_it(encoder, toy_csv, tmp_path):
    settings = {"evaluate.folds": 3, "train.epochs": 2, "train.seeds": 1}
    run(tiny.config(encoder("bert"), toy_csv, tmp_path / "run", **settings))
    result = json.loads((tmp_path / "run" / "result.json").read_text(encoding="utf-8"))
    found = result["cross_validation"]
    assert (found["folds"], found["texts"], len(found["alone"])) == (3, 120, 3)
    own = found["metrics"]["accuracy"]
    assert own["low"] <= own["value"] <= own["high"]
    assert own["value"] == pytest.approx(np.mean([fold["accuracy"] for fold in found["alone"]]), abs=0.02)
    assert (
        "Cross-validation with 3 trainings over all 120 texts" in (tmp_path / "run/report.html").read_text()
    )
