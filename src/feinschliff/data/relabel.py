"""Apply what a person decided about labels that look wrong.

The list is a table of the rows in question, as a run's `label_errors.csv` has it; only the columns `place`,
`text` and `new_label` are read. What stands in `new_label` becomes the label, `-` removes the row, `[]` takes
all labels from a text that may have several, and an empty cell leaves it as it is.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from feinschliff.data._targets import is_list
from feinschliff.data.dataset import Columns
from feinschliff.data.derive import derive, parts_of, says_yes
from feinschliff.data.profile import joined
from feinschliff.errors import DataError
from feinschliff.readers import Table

REMOVE = "-"
NO_LABELS = "[]"
NEEDED = ("place", "text", "new_label")


@dataclass(frozen=True)
class Relabelled:
    """The table with new labels, and how many rows were changed, removed, and are of other files."""

    table: Table
    changed: int
    removed: int
    elsewhere: int


def relabel(table: Table, columns: Columns, decisions: Table) -> Relabelled:
    """Return a table with the labels a person decided on.

    Raises:
        DataError: a column is missing; a row's text is another than in the list; a label that the column
            cannot hold; no row of the list is of this table.
    """
    missing = [name for name in NEEDED if name not in decisions.columns.column_names]
    if missing or columns.label is None:
        raise DataError(
            f"has no column '{missing[0]}'" if missing else f"'{table.name}' has no label column",
            where=decisions.name,
            allowed=f"A list of label errors has the columns {', '.join(NEEDED)}",
        )
    rows = {_resolved(place): row for row, place in enumerate(table.places().to_pylist())}
    whole = derive(table, columns.text, columns.label).columns
    texts, labels = joined(whole[columns.text]), whole[columns.label]
    listed = decisions.columns.select(NEEDED).to_pylist()
    new: dict[int, Any] = {}
    gone: set[int] = set()
    elsewhere = 0
    for number, row in enumerate(listed):
        place = _resolved(row["place"])
        wish = "" if row["new_label"] is None else str(row["new_label"]).strip()
        if place not in rows:
            elsewhere += 1
            continue
        if str(texts[rows[place]].as_py() or "") != (row["text"] or ""):
            raise DataError(
                f"the text of {row['place']} is another than in {table.name}",
                where=decisions.place(number),
                hint="Was the list made from these data? Rows must not have moved since",
            )
        if wish == REMOVE:
            gone.add(rows[place])
        elif (
            wish == NO_LABELS and columns.kind == "multilabel" and columns.separator not in (None, NO_LABELS)
        ):
            new[rows[place]] = ""
        elif wish:
            in_list = is_list(labels.type) and columns.kind == "classification" and not wish.startswith("[")
            written = json.dumps([wish]) if in_list else wish
            new[rows[place]] = _cell(written, labels.type, decisions.place(number))
    if listed and elsewhere == len(listed):
        raise DataError(
            f"none of its rows is of {table.name}",
            where=decisions.name,
            hint="Was the list made from these data?",
        )
    changed = {row: label for row, label in new.items() if labels[row].as_py() != label}
    altered = _altered(table, columns.label, changed)
    kept = pa.array(np.setdiff1d(np.arange(len(table)), sorted(gone)).astype(np.int64))
    result = replace(
        table,
        columns=altered.take(kept),
        lines=None if table.lines is None else table.lines.take(kept),
        files=None if table.files is None else table.files.take(kept),
    )
    return Relabelled(result, len(changed), len(gone), elsewhere)


def _altered(table: Table, label: str, changed: Mapping[int, Any]) -> pa.Table:
    """Return the columns with the new labels, which may be spread over a column of 0 and 1 for each."""
    columns = table.columns
    parts = parts_of(label, columns) or [label]
    if missing := set(parts) - set(columns.column_names):
        raise DataError(
            f"'{sorted(missing)[0]}' lies inside an object, where no label can be written",
            where=table.name,
            hint="Mend the file by hand, or give its labels a column of their own",
        )
    joined = parts != [label]
    if joined and (unknown := {name for names in changed.values() for name in names} - set(parts)):
        raise DataError(
            f"there is no column '{sorted(unknown)[0]}' for the new label",
            where=table.name,
            allowed=f"There are: {', '.join(map(repr, parts))}",
        )
    for part in parts:
        cells, kind = columns[part].to_pylist(), columns[part].type
        said = says_yes(columns[part]).tolist() if joined else []
        usual = [pa.scalar(word).cast(kind).as_py() for word in ("0", "1")] if said else []
        words = [cells[said.index(i)] if i in said else word for i, word in enumerate(usual)]
        for row, new in changed.items():
            cells[row] = words[part in new] if said else new
        columns = columns.set_column(columns.column_names.index(part), part, pa.array(cells, kind))
    return columns


def _cell(wish: str, kind: pa.DataType, where: str) -> Any:
    """Return a label as a column of this type holds it; lists are written as JSON."""
    try:
        if is_list(kind):
            return pa.scalar(json.loads(wish), kind).as_py()
        return pa.scalar(wish).cast(kind).as_py()
    except (ValueError, TypeError, pa.ArrowException):
        allowed = 'A JSON list, such as ["a", "b"]' if is_list(kind) else f"A value of type {kind}"
        raise DataError(f"'{wish}' cannot be a label here", where=where, allowed=allowed) from None


def _resolved(place: str | None) -> str:
    """Return a place whose file is named from the root on, so that the same file has one name."""
    match = re.fullmatch(r"(.+?)((?:, row |:)\d+)?", place or "")
    return os.path.abspath(match[1]) + (match[2] or "") if match else ""  # noqa: PTH100  (no file is asked)
