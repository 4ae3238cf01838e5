"""One table from many: small ones stay in memory, beyond a limit they lie on disk and are mapped.

A mapped table costs address space, not memory: the system reads its pages when they are used and drops them
when memory is short. The temporary files lose their names as soon as they are mapped (where the system
allows it), so nothing is left behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from feinschliff.files import scratch
from feinschliff.readers._input import no_space
from feinschliff.readers._rows import cast_to_text, mixed_note
from feinschliff.readers._table import Table

MEMORY_BYTES = 128 << 20
"""Rows beyond this many bytes go to disk."""


def gather(tables: Iterable[Table], name: str) -> Table:
    """Return one table with the rows of all, in order.

    Columns missing from some tables are null there; columns of different types are brought to one (whole
    numbers to floats, anything else to text, with a note).

    Raises:
        ResourceError: the temporary folder is full.
    """
    waiting: list[pa.Table] = []
    on_disk: list[pa.Table] = []
    lines: list[pa.Array] = []
    files: list[pa.Array] = []
    notes: dict[str, None] = {}
    num_bytes, tells_missing = 0, True
    with scratch() as folder:
        for table in tables:
            notes |= dict.fromkeys(table.notes)
            lines += [] if table.lines is None else [table.lines]
            files += [] if table.files is None else [table.files]
            tells_missing &= table.tells_missing
            waiting.append(table.columns)
            num_bytes += table.columns.nbytes
            if num_bytes > MEMORY_BYTES:
                part, mixed = _concatenate(waiting, name)
                notes |= dict.fromkeys(map(mixed_note, mixed))
                on_disk.append(_map(part, folder / f"{len(on_disk)}.arrow"))
                waiting, num_bytes = [], 0
    columns, mixed = _concatenate(on_disk + waiting, name)
    notes |= dict.fromkeys(map(mixed_note, mixed))
    all_lines = pa.concat_arrays(lines) if lines else None
    if not files and all_lines is not None and (np.diff(all_lines.to_numpy()) == 0).any():
        all_lines = None  # several rows in one line: their numbers say more
    all_files = pa.concat_arrays(files) if files else None
    return Table(columns, name, all_lines, tuple(notes), all_files, tells_missing=tells_missing)


def _concatenate(parts: Sequence[pa.Table], name: str) -> tuple[pa.Table, list[str]]:
    """Return (one table, names of columns that had to become text)."""
    if not parts:
        return pa.table({}), []
    names = dict.fromkeys(column for part in parts for column in part.column_names)
    mixed = [column for column in names if not _have_one_type(parts, column)]
    for column in mixed:
        where = f"{name}, column '{column}'"
        parts = [
            part.set_column(part.column_names.index(column), column, cast_to_text(part[column], where))
            if column in part.column_names
            else part
            for part in parts
        ]
    return pa.concat_tables(parts, promote_options="permissive"), mixed


def _have_one_type(parts: Sequence[pa.Table], column: str) -> bool:
    fields = {part.schema.field(column).remove_metadata() for part in parts if column in part.column_names}
    try:
        pa.unify_schemas([pa.schema([field]) for field in fields], promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return False
    return True


def _map(table: pa.Table, path: Path) -> pa.Table:
    """Write a table to disk and return it as mapped from there."""
    try:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
    except OSError as error:
        raise no_space(error, str(path.parent)) from None
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
