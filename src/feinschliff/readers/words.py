"""Tables of entities with a word in each row: `Sentence #,Word,POS,Tag`, as they are shared on Kaggle.

A sentence begins where the cell of its number is filled and differs from the one before; the number may
stand in each row of it, or in the first only. Without such a column, blank lines stand between sentences.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from csv import Error
from dataclasses import replace
from typing import Any

import pyarrow as pa

from feinschliff.config import DataConfig
from feinschliff.errors import DataError
from feinschliff.readers import csv
from feinschliff.readers._dialect import ORDINARY, Dialect, find_dialect, open_rows
from feinschliff.readers._encoding import find_encoding, head_text, read_lines
from feinschliff.readers._gather import gather
from feinschliff.readers._input import Input, open_input
from feinschliff.readers._rows import Row, to_tables
from feinschliff.readers._table import Table
from feinschliff.readers._tags import is_tag

SUFFIXES = (".csv", ".tsv", ".tab")
DESCRIPTION = "CSV of entities: a word and its tag in each row, sentences by number or blank lines."
_SENTENCE = re.compile(r"(sentence|sent|satz)([ _-]?(#|id|no|num|number|nr|idx|index))?", re.IGNORECASE)
_WORD = re.compile(r"words?|tokens?|wort", re.IGNORECASE)
_TAG = re.compile(r"tags?|ner([ _-]?tags?)?|labels?|entity|bio", re.IGNORECASE)
_SAMPLE_ROWS = 200


def sniff(text: str, suffix: str) -> float:
    """Return how much the beginning of a file looks like this format, 0 to 1."""
    header = text.partition("\n")[0].strip()
    if suffix not in SUFFIXES or len(header) > 200 or not re.search(r"(?i)word|token|wort", header):
        return 0.0
    dialect = find_dialect(text, "," if suffix == ".csv" else "\t", None, None, is_cut=True)
    roles = _roles(dialect.names)
    if roles is None or not dialect.header:
        return 0.0
    word, tag = (dialect.names.index(name) for name in roles[1:])
    rows = _sample(text.splitlines(keepends=True)[1 : _SAMPLE_ROWS + 1], dialect)
    if not rows or sum(len(row) > tag and is_tag(row[tag].strip()) for row in rows) < 0.95 * len(rows):
        return 0.0
    if roles[0] is not None:
        return 0.9
    tags = {row[tag].strip() for row in rows if len(row) > tag}
    are_words = all(len(row[word].split()) < 2 for row in rows if len(row) > word)
    return 0.85 * (are_words and "O" in tags and len(tags) > 1)


def read(source: Any, config: DataConfig) -> Table:
    """Read a file whole: columns `tokens` and `tags`.

    Raises:
        DataError: what `csv` refuses; no columns of words and tags; nothing that divides the sentences.
    """
    file = open_input(source)
    table = csv.read(file, config)
    roles = _roles(table.columns.column_names)
    if roles is None:
        raise DataError(
            "there are no columns of words and tags",
            where=file.name,
            allowed="Such as: Sentence #, Word, Tag",
        )
    if any("\n" in word for word in table.columns[roles[1]].drop_null().to_pylist()):
        table = _unquoted(file, config)  # a sign for inches, say, that opened a quote
    words = gather(to_tables(_sentences(table, roles), file.name), file.name)
    if roles[0] is None and len(words) == 1 < len(table):
        raise DataError(
            "each row is one word, and no column numbers the sentences",
            where=file.name,
            allowed="Such as: Sentence #, Word, Tag",
            hint="Add a column 'Sentence #', or a blank line after each sentence",
        )
    return replace(words, notes=table.notes)


def _roles(names: Sequence[str]) -> tuple[str | None, str, str] | None:
    """Return the columns of (sentence, word, tag), the last that could be the tag, or None.

    There may be no column of sentences.
    """
    found = [[n for n in names if role.fullmatch(n.strip())] for role in (_SENTENCE, _WORD, _TAG)]
    return (next(iter(found[0]), None), found[1][0], found[2][-1]) if all(found[1:]) else None


def _sample(lines: list[str], dialect: Dialect) -> list[list[str]]:
    """Return the rows of some lines; quotes that do not close among them are ordinary characters."""
    lines = lines[:-1] or lines
    try:
        return [row for row in open_rows(lines, dialect) if any(row)]
    except Error:
        return [row for row in open_rows(lines, replace(dialect, quoting=ORDINARY)) if any(row)]


def _unquoted(file: Input, config: DataConfig) -> Table:
    """Read a file again, with its quotes as ordinary characters."""
    encoding = find_encoding(file, config)
    usual = "," if file.suffix == ".csv" else "\t"
    dialect = find_dialect(
        head_text(file, encoding.name), usual, config.delimiter, config.header, is_cut=True
    )
    rows = open_rows(read_lines(file, encoding), replace(dialect, quoting=ORDINARY))
    cells = (
        (line, dict(zip(dialect.names, (cell or None for cell in row), strict=False)))
        for line, row in enumerate(rows, start=1)
        if row and line > dialect.header
    )
    return gather(to_tables(cells, file.name, notes=(*encoding.notes, ORDINARY)), file.name)


def _sentences(table: Table, roles: tuple[str | None, str, str]) -> Iterator[tuple[int, Row]]:
    """Yield (line of the first word, row) of each sentence; rows without a word are passed over."""
    tokens: list[str] = []
    tags: list[str] = []
    begin, current = 0, None
    lines = table.lines if table.lines is not None else pa.array(range(1, len(table) + 1))
    words, tagged = (table.columns[name].to_pylist() for name in roles[1:])
    numbers = table.columns[roles[0]].to_pylist() if roles[0] else _count_blanks(lines, words)
    for line, number, word, tag in zip(lines.to_pylist(), numbers, words, tagged, strict=True):
        if number is not None and number != current:
            if tokens:
                yield begin, {"tokens": tokens, "tags": tags}
            tokens, tags, current = [], [], number
        if word is not None:
            begin = begin if tokens else line
            tokens.append(word.strip())
            tags.append((tag or "O").strip())
    if tokens:
        yield begin, {"tokens": tokens, "tags": tags}


def _count_blanks(lines: pa.Array, words: Sequence[str | None]) -> Iterator[int]:
    """Yield for each row how many blank lines, or rows without a word, stand above it."""
    before, count = 0, 0
    for line, word in zip(lines.to_pylist(), words, strict=True):
        count += (line > before + 1 > 1) or word is None
        yield count
        before = line
