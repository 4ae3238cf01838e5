"""Tables of entities with a word in each row: `Sentence #,Word,POS,Tag`, as they are shared on Kaggle.

A sentence begins where the cell of its number is filled and differs from the one before; the number may
stand in each row of it, or in the first only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import pyarrow as pa

from feinschliff.config import DataConfig
from feinschliff.errors import DataError
from feinschliff.readers import csv
from feinschliff.readers._dialect import find_dialect, open_rows
from feinschliff.readers._gather import gather
from feinschliff.readers._input import open_input
from feinschliff.readers._rows import Row, to_tables
from feinschliff.readers._table import Table
from feinschliff.readers._tags import is_tag

SUFFIXES = (".csv", ".tsv", ".tab")
DESCRIPTION = "CSV of entities: a word and its tag in each row, and the number of its sentence."
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
    tag = dialect.names.index(roles[2])
    lines = text.splitlines(keepends=True)[1 : _SAMPLE_ROWS + 1]
    rows = [row for row in islice(open_rows(lines[:-1] or lines, dialect), _SAMPLE_ROWS) if row]
    tagged = [row for row in rows if len(row) > tag and is_tag(row[tag].strip())]
    return 0.9 if rows and len(tagged) >= 0.95 * len(rows) else 0.0


def read(source: Any, config: DataConfig) -> Table:
    """Read a file whole: columns `tokens` and `tags`.

    Raises:
        DataError: what `csv` refuses; no columns of sentences, words and tags.
    """
    file = open_input(source)
    table = csv.read(file, config)
    roles = _roles(table.columns.column_names)
    if roles is None:
        raise DataError(
            "there are no columns of sentences, words and tags",
            where=file.name,
            allowed="Such as: Sentence #, Word, Tag",
        )
    words = gather(to_tables(_sentences(table, roles), file.name), file.name)
    return replace(words, notes=table.notes)


def _roles(names: Sequence[str]) -> tuple[str, str, str] | None:
    """Return the columns of (sentence, word, tag), the last that could be the tag, or None."""
    found = [[n for n in names if role.fullmatch(n.strip())] for role in (_SENTENCE, _WORD, _TAG)]
    return (found[0][0], found[1][0], found[2][-1]) if all(found) else None


def _sentences(table: Table, roles: tuple[str, str, str]) -> Iterator[tuple[int, Row]]:
    """Yield (line of the first word, row) of each sentence; rows without a word are passed over."""
    tokens: list[str] = []
    tags: list[str] = []
    begin, current = 0, None
    lines = table.lines if table.lines is not None else pa.array(range(1, len(table) + 1))
    cells = (table.columns[name].to_pylist() for name in roles)
    for line, number, word, tag in zip(lines.to_pylist(), *cells, strict=True):
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
