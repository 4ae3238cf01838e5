"""Columns under names the source does not have: `document.text` in an object, `toxic,insult` in two columns.

A name that the source has is always taken as it is, so that dots and commas in names of columns stay usable.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from feinschliff.errors import DataError
from feinschliff.readers import Table

ZERO_ONE = ("0", "1", "0.0", "1.0", "false", "true")
YES_NO = (*ZERO_ONE, "no", "yes", "nein", "ja")
"""What cells that say whether a label holds may be, in any case; no and yes in turn."""
MAX_DEPTH = 4


def derive(table: Table, *names: str | None) -> Table:
    """Return the table with those of the named columns that can be made from others, and are not there.

    Raises:
        DataError: a label's column holds something else than yes or no.
    """
    columns = table.columns
    for name in names:
        if name is None or name in columns.column_names:
            continue
        found = _inside(columns, name)
        if found is None and (parts := parts_of(name, columns)):
            found = _labels(table, parts)
        if found is not None:
            columns = columns.append_column(name, found)
    return table if columns is table.columns else replace(table, columns=columns)


def parts_of(name: str, columns: pa.Table) -> list[str]:
    """Return the columns that `a,b,c` joins; none where it is one column, or one of them is not there."""
    parts = [part.strip() for part in name.split(",")]
    if name in columns.column_names or len(parts) < 2 or len(set(parts)) < len(parts):
        return []
    return parts if all(_inside(columns, part) is not None for part in parts) else []


def sources(name: str | None) -> set[str]:
    """Return every column that a name may be made of, itself included.

    >>> sorted(sources("a,b.c"))
    ['a', 'a,b.c', 'b', 'b.c']
    """
    parts = [] if name is None else [part.strip() for part in name.split(",")]
    return {*parts, *([name] if name else []), *(part.partition(".")[0] for part in parts)}


def inner_names(columns: pa.Table) -> list[str]:
    """Return the dotted names of what lies inside columns of objects."""

    def walk(prefix: str, type_: pa.DataType, depth: int) -> Iterator[str]:
        for field in type_ if pa.types.is_struct(type_) and depth < MAX_DEPTH else ():
            name = f"{prefix}.{field.name}"
            yield from walk(name, field.type, depth + 1) if pa.types.is_struct(field.type) else (name,)

    return [name for field in columns.schema for name in walk(field.name, field.type, 0)]


def says_yes(cells: pa.ChunkedArray | pa.Array, words: Sequence[str] = YES_NO) -> np.ndarray:
    """Return int [N]: 1 for yes, 0 for no, -1 for a missing cell, -2 for something else."""
    if pa.types.is_nested(cells.type) or pa.types.is_temporal(cells.type) or pa.types.is_binary(cells.type):
        return np.full(len(cells), -2)
    texts = pc.fill_null(pc.utf8_lower(pc.utf8_trim_whitespace(pc.cast(cells, pa.string()))), "")
    missing = np.asarray(pc.is_in(texts, pa.array(["", "nan"])))
    place = np.asarray(pc.fill_null(pc.index_in(texts, pa.array(words)), -2))
    return np.where(missing, -1, np.where(place < 0, -2, place % 2))


def _inside(columns: pa.Table, name: str) -> pa.ChunkedArray | None:
    """Return a column, or what a dotted name finds inside one of objects."""
    if name in columns.column_names:
        return columns[name]
    steps = name.split(".")
    for i in range(1, len(steps)):
        column = ".".join(steps[:i])
        if column in columns.column_names:
            found = _within(columns[column], steps[i:])
            if found is not None:
                return found
    return None


def _within(cells: pa.ChunkedArray, steps: Sequence[str]) -> pa.ChunkedArray | None:
    """Return what lies at these steps inside objects; a key may hold dots, and the longest is tried first."""
    if not steps:
        return cells
    for i in range(len(steps), 0, -1):
        place = cells.type.get_field_index(".".join(steps[:i])) if pa.types.is_struct(cells.type) else -1
        found = _within(pc.struct_field(cells, [place]), steps[i:]) if place >= 0 else None
        if found is not None:
            return found
    return None


def _labels(table: Table, parts: Sequence[str]) -> pa.Array:
    """Return the lists of the labels whose columns say yes; null where one of them says nothing."""
    labels = [part if part in table.columns.column_names else part.rpartition(".")[2] for part in parts]
    found = np.empty((len(table), len(parts)), dtype=np.int64)
    for i, part in enumerate(parts):
        cells = _inside(table.columns, part)
        assert cells is not None
        found[:, i] = says_yes(cells)
        if (bad := np.flatnonzero(found[:, i] == -2)).size:
            raise DataError(
                f"'{part}' holds {cells[int(bad[0])].as_py()!r:.40}, which says neither yes nor no",
                where=table.place(int(bad[0])),
                allowed="0 or 1, true or false, yes or no in each cell",
                hint=f"Leave '{part}' out of --label, or mend the file",
            )
    missing = (found == -1).any(axis=1)
    found[missing] = 0
    ends = np.concatenate([[0], (found == 1).sum(axis=1).cumsum()]).astype(np.int32)
    names = pa.array(labels, pa.string()).take(pa.array(np.nonzero(found == 1)[1]))
    return pa.ListArray.from_arrays(pa.array(ends), names, mask=pa.array(missing))
