from __future__ import annotations

import random
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import sentence, table

from feinschliff.config import load_config
from feinschliff.data import Records, prepare
from feinschliff.data.split import divide, folds
from feinschliff.data.times import times
from feinschliff.errors import ConfigError, DataError
from feinschliff.readers import Table


def shuffled(rows: Table, seed: int) -> Table:
    order = list(range(len(rows)))
    random.Random(seed).shuffle(order)
    return table(**{n: rows.columns[n].take(order).to_pylist() for n in rows.columns.column_names})


def prepared(rows: Table, **values: Any) -> Any:
    return prepare(load_config(values={k.replace("__", "."): v for k, v in values.items()}), rows)


def contents(rows: Table, **values: Any) -> list[list[str]]:
    found = prepared(rows, **values)
    return [sorted(s.texts) for s in (found.train, found.dev, found.test)]


classes = st.lists(st.sampled_from("abc"), min_size=20, max_size=80).filter(lambda c: len(set(c)) > 1)


@settings(max_examples=20)
@given(labels=classes, order=st.integers(0, 99), seed=st.integers(0, 3))
def test_a_shuffled_file_gives_the_same_split_and_fingerprint(
    labels: list[str], order: int, seed: int
) -> None:
    texts = [sentence(i % 60) for i in range(len(labels))]  # some repeat, some with another label
    rows = table(text=texts, label=labels)
    first, second = prepared(rows, seed=seed), prepared(shuffled(rows, order), seed=seed)
    for name in ("train", "dev", "test"):
        assert sorted(getattr(first, name).texts) == sorted(getattr(second, name).texts)
    assert first.fingerprint == second.fingerprint
    assert first.test_fingerprint == second.test_fingerprint
    assert {f.kind: f.count for f in first.findings} == {f.kind: f.count for f in second.findings}


@pytest.mark.parametrize("column", ["labels", "score", "spans"])
def test_other_tasks_split_alike_in_any_order(column: str) -> None:
    values = {
        "labels": [["a", "b"][: i % 3] for i in range(60)],
        "score": [i / 7 for i in range(60)],
        "spans": [[{"start": 0, "end": 4, "label": "XY"[i % 2]}][: i % 3] for i in range(60)],
    }[column]
    rows = table(text=[sentence(i) for i in range(60)], **{column: values})
    assert contents(rows) == contents(shuffled(rows, 5))


def test_the_seed_changes_the_split_and_the_fingerprint() -> None:
    rows = table(text=[sentence(i) for i in range(80)], label=["a", "b"] * 40)
    assert contents(rows, seed=1) != contents(rows, seed=2)
    assert prepared(rows, seed=1).fingerprint != prepared(rows, seed=2).fingerprint


def test_the_fingerprint_depends_on_contents_only() -> None:
    rows = table(text=[sentence(i) for i in range(80)], label=["a", "b"] * 40)
    assert (
        prepared(rows).fingerprint
        == prepared(
            table(
                "other.csv",
                text=rows.columns["text"].combine_chunks(),
                label=rows.columns["label"].combine_chunks(),
            )
        ).fingerprint
    )
    changed = table(text=[sentence(i) for i in range(80)], label=["a", "b"] * 39 + ["b", "a"])
    assert prepared(rows).fingerprint != prepared(changed).fingerprint


@given(
    counts=st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 60), min_size=2).filter(
        lambda c: sum(c.values()) >= 20
    )
)
def test_every_class_keeps_its_share(counts: dict[str, int]) -> None:
    labels = [name for name, n in counts.items() for _ in range(n)]
    records = Records(table(text=[str(i) for i in range(len(labels))], target=labels).columns)
    part = divide(records, "classification", (0.7, 0.1, 0.2), np.arange(len(labels)), 3, (1, 5, 2))
    for name, n in counts.items():
        got = Counter(int(p) for p, label in zip(part, labels, strict=True) if label == name)
        assert abs(got[2] - 0.2 * n) <= 1
        assert abs(got[1] - 0.1 * n) <= 1
        assert got[0] >= 1
        assert n < 2 or got[2] >= 1


@settings(max_examples=20)
@given(st.lists(st.integers(0, 12), min_size=30, max_size=90), st.integers(0, 5))
def test_no_group_stands_on_both_sides(groups: list[int], seed: int) -> None:
    if len(set(groups)) < 3:
        return
    rows = table(
        text=[sentence(i) for i in range(len(groups))],
        label=["ab"[i % 2] for i in range(len(groups))],
        team=[f"team {g}" for g in groups],
    )
    found = prepared(rows, seed=seed, data__group="team")
    sides = [set(s.table["group"].to_pylist()) for s in (found.train, found.dev, found.test)]
    assert all(sides)
    assert not sides[0] & sides[1]
    assert not sides[0] & sides[2]
    assert not sides[1] & sides[2]


@settings(max_examples=10)
@given(seed=st.integers(0, 20))
def test_near_duplicates_never_straddle(seed: int) -> None:
    rng = random.Random(seed)
    texts = []
    for i in range(30):
        words = sentence(i).split()
        texts.append(" ".join(words))
        for _ in range(rng.randrange(3)):
            words[rng.randrange(len(words))] = "changed"
            texts.append(" ".join(words))
    rows = table(text=texts, label=["ab"[i % 2] for i in range(len(texts))])
    found = prepared(rows, seed=seed, data__remove=())
    assert not {"leaked_into_test", "leaked_into_dev", "chained_groups"} & {f.kind for f in found.findings}


def test_rare_label_sets_reach_every_side() -> None:
    labels = [["common"] * (i % 2) + ["rare"] * (i < 30) for i in range(300)]
    found = prepared(table(text=[sentence(i) for i in range(300)], labels=labels))
    shares = [sum("rare" in t for t in s.targets) for s in (found.train, found.dev, found.test)]
    assert shares == [21, 3, 6]


def test_the_newest_rows_are_the_test() -> None:
    days = [f"{1 + i % 28:02}.{1 + i // 28:02}.2026" for i in range(100)]
    rows = table(text=[sentence(i) for i in range(100)], label=["a", "b"] * 50, datum=days)
    found = prepared(rows, data__time="datum")
    assert [len(s) for s in (found.train, found.dev, found.test)] == [70, 10, 20]
    number = {sentence(i): i for i in range(100)}
    newest = [[number[t] for t in s.texts] for s in (found.train, found.dev, found.test)]
    assert max(newest[0]) < min(newest[1])
    assert max(newest[1]) < min(newest[2])


def test_times_that_cannot_be_read_are_named() -> None:
    rows = table(
        text=[sentence(i) for i in range(40)], label=["a", "b"] * 20, day=["2026-01-01"] * 39 + ["soon"]
    )
    with pytest.raises(DataError, match=r"rows.csv:41: 1 cell of 'day' is no time, such as 'soon'"):
        prepared(rows, data__time="day")
    unclear = table(text=[sentence(i) for i in range(40)], label=["a", "b"] * 20, day=["3/4/2026"] * 40)
    with pytest.raises(ConfigError, match="days and months"):
        prepared(unclear, data__time="day")


def test_years_beside_dates_are_their_first_days() -> None:
    mixed = times(table(t=["2024", "2023-05-01", "2023", None, "1.6.2023"]), "t")
    assert np.argsort(mixed).tolist() == [3, 2, 1, 4, 0]
    assert times(table(t=["2024", "2023"]), "t").tolist() == [2024.0, 2023.0]


def test_folds_cover_every_row_once_and_keep_units_together() -> None:
    records = Records(table(text=[sentence(i) for i in range(100)], target=["a", "b"] * 50).columns)
    units = np.arange(100) // 2
    fold = folds(records, "classification", 5, units, seed=1)
    assert Counter(fold.tolist()) == dict.fromkeys(range(5), 20)
    assert (fold[::2] == fold[1::2]).all()


def test_templates_are_split_nevertheless() -> None:
    texts = [
        f"the {'good' if i % 2 else 'bad'} thing about this is that it has number {i}" for i in range(100)
    ]
    found = prepared(table(text=texts, label=["a", "b"] * 50))
    assert [len(s) for s in (found.train, found.dev, found.test)] == [70, 10, 20]
    assert set(found.test.targets) == {"a", "b"}
    assert not found.removed
    assert found.count("templates") > 0


def test_one_giant_group_leaves_something_for_every_part() -> None:
    rows = table(
        text=[sentence(n) for n in range(300)],
        label=["ab"[n % 2] for n in range(300)],
        group=["G" if n < 240 else f"g{n}" for n in range(300)],
    )
    found = prepared(rows, data__group="group")
    sizes = [len(found.train), len(found.dev), len(found.test)]
    assert sizes[0] == 240
    assert sizes[1] >= 15
    assert sizes[2] >= 30


@pytest.mark.parametrize("unit", ["ns", "us", "s"])
def test_time_stamps_of_every_precision(unit: str) -> None:
    stamps = pa.array([datetime(2026, 1, 1) + timedelta(hours=n) for n in range(60)], pa.timestamp("us"))
    stamps = stamps.cast(pa.timestamp(unit))
    if unit == "ns":  # finer than microseconds
        stamps = pc.add(stamps.cast(pa.int64()), 1).cast(pa.timestamp("ns"))
    rows = table(text=[sentence(n) for n in range(60)], label=["ab"[n % 2] for n in range(60)], when=stamps)
    assert set(prepared(rows, data__time="when").test.texts) == {sentence(n) for n in range(48, 60)}
    lasting = table(
        text=rows.columns["text"], label=rows.columns["label"], when=pc.subtract(stamps, stamps[0])
    )
    with pytest.raises(ConfigError, match="holds duration"):
        prepared(lasting, data__time="when")
