"""On the real data sets: counts that anyone can make with other tools."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from feinschliff.config import load_config
from feinschliff.data import Dataset, examine
from feinschliff.readers import Table, read


def source(name: str) -> Table:
    if not os.environ.get("FEINSCHLIFF_DATA"):
        pytest.skip("FEINSCHLIFF_DATA is not set")
    return read(str(Path(os.environ["FEINSCHLIFF_DATA"]) / name))


def audited(rows: Table, test: Table | None = None, **values: Any) -> Dataset:
    return examine(load_config(values=values), rows, test)


def test_the_exact_duplicates_of_the_sms_are_counted_exactly() -> None:
    rows = source("spam/sms.csv")
    texts = rows.columns["text"].to_pylist()
    assert audited(rows).count("exact_duplicates") == len(texts) - len(set(texts))


def test_products_split_by_row_leak_and_by_cluster_do_not() -> None:
    rows = source("products/train.csv")
    by_row = audited(rows, **{"data.group": "none"})
    assert by_row.count("group_leakage") > 5000
    by_cluster = audited(rows, **{"data.group": "cluster"})
    assert not by_cluster.count("group_leakage")


@pytest.mark.parametrize(
    ("name", "task", "text"),
    [
        ("reviews/train.csv", "classification", "text"),
        ("intents_banking77/test.csv", "classification", "text"),
        ("legal/unfair_tos/de_test.jsonl", "multilabel", "text"),
        ("ner_wnut17/dev.conll", "ner", "text"),
        ("products/test.csv", "classification", "title"),
    ],
)
def test_columns_and_task_are_understood(name: str, task: str, text: str) -> None:
    found = audited(source(name))
    assert (found.task, found.columns.text) == (task, text)
