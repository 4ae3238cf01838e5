"""How a table of text cells is written: delimiter, quoting, header, found from its beginning."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from feinschliff.errors import ConfigError

DELIMITERS = (",", "\t", ";", "|")
SAMPLE_ROWS = 200
MAX_CELL_CHARACTERS = 1 << 26
_SENTENCE = re.compile(r"^.{60}|\s.*[.!]$")
_NAME = re.compile(r"\w[\w.\-]*( [\w.\-]+){0,2}")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")
_SINGLE_QUOTED = re.compile(r"(^|[,;|\t])'([^'\n]|'')+'([,;|\t\r]|$)", re.MULTILINE)
NO_DELIMITER = "\x1f"
"""Stands between cells where there is only one."""
BACKSLASH = "quotes after a backslash"
STANDARD = "quotes doubled"
ORDINARY = "quotes as ordinary characters"
SINGLE = "single quotes"
QUOTINGS: dict[str, dict[str, Any]] = {
    STANDARD: {"doublequote": True},
    BACKSLASH: {"doublequote": False, "escapechar": "\\"},
    "quotes after a space": {"doublequote": True, "skipinitialspace": True},
    ORDINARY: {"quoting": csv.QUOTE_NONE},
    SINGLE: {"doublequote": True, "quotechar": "'"},
}
"""Ways of quoting, the standard first; tried in this order until a file fits."""


@dataclass(frozen=True)
class Dialect:
    """How the cells of a file are separated and quoted.

    Attributes:
        delimiter: One character.
        quoting: A key of QUOTINGS.
        header: Whether the first row names the columns.
        names: The columns' names.
        title: Whether a row with a title stands above all others.
        skip: Lines before the first row.
        least: Cells of the shortest row where the last ones may be missing, otherwise 0.
    """

    delimiter: str
    quoting: str = STANDARD
    header: bool = True
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)
    title: bool = False
    skip: int = 0
    least: int = 0

    @property
    def options(self) -> dict[str, Any]:
        """Arguments for `csv.reader`."""
        return {"delimiter": self.delimiter, "strict": True, **QUOTINGS[self.quoting]}


def find_dialect(text: str, usual: str, named: str | None, header: bool | None, is_cut: bool) -> Dialect:
    """Return the dialect of a file that begins with `text`.

    Args:
        usual: The delimiter the file's suffix stands for; any other is noted.
        named: `data.delimiter`.
        header: `data.header`.
        is_cut: The file goes on after `text`, whose last line may be incomplete.

    Raises:
        ConfigError: the named delimiter is not one character.
    """
    if named is not None:
        named = {"\\t": "\t", "tab": "\t"}.get(named, named)
        if len(named) != 1 or named in '"\r\n\0':
            raise ConfigError(
                f"'{named}' is not one character", where="data.delimiter", allowed="Such as ; or tab"
            )
    if is_cut:
        text = text[: text.rfind("\n") + 1] or text
    choices = [named] if named else list(dict.fromkeys((usual, *DELIMITERS)))
    samples = list(_samples(text, choices, is_cut))
    delimiter, quoting, rows = max(samples, key=lambda sample: _fit(sample[2]), default=(usual, STANDARD, []))
    notes = []
    if quoting != SINGLE and look_quoted(rows, "'"):
        single = next((s for s in samples if s[:2] == (delimiter, SINGLE) and _fit(s[2]) >= _fit(rows)), None)
        if single is not None:
            _, quoting, rows = single
            notes.append(quoting)
    if _fit(rows) == 0 and not named:
        delimiter, quoting, rows = _best_of_bad(text, choices, samples, is_cut)
    elif not named and delimiter != usual:
        notes.append(f"delimiter {shown(delimiter)}")
    has_title = header is None and _has_title(rows)
    if has_title:
        notes.append("the first line is a title and is passed over")
        rows = rows[1:]
    first = rows[0] if rows else []
    has_header = is_header(first, rows[1:]) if header is None else header
    if not has_header and header is None:
        notes.append("no header line, the columns are called column_1, column_2, ...")
    names = name_columns(first) if has_header else name_columns([""] * len(first))
    for cell, name in zip(map(str.strip, first), names, strict=True):
        if has_header and cell not in ("", name):
            notes.append(f"a second column is called '{cell}' and is read as '{name}'")
    return Dialect(delimiter, quoting, has_header, names, tuple(notes), has_title)


def fits_delimiter(text: str, delimiters: Iterable[str], names: bool) -> bool:
    """Return whether a delimiter splits nearly all of at least three lines into equally many cells.

    Args:
        names: The first row must look like names.
    """
    rows = max((rows for _, _, rows in _samples(text, delimiters, is_cut=True)), key=_fit, default=[])
    if len(rows) < 3 or _fit(rows) < 0.95:
        return False
    return not names or (is_header(rows[0], rows[1:]) and all(_NAME.fullmatch(cell) for cell in rows[0]))


def label_delimiter(text: str) -> str | None:
    """Return the sign that splits nearly all of at least ten lines into a text and one of few labels."""
    for delimiter, _, rows in _samples(text, ("\t", ";", "|"), is_cut=True):
        pairs = [row for row in rows if len(row) == 2]
        if len(rows) < 10 or len(pairs) < 0.95 * len(rows):
            continue
        sides = [{cell.strip() for cell in side} for side in zip(*pairs, strict=True)]
        few = [side for side in sides if 1 < len(side) <= len(pairs) / 5]
        if any(all(map(_NAME.fullmatch, side)) for side in few):
            return delimiter
    return None


def shown(delimiter: str) -> str:
    """Return a delimiter as a reader of messages knows it."""
    return "tab" if delimiter == "\t" else f"'{delimiter}'"


def is_header(first: Sequence[str], rest: Sequence[Sequence[str]]) -> bool:
    """Return whether the first row names the columns.

    It does not when a cell of it is a number, long, a sentence, or also a value further down its column. A
    row of the numbers 0, 1, 2 (written by data frames without names) and a repeated header do.

    >>> is_header(["label", "text"], [["ham", "Hello"]]), is_header(["ham", "Hi"], [["ham", "Hello"]])
    (True, False)
    """
    cells = [cell.strip() for cell in first]
    if [cell for cell in cells if cell] == [str(n) for n in range(len(cells) - cells.count(""))]:
        return True
    if any(_NUMBER.fullmatch(cell) or _SENTENCE.search(cell) or len(cell.split()) > 8 for cell in cells):
        return False
    rest = [row for row in rest if len(row) == len(first) and list(row) != list(first)]
    return not any(cell and cell in {row[i].strip() for row in rest} for i, cell in enumerate(cells))


def name_columns(cells: Sequence[str]) -> tuple[str, ...]:
    """Return names for columns: trimmed, none empty, none twice.

    >>> name_columns(["text ", "", "text"])
    ('text', 'column_2', 'text_3')
    """
    names: dict[str, None] = {}
    for number, cell in enumerate(cells, start=1):
        name = cell.strip() or f"column_{number}"
        while name in names:
            name = f"{name}_{number}"
        names[name] = None
    return tuple(names)


def possible_quotings(text: str) -> list[str]:
    """Return the ways of quoting worth trying: those whose signs occur where they mean something."""
    is_absent = {BACKSLASH: '\\"' not in text, SINGLE: not _SINGLE_QUOTED.search(text)}
    return [quoting for quoting in QUOTINGS if not is_absent.get(quoting)]


def open_rows(lines: Iterable[str], dialect: Dialect) -> Any:
    """Return a `csv.reader` that takes cells as long as a line may be."""
    csv.field_size_limit(max(csv.field_size_limit(), MAX_CELL_CHARACTERS))
    return csv.reader(lines, **dialect.options)


def look_quoted(rows: Iterable[Sequence[str]], quote: str = '"') -> bool:
    """Return whether cells read with quotes as ordinary characters show that the quotes were quoting."""
    num_rows = num_wrapped = 0
    for row in rows:
        num_rows += 1
        wrapped = [cell for cell in row if len(cell) > 1 and cell[0] == cell[-1] == quote]
        num_wrapped += bool(wrapped)
        if any(2 * quote in cell[1:-1] for cell in wrapped):
            return True
    return num_wrapped > num_rows / 10


_Sample = tuple[str, str, list[list[str]]]


def _samples(text: str, delimiters: Iterable[str], is_cut: bool) -> Iterator[_Sample]:
    """Yield (delimiter, quoting, rows) for every way to read the beginning that gives no error."""
    for delimiter in delimiters:
        for quoting in possible_quotings(text):
            reader = open_rows(io.StringIO(text, newline=""), Dialect(delimiter, quoting))
            rows: list[list[str]] = []
            try:
                for row in islice(reader, SAMPLE_ROWS):
                    rows += [row] if row else []
            except csv.Error as error:
                if not (is_cut and rows and "unexpected end" in str(error)):
                    continue
            if quoting != ORDINARY or not look_quoted(rows):
                yield delimiter, quoting, rows


def _best_of_bad(text: str, choices: Sequence[str], samples: Iterable[_Sample], is_cut: bool) -> _Sample:
    """Return how to read a file that no delimiter fits: by its first line, or as one column."""
    for delimiter in choices:
        first = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
        if len(first) > 1:
            return delimiter, STANDARD, [first]
    for delimiter, quoting, rows in samples:
        if all(len(row) == 1 for row in rows):
            return delimiter, quoting, rows
    return next(_samples(text, [NO_DELIMITER], is_cut), (choices[0], STANDARD, []))


def _has_title(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the first row is words in its first cell, nothing else, and the second names columns."""
    if len(rows) < 3 or len(rows[0]) < 3 or len(rows[0][0].split()) < 2:
        return False
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows[:2]]
    return filled == [1, len(rows[0])] and is_header(rows[1], rows[2:])


def _fit(rows: Sequence[Sequence[str]]) -> float:
    """Return the share of rows as wide as the first, 0 when it is small or the first is a single cell."""
    if not rows or len(rows[0]) < 2:
        return 0.0
    share = sum(len(row) == len(rows[0]) for row in rows) / len(rows)
    return share if share > 0.5 else 0.0
