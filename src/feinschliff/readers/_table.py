"""The value every reader returns."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa


@dataclass(frozen=True)
class Table:
    """The rows of one source, as written there.

    Attributes:
        columns: One Arrow table; numbers, lists and structs stay what the format made them, CSV cells are
            strings, missing cells are null.
        name: What messages call the source: `reviews.csv`, `<stdin>`, `<dataframe>`.
        lines: int64 [num_rows], 1-based line on which each row begins; None where the format has no lines.
        notes: What the reader found out by itself and the user should know, such as
            `delimiter ';'`, `encoding cp1252`; shown once.
        files: string [num_rows], the file of each row where a source is many files; otherwise None.
        offset: Rows of the source before the first of this table (when it is read in batches).
        tells_missing: Whether a missing cell looks other than an empty one; in CSV it does not.
    """

    columns: pa.Table
    name: str
    lines: pa.Array | None = None
    notes: tuple[str, ...] = ()
    files: pa.Array | None = None
    offset: int = 0
    tells_missing: bool = True

    def __len__(self) -> int:
        return self.columns.num_rows

    @property
    def as_read(self) -> str:
        """What the reader found out, for messages: why rows or columns may not be those expected."""
        return f"As it was read: {'; '.join(self.notes)}." if self.notes else ""

    def with_empty_cells(self) -> pa.Table:
        """Return the columns for a file of any format: what may be missing or empty is empty there, too.

        An empty cell of CSV can mean that no label applies; null in JSON would say that the label is missing.
        """
        if self.tells_missing:
            return self.columns
        import pyarrow.compute as pc

        columns = self.columns
        for index, field in enumerate(columns.schema):
            if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
                columns = columns.set_column(index, field, pc.fill_null(columns[index], ""))
        return columns

    def place(self, row: int) -> str:
        """Return where a row stands, for messages: `reviews.csv:12`."""
        if self.files is not None:
            return self.files[row].as_py() + (f":{self.lines[row].as_py()}" if self.lines is not None else "")
        if self.lines is None:
            return f"{self.name}, row {self.offset + row + 1}"
        return f"{self.name}:{self.lines[row].as_py()}"

    def places(self) -> pa.Array:
        """Return string [num_rows], `place` of every row."""
        import pyarrow.compute as pc

        if self.files is not None and self.lines is None:
            return self.files
        numbers = self.lines
        if numbers is None:
            numbers = pa.array(range(self.offset + 1, self.offset + len(self) + 1), pa.int64())
        names = pa.scalar(self.name) if self.files is None else self.files
        separator = ", row " if self.lines is None else ":"
        return pc.binary_join_element_wise(names, pc.cast(numbers, pa.string()), separator)

    def take(self, rows: np.ndarray) -> Table:
        """Return the given rows, int64, which still know their places."""
        chosen = pa.array(rows)
        files = self.places() if self.lines is None else self.files
        return replace(
            self,
            columns=self.columns.take(chosen),
            lines=None if self.lines is None else self.lines.take(chosen),
            files=None if files is None else files.take(chosen),
        )

    def slice(self, start: int, length: int) -> Table:
        """Return rows start to start + length, which still know their places."""
        return replace(
            self,
            columns=self.columns.slice(start, length),
            lines=None if self.lines is None else self.lines.slice(start, length),
            files=None if self.files is None else self.files.slice(start, length),
            offset=self.offset + start,
        )
