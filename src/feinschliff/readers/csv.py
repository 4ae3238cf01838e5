"""Tables of text: comma, tab, semicolon or bar between the cells.

Well-formed UTF-8 files go through Arrow's parser; every other file through Python's, which is exact about
quotes and lines. Both give the same table.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import pyarrow as pa

from feinschliff.config import DataConfig
from feinschliff.errors import DataError
from feinschliff.readers import _csv_fast
from feinschliff.readers._dialect import (
    ORDINARY,
    Dialect,
    find_dialect,
    fits_delimiter,
    label_delimiter,
    look_quoted,
    name_columns,
    open_rows,
    possible_quotings,
    shown,
)
from feinschliff.readers._encoding import Encoding, find_encoding, head_text, read_lines
from feinschliff.readers._gather import gather
from feinschliff.readers._input import HEAD_BYTES, Input, open_input
from feinschliff.readers._problems import Problems
from feinschliff.readers._rows import BATCH_ROWS, MAX_COLUMNS
from feinschliff.readers._table import Table

SUFFIXES = (".csv", ".tsv", ".tab", ".txt")
DESCRIPTION = "CSV and TSV: delimiter, quoting, encoding and header are found."
_HINT = "Put cells that hold the delimiter into double quotes, or set data.delimiter"

SEPARATOR_LINE = re.compile(r"sep=([^\r\n])\r?\n")


def sniff(text: str, suffix: str) -> float:
    """Return how much the beginning of a file looks like this format, 0 to 1."""
    if suffix in (".csv", ".tsv", ".tab"):
        return 0.6
    if suffix in (".txt", "") and (fits_delimiter(text, ["\t"], names=False) or label_delimiter(text)):
        return 0.5
    return 0.5 * (suffix != ".txt" and fits_delimiter(text, [",", "\t", ";"], names=True))


def read(source: Any, config: DataConfig) -> Table:
    """Read a file whole.

    Raises:
        DataError: rows of different widths, quotes that are never closed, no text; all faults at once.
    """
    file = open_input(source)
    encoding, dialect = _look(file, config)
    notes = encoding.notes + dialect.notes
    if encoding.name.startswith("utf-8") and encoding.errors == "strict":
        try:
            return replace(_csv_fast.read(file, dialect), notes=notes)
        except _csv_fast.NotWellFormed:
            pass
    first: Problems | None = None
    for quoting in dict.fromkeys((dialect.quoting, *possible_quotings(head_text(file, encoding.name)))):
        problems = Problems(file.name)
        table = gather(
            _rows(file, encoding, replace(dialect, quoting=quoting), BATCH_ROWS, problems), file.name
        )
        if not problems.count:
            if dialect.header and not len(table):
                hint = "If the first line is data: --set data.header=false"
                raise DataError("there is a header line but no rows below it", where=file.name, hint=hint)
            return replace(table, notes=notes + ((quoting,) if quoting != dialect.quoting else ()))
        first = first or problems
    assert first is not None
    if wide := _widened(file, encoding, dialect):
        problems = Problems(file.name)
        table = gather(_rows(file, encoding, wide, BATCH_ROWS, problems), file.name)
        if not problems.count:
            return replace(table, notes=encoding.notes + wide.notes)
    raise first.error(allowed=_expected(dialect), hint=_HINT)


def batches(source: Any, config: DataConfig, batch_rows: int) -> Iterator[Table]:
    """Yield a file in tables of up to `batch_rows` rows, in constant memory.

    Raises:
        DataError: as `read`, for the faults of the first batch that has any.
    """
    file = open_input(source)
    encoding, dialect = _look(file, config)
    dialect, notes = _quoted(file, encoding, dialect), encoding.notes + dialect.notes
    problems = Problems(file.name)
    for table in _rows(file, encoding, dialect, batch_rows, problems):
        problems.raise_if_any(allowed=_expected(dialect), hint=_HINT)
        yield replace(table, notes=notes)
        notes = ()
    problems.raise_if_any(allowed=_expected(dialect), hint=_HINT)


def _quoted(file: Input, encoding: Encoding, dialect: Dialect) -> Dialect:
    """Return the dialect with a way of quoting that fits the whole file, which is read once for it."""
    others = possible_quotings(head_text(file, encoding.name))
    for quoting in dict.fromkeys((dialect.quoting, *others)) if set(others) - {dialect.quoting} else ():
        problems, tried = Problems(file.name), replace(dialect, quoting=quoting)
        for _ in _rows(file, encoding, tried, BATCH_ROWS, problems):
            if problems.count:
                break
        if not problems.count:
            return tried if quoting == dialect.quoting else replace(tried, notes=(*dialect.notes, quoting))
    return _widened(file, encoding, dialect) or dialect


def _widened(file: Input, encoding: Encoding, dialect: Dialect) -> Dialect | None:
    """Return the dialect of a file without names whose rows may have further cells at their end, or None.

    Only between tabs: any other delimiter may stand in a text.
    """
    if dialect.header or dialect.title or dialect.delimiter != "\t":
        return None
    ordinary = replace(dialect, quoting=ORDINARY)
    rows = open_rows(islice(read_lines(file, encoding), dialect.skip, None), ordinary)
    try:
        widths = Counter(len(row) for row in rows if row)
    except csv.Error:
        return None
    least, widest = min(widths), max(widths)
    num_wide = widths.total() - widths[least]
    if widths[least] < num_wide or num_wide < 2 or least < 2:
        return None
    note = f"{num_wide:,} rows have up to {widest} cells, the others {least}: what is missing is empty"
    names = name_columns([""] * widest)
    return replace(ordinary, names=names, least=least, notes=(*dialect.notes, ORDINARY, note))


def _look(file: Input, config: DataConfig) -> tuple[Encoding, Dialect]:
    encoding = find_encoding(file, config)
    text = head_text(file, encoding.name)
    usual = "\t" if file.suffix in (".tsv", ".tab", ".txt") else ","
    if file.suffix in (".txt", ""):
        usual = label_delimiter(text) or usual
    told, named = SEPARATOR_LINE.match(text), config.delimiter
    if told:  # a line that Excel reads and writes: which sign stands between cells
        text, named = text[told.end() :], named or told[1]
    dialect = find_dialect(text, usual, named, config.header, len(file.head) == HEAD_BYTES)
    dialect = replace(dialect, skip=int(told is not None))
    if len(dialect.names) > MAX_COLUMNS:
        raise DataError(
            f"there are {len(dialect.names):,} columns", where=file.name, allowed=f"At most {MAX_COLUMNS:,}"
        )
    return encoding, dialect


def _expected(dialect: Dialect) -> str:
    width = len(dialect.names)
    return f"Expected {width} cell{'s' * (width != 1)} with {shown(dialect.delimiter)} between them"


def _rows(
    file: Input, encoding: Encoding, dialect: Dialect, batch_rows: int, problems: Problems
) -> Iterator[Table]:
    """Yield tables of the good rows; the bad ones go to `problems`."""
    reader = open_rows(islice(read_lines(file, encoding), dialect.skip, None), dialect)
    width, above = len(dialect.names), dialect.title + dialect.header
    rows: list[list[str]] = []
    lines: list[int] = []
    offset, line = 0, 1 + dialect.skip
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            problems.add(line, _explain(error))
            row = []
        is_full = len(rows) == batch_rows or row is None
        if is_full and rows:
            if dialect.quoting == ORDINARY and look_quoted(rows):
                problems.add(lines[0], "cells are quoted")
            yield Table(
                _columns(rows, dialect.names),
                file.name,
                pa.array(lines, pa.int64()),
                tells_missing=False,
                offset=offset,
            )
            offset += len(rows)
            rows, lines = [], []
        if row is None:
            return
        is_blank = not row or (width > 1 and len(row) == 1 and not row[0].strip())
        if not is_blank and above:
            above -= 1
        elif not is_blank and (len(row) < (dialect.least or width) or any(row[width:])):
            problems.add(line, f"{len(row)} cells" if len(row) > 1 else "one cell")
        elif not is_blank:
            rows.append(row[:width] + [""] * (width - len(row)))
            lines.append(line)
        line = reader.line_num + 1 + dialect.skip


def _columns(rows: list[list[str]], names: tuple[str, ...]) -> pa.Table:
    cells = zip(*rows, strict=True)
    arrays = [pa.array([cell or None for cell in column], pa.string()) for column in cells]
    return pa.table(dict(zip(names, arrays, strict=True)))


def _explain(error: csv.Error) -> str:
    if "unexpected end" in str(error):
        return "a quote opens here and is never closed"
    if "expected after" in str(error):
        return "text follows a closing quote (a quote inside a quoted cell is written twice)"
    return str(error)
