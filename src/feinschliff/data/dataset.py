"""The values the data stage hands on: records in one normal form, and what the audit found about them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from feinschliff import registry

SPAN = pa.struct([("start", pa.int32()), ("end", pa.int32()), ("label", pa.string())])
Kind = Literal["classification", "multilabel", "regression", "ner", "unlabelled"]
"""What the targets of a task look like, and so its answers: a label, any number of labels, a number, or spans
of the text. Metrics, decision rules, files and pages follow from it. Each kind is named after the task it was
made for; another task says in `KIND` which of them it is of."""

TARGET_TYPES: dict[Kind, pa.DataType | None] = {
    "classification": pa.string(),
    "multilabel": pa.list_(pa.string()),
    "regression": pa.float64(),
    "ner": pa.list_(SPAN),
    "unlabelled": None,
}
"""Arrow type of the `target` column for each kind. Span offsets count characters (Unicode code points) of
`text`, end exclusive."""


def kind_of(task: str) -> Kind:
    """Return of which kind the targets of a task are.

    Raises:
        ConfigError: there is no such task.
    """
    if task in TARGET_TYPES:
        return task
    return registry.load("tasks", task).KIND


@dataclass(frozen=True)
class Columns:
    """Which column of the source plays which part, and how sure that is.

    Attributes:
        confidence: 0 to 1.
        reason: One line for a person: why these columns and this task.
        split: Marks rows for train, dev and test.
        separator: What stands between several labels in one cell; `[]` for lists written as text.
        dash_is_none: Whether `-` stands for no label among the classes.
    """

    task: str
    text: str
    label: str | None = None
    text_pair: str | None = None
    id: str | None = None
    group: str | None = None
    time: str | None = None
    split: str | None = None
    confidence: float = 1.0
    reason: str = ""
    separator: str | None = None
    dash_is_none: bool = False

    @property
    def kind(self) -> Kind:
        """Of which kind the targets are."""
        return kind_of(self.task)


@dataclass(frozen=True)
class Records:
    """The rows of one split in normal form.

    Columns of `table`: `id` string, `place` string (`reviews.csv:12`), `text` string, `text_pair` string
    (only for pairs), `target` (see `TARGET_TYPES`; absent when unlabelled), `group` string (only when a group
    column was named).
    """

    table: pa.Table

    def __len__(self) -> int:
        return self.table.num_rows

    @property
    def texts(self) -> list[str]:
        """The texts, in row order."""
        return self.table["text"].to_pylist()

    @property
    def pairs(self) -> list[str] | None:
        """The second texts, or None when records are single texts."""
        return self.table["text_pair"].to_pylist() if "text_pair" in self.table.column_names else None

    @property
    def targets(self) -> list[Any]:
        """The targets as Python values: str, list of str, float, or list of span dicts."""
        return self.table["target"].to_pylist()

    @property
    def groups(self) -> list[str | None] | None:
        """The group of each record, None for those without; None when no group is known."""
        return self.table["group"].to_pylist() if "group" in self.table.column_names else None

    @property
    def ids(self) -> list[str]:
        """The row identifiers."""
        return self.table["id"].to_pylist()

    def take(self, rows: np.ndarray | list[int]) -> Records:
        """Return the given rows, in the given order."""
        return Records(self.table.take(pa.array(np.asarray(rows, dtype=np.int64))))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for batch in self.table.to_batches(max_chunksize=1024):
            yield from batch.to_pylist()


@dataclass(frozen=True)
class Finding:
    """One thing the audit noticed.

    Attributes:
        kind: Stable name, such as `exact_duplicates`, `leaked_into_test`, `conflicting_labels`.
        severity: `info`, `warning` or `error`.
        count: Rows concerned.
        message: One sentence for a person, with the number in it.
        action: What is done about it: `removed from train`, `kept`, `refused`, and the setting for it.
        examples: Up to five, each {"place": ..., "text": ..., "detail": ...}.
    """

    kind: str
    severity: str
    count: int
    message: str
    action: str = "kept"
    examples: tuple[dict[str, str], ...] = ()


@dataclass(frozen=True)
class Dataset:
    """Audited, split and fingerprinted data: all that later stages see.

    Attributes:
        task: Name of a task, or `unlabelled`.
        labels: Label names in a fixed order (sorted, numbers by value); entity types for ner; empty for
            regression.
        train, dev, test: The splits.
        findings: What the audit found, errors first.
        removed: Rows left out of train, as {"place", "text", "reason"}.
        fingerprint: Hex digest of contents and split; equal only for results that may be compared.
        test_fingerprint: The same of the test split alone.
        notes: What the readers found out by themselves.
        kept: int64, rows of the train source that are not faulty, whichever split they are in now.
    """

    task: str
    labels: tuple[str, ...]
    train: Records
    dev: Records
    test: Records
    columns: Columns
    findings: tuple[Finding, ...] = ()
    removed: tuple[dict[str, str], ...] = ()
    fingerprint: str = ""
    test_fingerprint: str = ""
    notes: tuple[str, ...] = field(default=())
    kept: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    @property
    def kind(self) -> Kind:
        """Of which kind the targets are."""
        return kind_of(self.task)

    def count(self, kind: str) -> int:
        """Return how many rows a kind of finding concerns."""
        return sum(f.count for f in self.findings if f.kind == kind)
