"""What Label Studio exports: JSON of tasks with annotations, or the flat JSON-MIN.

Entities become the column `spans`; choices, ratings and numbers become columns under the names of their
controls. Of several annotations of one task the ground truth is taken, otherwise the first that was not
cancelled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from feinschliff.config import DataConfig
from feinschliff.errors import counted
from feinschliff.readers._encoding import find_encoding
from feinschliff.readers._input import open_input
from feinschliff.readers._json import first_values, json_rows
from feinschliff.readers._rows import Row
from feinschliff.readers._table import Table
from feinschliff.readers.spans import read_spans

SUFFIXES = (".json",)
DESCRIPTION = "Exports of Label Studio (JSON and JSON-MIN): entities, choices, ratings."
_VALUES = ("choices", "rating", "number", "taxonomy", "text")
_UNUSED = ("annotator", "annotation_id", "created_at", "updated_at", "lead_time")


def sniff(text: str, suffix: str) -> float:
    """Return how much the beginning of a file looks like this format, 0 to 1."""
    rows = [row for row in first_values(text) if isinstance(row, dict)]
    tasks = [
        row
        for row in rows
        if isinstance(row.get("data"), dict) and ("annotations" in row or "completions" in row)
    ]
    flat = [row for row in rows if "annotation_id" in row and "lead_time" in row]
    return 0.9 * (bool(rows) and (len(tasks) == len(rows) or len(flat) == len(rows)))


def read(source: Any, config: DataConfig) -> Table:
    """Read an export whole.

    Raises:
        DataError: no JSON; spans that do not lie in their text.
    """
    file = open_input(source)
    encoding = find_encoding(file, config)
    export = _Export()
    rows = ((line, export.convert(row)) for line, row in json_rows(file, encoding))
    table = read_spans(file.name, rows, config)
    columns = table.columns
    if export.num_spans == 0 and export.has_values and "spans" in columns.column_names:
        columns = columns.drop_columns(["spans"])
    return replace(table, columns=columns, notes=encoding.notes + table.notes + export.notes())


@dataclass
class _Export:
    """What was met on the way through the tasks."""

    num_spans: int = 0
    has_values: bool = False
    num_several: int = 0
    not_read: dict[str, int] = field(default_factory=dict)

    def notes(self) -> tuple[str, ...]:
        notes = [
            f"{counted(count, 'result is', 'results are')} of type '{kind}' and not read"
            for kind, count in self.not_read.items()
        ]
        if self.num_several:
            tasks = counted(self.num_several, "task has", "tasks have")
            notes.append(f"{tasks} several annotations, of which one is taken")
        return tuple(notes)

    def convert(self, task: Row) -> Row:
        if not isinstance(task.get("data"), dict):
            return self._convert_flat(task)
        row = {key: value for key, value in task["data"].items()}
        if "id" in task and "id" not in row:
            row["id"] = task["id"]
        annotation = self._choose(task.get("annotations", task.get("completions")))
        if annotation is None:
            return row
        spans: list[Any] = []
        for result in annotation.get("result") or []:
            if not isinstance(result, Mapping):
                continue
            value = result.get("value")
            if not isinstance(value, Mapping):
                continue
            name = str(result.get("from_name", "label"))
            if _labels(value):
                spans += _to_spans(value)
                self.num_spans += 1
            elif kind := next((kind for kind in _VALUES if kind in value), None):
                row[name] = _simplify(value[kind])
                self.has_values = True
            else:
                kind = str(result.get("type", "unknown"))
                self.not_read[kind] = self.not_read.get(kind, 0) + 1
        row["spans"] = spans
        return row

    def _convert_flat(self, task: Row) -> Row:
        row: dict[str, Any] = {}
        for key, value in task.items():
            if key in _UNUSED:
                continue
            if (
                isinstance(value, list)
                and value
                and all(isinstance(v, Mapping) and _labels(v) for v in value)
            ):
                row["spans"] = [span for v in value for span in _to_spans(v)]
                self.num_spans += 1
            else:
                row[key] = _simplify(value)
        return row

    def _choose(self, annotations: Any) -> Mapping[str, Any] | None:
        if not isinstance(annotations, list):
            return None
        valid = [a for a in annotations if isinstance(a, Mapping) and not a.get("was_cancelled")]
        self.num_several += len(valid) > 1
        return next((a for a in valid if a.get("ground_truth")), valid[0] if valid else None)


def _labels(value: Mapping[str, Any]) -> list[str]:
    labels = value.get("labels", value.get("hypertextlabels"))
    return labels if isinstance(labels, list) else []


def _to_spans(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a span per label; of HTML texts the offsets that count the whole text."""
    offsets = value.get("globalOffsets")
    place = {**value, **offsets} if isinstance(offsets, Mapping) else value
    kept = {key: place[key] for key in ("start", "end", "text") if key in place}
    return [{**kept, "label": label} for label in _labels(value)]


def _simplify(value: Any) -> Any:
    """Return a list of one as its element, and JSON-MIN's {"choices": [...]} as the list."""
    if isinstance(value, Mapping) and set(value) == {"choices"}:
        value = value["choices"]
    return value[0] if isinstance(value, list) and len(value) == 1 else value
