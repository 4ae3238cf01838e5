"""Excel workbooks: the sheet `data.sheet`, or the first that has rows; the cells keep their kinds."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import Any
from xml.etree.ElementTree import ParseError

from feinschliff.config import DataConfig
from feinschliff.errors import DataError, MissingExtraError, no_such
from feinschliff.readers._dialect import is_header, name_columns
from feinschliff.readers._gather import gather
from feinschliff.readers._input import open_input
from feinschliff.readers._problems import Problems
from feinschliff.readers._rows import MAX_COLUMNS, Row, to_tables
from feinschliff.readers._table import Table

SUFFIXES = (".xlsx", ".xlsm", ".xls")
DESCRIPTION = "Excel (`.xlsx`): `data.sheet`, or the first sheet with rows (extra `excel`)."
MAGIC = b"PK\x03\x04"
MAX_ROWS = 1 << 20
"""Of a sheet, by the format's own rule."""
MAX_BYTES = 1 << 31
"""A workbook that unpacks to more is refused."""
_SAMPLE_ROWS = 100
# What openpyxl lets through from the archive, the XML, and its own reading when a file is damaged.
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    ParseError,
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
)


def read(source: Any, config: DataConfig) -> Table:
    """Read a workbook; the places are row numbers of the sheet.

    Raises:
        ConfigError: there is no sheet of the name asked for.
        DataError: no workbook, an old `.xls`, or an encrypted one.
        MissingExtraError: openpyxl is not installed.
    """
    file = open_input(source)
    if file.head.startswith(b"\xd0\xcf\x11\xe0"):
        fact = "is an old or encrypted Excel file, which cannot be read"
        raise DataError(fact, where=file.name, hint="Save it as .xlsx without a password, or as CSV")
    try:
        import openpyxl
    except ImportError:
        raise MissingExtraError("reading Excel files", "excel") from None

    with file.local() as path:
        try:
            with zipfile.ZipFile(path) as archive:
                if not any(entry.filename.startswith("xl/") for entry in archive.infolist()):
                    hint = "Unpack it and name a file in it"
                    raise DataError("is a ZIP archive but no Excel workbook", where=file.name, hint=hint)
                if sum(entry.file_size for entry in archive.infolist()) > MAX_BYTES:
                    raise DataError("the workbook unpacks to more than 2 GiB", where=file.name)
            with path.open("rb") as stream:
                book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
                return _read_book(book, file.name, config)
        except _DAMAGED as error:
            fact = f"no readable Excel workbook ({type(error).__name__}: {str(error)[:200]})"
            raise DataError(fact, where=file.name, hint="Save it again, or save it as CSV") from None


def _read_book(book: Any, name: str, config: DataConfig) -> Table:
    titles = [sheet.title for sheet in book.worksheets]
    if config.sheet is not None and config.sheet not in titles:
        raise no_such("sheet", config.sheet, titles, where=f"{name}: data.sheet")
    for sheet in book.worksheets:
        if config.sheet not in (None, sheet.title):
            continue
        sheet.reset_dimensions()  # what the file says of its size may be wrong
        rows = (
            (number, _cells(row))
            for number, row in enumerate(sheet.iter_rows(max_row=MAX_ROWS, values_only=True), start=1)
        )
        filled = ((number, row) for number, row in rows if row)
        first = next(filled, None)
        if first is None:
            continue
        notes: tuple[str, ...] = ()
        if len(book.worksheets) > 1:
            others = ", ".join(f"'{title}'" for title in titles if title != sheet.title)
            notes = (f"sheet '{sheet.title}' is read; for another (data.sheet): {others}",)
            name = f"{name}[{sheet.title}]"  # so that every message says what was read
        problems = Problems(name, "row")
        table = gather(to_tables(_rows(first, filled, config, problems), name, notes=notes), name)
        problems.raise_if_any(hint="Give every column that has values a name in the first row")
        return replace(table, tells_missing=False)
    raise DataError("no sheet has rows" if config.sheet is None else "the sheet has no rows", where=name)


def _rows(
    first: tuple[int, list[Any]],
    rest: Iterator[tuple[int, list[Any]]],
    config: DataConfig,
    problems: Problems,
) -> Iterator[tuple[int, Row]]:
    """Yield (row number, row); the first row names the columns, unless it holds values."""
    sample = list(islice(rest, _SAMPLE_ROWS))
    texts = [[_text(cell) for cell in row] for _, row in [first, *sample]]
    rest = chain(sample, rest)
    if (config.header is not None and config.header) or (
        config.header is None and is_header(texts[0], texts[1:])
    ):
        names = name_columns(texts[0])
    else:
        names = name_columns([""] * len(texts[0]))
        rest = chain([first], rest)
    if len(names) > MAX_COLUMNS:
        raise DataError(
            f"there are {len(names):,} columns", where=problems.name, allowed=f"At most {MAX_COLUMNS:,}"
        )
    for number, cells in rest:
        if len(cells) > len(names):
            problems.add(number, f"{len(cells)} cells under {len(names)} names")
            continue
        yield number, dict(zip(names, [*cells, *[None] * (len(names) - len(cells))], strict=True))


def _cells(row: Sequence[Any]) -> list[Any]:
    """Return the cells up to the last filled one."""
    cells = list(row)
    while cells and (cells[-1] is None or cells[-1] == ""):
        cells.pop()
    return cells


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell)
