"""What Prodigy's users answered: a label that they rejected or ignored is none."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from feinschliff.errors import counted
from feinschliff.readers._spans import SPANS
from feinschliff.readers._table import Table


def without_rejected(table: Table) -> Table:
    """Return a table of Prodigy's answers without the labels that were not accepted; any other as it is.

    Where all rows ask about the same label, a rejection is an answer, and only what was ignored is none.
    """
    columns = table.columns
    if not ({"_task_hash", "answer"} <= set(columns.column_names) and _is_text(columns, "answer")):
        return table
    is_one = _is_text(columns, "label") and pc.count_distinct(columns["label"]).as_py() == 1
    labels, answers = ({"answer"}, ["ignore"]) if is_one else ({"label", "accept"}, ["reject", "ignore"])
    refused = pc.is_in(columns["answer"], pa.array(answers))
    if not (count := pc.sum(refused).as_py()):
        return table
    for number, field in enumerate(columns.schema):
        if field.name in labels or field.type == SPANS:
            kept = pc.if_else(refused, pa.scalar(None, field.type), columns[field.name])
            columns = columns.set_column(number, field.name, kept)
    rows = counted(count, "row was", "rows were")
    note = f"{rows} not accepted in Prodigy, counted as unlabelled"
    return replace(table, columns=columns, notes=(*table.notes, note))


def _is_text(columns: pa.Table, name: str) -> bool:
    return name in columns.column_names and pa.types.is_string(columns.schema.field(name).type)
