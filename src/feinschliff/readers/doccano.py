"""What doccano exports: JSON Lines of texts with labels or with entities.

Entities come as `label: [[start, end, name]]` or `entities: [{"start_offset", "end_offset", "label"}]`.
Labels of classification come as lists; where no text has more than one, they become plain names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from feinschliff.config import DataConfig
from feinschliff.readers._input import open_input
from feinschliff.readers._json import first_values
from feinschliff.readers._rows import Row
from feinschliff.readers._table import Table
from feinschliff.readers.spans import any_rows, read_spans

SUFFIXES = (".jsonl", ".json")
DESCRIPTION = "Exports of doccano: entities or labels."
_EXTRA_KEYS = ("Comments", "comments", "relations", "annotation_approver", "meta")
_UNUSED = ("Comments", "comments", "relations", "annotation_approver")


def sniff(text: str, suffix: str) -> float:
    """Return how much the beginning of a file looks like this format, 0 to 1."""
    rows = [row for row in first_values(text) if isinstance(row, dict)]
    return 0.85 * (bool(rows) and all(_is_doccano(row) for row in rows))


def read(source: Any, config: DataConfig) -> Table:
    """Read an export whole.

    Raises:
        DataError: no JSON; spans that do not lie in their text.
    """
    file = open_input(source)
    table = read_spans(file.name, _rows(any_rows(file, config)), config)
    columns = table.columns
    for name in ("label", "labels"):
        if name not in columns.column_names or not _is_list_of_names(columns[name].type):
            continue
        if (pc.max(pc.list_value_length(columns[name])).as_py() or 0) <= 1:
            cells = [value[0] if value else None for value in columns[name].to_pylist()]
            columns = columns.set_column(columns.column_names.index(name), name, pa.array(cells, pa.string()))
    return replace(table, columns=columns)


def _is_doccano(row: Row) -> bool:
    return (
        "id" in row
        and isinstance(row.get("text"), str)
        and any(isinstance(row.get(key), list) for key in ("label", "labels", "entities", "annotations"))
        and (any(key in row for key in _EXTRA_KEYS) or set(row) <= {"id", "text", "label", "labels"})
    )


def _rows(rows: Iterator[tuple[int, Row]]) -> Iterator[tuple[int, Row]]:
    """Yield the rows without what is no data, and with the numbers of labels (doccano 0.x) as names."""
    for line, row in rows:
        kept = {key: value for key, value in row.items() if key not in _UNUSED}
        spans = kept.get("annotations")
        if isinstance(spans, list):
            if all(isinstance(span, dict) and "start_offset" in span for span in spans):
                kept["annotations"] = [{**span, "label": str(span.get("label"))} for span in spans]
            else:
                del kept["annotations"]
                kept["label"] = [
                    str(span["label"]) for span in spans if isinstance(span, dict) and "label" in span
                ]
        yield line, kept


def _is_list_of_names(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) and (
        pa.types.is_string(kind.value_type) or pa.types.is_null(kind.value_type)
    )
