"""The value every reader returns."""

from __future__ import annotations

from dataclasses import dataclass

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
    """

    columns: pa.Table
    name: str
    lines: pa.Array | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.columns.num_rows

    def place(self, row: int) -> str:
        """Return where a row stands, for messages: `reviews.csv:12`."""
        if self.lines is None:
            return f"{self.name}, row {row + 1}"
        return f"{self.name}:{self.lines[row].as_py()}"
