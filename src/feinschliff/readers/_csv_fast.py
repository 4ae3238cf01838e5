"""The quick way through a well-formed CSV file: Arrow's parser, with line numbers computed beside it.

Arrow gives no line numbers, and a quoted line break shifts them. So the bytes are looked at on their way to
the parser: after an even number of quotes a newline ends a row, after an odd number it is inside a cell. That
holds only where quotes stand at the borders of cells or doubled inside them, which is checked too. At the
first byte that breaks this, or at a row of another width, the file is left to the exact and slower way.
"""

from __future__ import annotations

import codecs
import io
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from feinschliff.readers._dialect import ORDINARY, STANDARD, Dialect
from feinschliff.readers._gather import gather
from feinschliff.readers._input import Input
from feinschliff.readers._table import Table

BLOCK_BYTES = 4 << 20
_NEWLINE, _RETURN, _QUOTE = 10, 13, 34


class NotWellFormed(Exception):  # noqa: N818  (a signal to take the other way)
    """The file needs the exact reader."""


def read(file: Input, dialect: Dialect) -> Table:
    """Read a UTF-8 file.

    Raises:
        NotWellFormed: rows of different widths, quotes in the middle of cells, old Macintosh line ends.
    """
    if dialect.quoting not in (STANDARD, ORDINARY) or dialect.skip or dialect.title:
        raise NotWellFormed
    try:
        return gather(_batches(file, dialect), file.name)
    except pa.ArrowInvalid:
        raise NotWellFormed from None


def _batches(file: Input, dialect: Dialect) -> Iterator[Table]:
    from pyarrow import csv

    has_quotes = dialect.quoting == STANDARD
    with file.open() as stream:
        if file.head.startswith(codecs.BOM_UTF8):
            stream.read(len(codecs.BOM_UTF8))
        scanner = RowScanner(stream, dialect.delimiter, has_quotes)
        reader = csv.open_csv(
            pa.PythonFile(scanner, mode="r"),
            csv.ReadOptions(
                block_size=BLOCK_BYTES,
                column_names=list(dialect.names),
                skip_rows_after_names=int(dialect.header),
            ),
            csv.ParseOptions(
                delimiter=dialect.delimiter,
                quote_char='"' if has_quotes else False,
                newlines_in_values=has_quotes,
            ),
            csv.ConvertOptions(
                column_types={name: pa.string() for name in dialect.names},
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
        skip = int(dialect.header)
        for batch in reader:
            if not scanner.well_formed:
                raise NotWellFormed
            lines = scanner.take(skip + batch.num_rows)
            yield Table(
                pa.Table.from_batches([batch]),
                file.name,
                pa.array(lines[skip:], pa.int64()),
                tells_missing=False,
            )
            skip = 0
        if not scanner.well_formed or scanner.num_quotes % 2 or scanner.has_more:
            raise NotWellFormed


class RowScanner(io.RawIOBase):
    """Hand bytes on, and note on which line each row begins.

    Attributes:
        well_formed: So far each quote stands at a cell's border or doubled inside a cell, and each carriage
            return before a newline.
        num_quotes: Quotes so far.
    """

    def __init__(self, stream: BinaryIO, delimiter: str, has_quotes: bool):
        self.stream = stream
        self.has_quotes = has_quotes
        borders = np.zeros(256, dtype=bool)
        borders[[_NEWLINE, _RETURN, _QUOTE, *delimiter.encode()]] = True
        self.is_border = borders
        self.well_formed = len(delimiter.encode()) == 1
        self.num_quotes = 0
        self.num_lines = 0
        self.position = 0
        self.row_begin = 0
        self.row_line = 1
        self.last = b"\n"
        self.waiting: deque[np.ndarray] = deque()  # filled by Arrow's reading thread, emptied by ours
        self.ready = np.zeros(0, dtype=np.int64)

    def readable(self) -> bool:
        """Return True: Arrow asks."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, having looked at them."""
        chunk = self.stream.read(size)
        if chunk and self.well_formed:
            self._look(np.frombuffer(self.last + chunk, dtype=np.uint8))
            self.well_formed &= b"\0" not in chunk
            self.last = chunk[-1:]
            self.position += len(chunk)
        return chunk

    @property
    def has_more(self) -> bool:
        """Return whether rows were seen that nobody took; asked at the end of the file."""
        return bool(len(self.ready) or self.waiting or self.position > self.row_begin)

    def take(self, num_rows: int) -> np.ndarray:
        """Return int64 [num_rows], the lines on which the next rows begin.

        Raises:
            NotWellFormed: fewer rows were seen.
        """
        parts = [self.ready]
        while sum(map(len, parts)) < num_rows and self.waiting:
            parts.append(self.waiting.popleft())
        if sum(map(len, parts)) < num_rows and self.position > self.row_begin:  # a last line without an end
            parts.append(np.array([self.row_line]))
            self.row_begin = self.position
        seen = np.concatenate(parts)
        if len(seen) < num_rows:
            raise NotWellFormed
        self.ready = seen[num_rows:]
        return seen[:num_rows]

    def _look(self, data: np.ndarray) -> None:
        """Take in uint8 [1 + N]: the last byte of the chunk before, then this chunk."""
        newlines = np.flatnonzero(data == _NEWLINE)
        newlines = newlines[newlines > 0]
        returns = np.flatnonzero(data[:-1] == _RETURN)
        self.well_formed = bool((data[returns + 1] == _NEWLINE).all())
        ends_row = np.ones(len(newlines), dtype=bool)
        if self.has_quotes:
            quotes = np.flatnonzero(data == _QUOTE)
            before = self.num_quotes - int(data[0] == _QUOTE and self.num_quotes > 0)
            ends_row = (before + np.searchsorted(quotes, newlines)) % 2 == 0
            opens = (before + np.arange(len(quotes))) % 2 == 0
            opening, closing = quotes[opens & (quotes > 0)], quotes[~opens & (quotes < len(data) - 1)]
            self.well_formed &= bool(
                self.is_border[data[opening - 1]].all() and self.is_border[data[closing + 1]].all()
            )
            self.num_quotes = before + len(quotes)
        self._note_rows(data, newlines, ends_row)
        self.num_lines += len(newlines)

    def _note_rows(self, data: np.ndarray, newlines: np.ndarray, ends_row: np.ndarray) -> None:
        ends = newlines[ends_row] + self.position  # just after the newline, counted from the file's beginning
        if not len(ends):
            return
        begins = np.concatenate([[self.row_begin], ends[:-1]])
        lines = self.num_lines + np.flatnonzero(ends_row) + 2
        begin_lines = np.concatenate([[self.row_line], lines[:-1]])
        has_return = data[newlines[ends_row] - 1] == _RETURN
        is_blank = ends - begins - has_return == 1
        self.waiting.append(begin_lines[~is_blank].astype(np.int64))
        self.row_begin, self.row_line = int(ends[-1]), int(lines[-1])
