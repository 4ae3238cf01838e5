"""Slices: a planted weakness is found, chance is not."""

import numpy as np
import pyarrow as pa

from feinschliff.data.dataset import TARGET_TYPES, Records
from feinschliff.evaluate import Predictions
from feinschliff.evaluate.slicing import slices, wrong


def planted(seed=0, num=600):
    """Return records of which those with the word `irony` are mostly predicted wrongly."""
    random = np.random.default_rng(seed)
    odd = random.random(num) < 0.1
    texts = [
        f"{'irony' if o else 'plain'} word{random.integers(40)} {'x' * random.integers(1, 60)}" for o in odd
    ]
    true = random.integers(0, 2, num)
    miss = random.random(num) < np.where(odd, 0.7, 0.1)
    table = {
        "id": [str(i) for i in range(num)],
        "place": [f"t:{i}" for i in range(num)],
        "text": texts,
        "target": [str(t) for t in true],
        "group": [f"g{i % 3}" for i in range(num)],
    }
    return Records(pa.table(table)), Predictions("classification", ("0", "1"), np.where(miss, 1 - true, true))


def test_the_planted_word_is_found_and_nothing_else():
    records, predictions = planted()
    found = slices(records, predictions)
    words = [s for s in found if s.kind == "word"]
    assert [s.name for s in words] == ["irony"]
    assert words[0].p_value < 1e-6
    assert words[0].difference.low > 0.3
    assert 0.4 < words[0].errors.low < words[0].errors.value < words[0].errors.high
    others = [s for s in found if s.kind != "word"]
    assert {s.kind for s in others} == {"length", "label", "group"}
    assert all(s.p_value > 0.01 for s in others)
    assert all(s.difference.low < s.difference.value < s.difference.high for s in found)


def test_chance_raises_few_alarms():
    random, alarms = np.random.default_rng(0), 0
    records, predictions = planted()
    for _ in range(40):
        decided = np.where(random.random(600) < 0.2, 1 - predictions.decided, predictions.decided)
        right = Predictions("classification", ("0", "1"), np.array([int(t) for t in records.targets]))
        moved = Predictions("classification", ("0", "1"), right.decided ^ (decided != predictions.decided))
        alarms += any(s.kind == "word" for s in slices(records, moved))
    assert alarms <= 6


def test_rare_groups_are_no_slices():
    records, predictions = planted()
    sources = ["web"] * 300 + ["mail"] * 295 + ["fax"] * 4 + [None]
    at = records.table.column_names.index("group")
    grouped = Records(records.table.set_column(at, "group", pa.array(sources)))
    found = [s for s in slices(grouped, predictions) if s.kind == "group"]
    assert {s.name for s in found} == {"web", "mail"}
    assert found[0].as_dict()["errors"].keys() == {"value", "low", "high"}


def records_of(task, targets):
    num = len(targets)
    columns = {"id": ["a"] * num, "place": ["b"] * num, "text": ["one two"] * num}
    return Records(pa.table(columns | {"target": pa.array(targets, type=TARGET_TYPES[task])}))


def test_other_tasks():
    chosen = Predictions("multilabel", ("a", "b"), np.array([[True, True]] * 20))
    assert wrong([["b", "a"]] * 10 + [["a"]] * 10, chosen).tolist() == [False] * 10 + [True] * 10
    assert {s.name for s in slices(records_of("multilabel", [["b", "a"]] * 10 + [["a"]] * 10), chosen)} == {
        "b"
    }
    span = {"start": 0, "end": 3, "label": "X"}
    found = Predictions("ner", ("X",), [[{**span, "score": 0.9}]] * 20)
    assert wrong([[span]] * 10 + [[]] * 10, found).sum() == 10
    assert slices(records_of("ner", [[span]] * 10 + [[]] * 10), found)
    numbers = Predictions("regression", (), np.arange(20.0))
    assert wrong([0.0] * 20, numbers).sum() == 5
    assert slices(records_of("regression", [0.0] * 20), numbers) == []
