"""CoNLL: one token per line, columns between tabs or spaces, a blank line after each sentence.

The first column is the token and the last one of tags its tag, unless the first holds tags; in files whose
first column counts the tokens of a sentence (GermEval, CoNLL-U) the second is the token and the first column
of tags is taken.
`data.tag_column` names another; a first row may name the columns. `-DOCSTART-` lines divide documents, which
become the column `document`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from feinschliff.config import DataConfig
from feinschliff.errors import DataError, no_such
from feinschliff.readers._encoding import find_encoding, head_text, read_lines
from feinschliff.readers._gather import gather
from feinschliff.readers._input import open_input
from feinschliff.readers._problems import Problems
from feinschliff.readers._rows import to_tables
from feinschliff.readers._spans import with_spans
from feinschliff.readers._table import Table
from feinschliff.readers._tags import is_tag

SUFFIXES = (".conll", ".bio", ".iob", ".iob2", ".conll2003", ".txt", ".tsv")
DESCRIPTION = "CoNLL: one token and its tag per line; IOB1, IOB2, BIOES and BILOU are found."
_DOCUMENT = "-DOCSTART-"
_BLANKS = re.compile(r"[ \t]+")
_SAMPLE_LINES = 500
_LONGEST = 500
"""Tokens of the only sentence of a file, beyond which it is taken for many without borders."""
_FIRST_NAME = re.compile(r"(?i)(token|word|wort|form|id|index|idx)s?")
_HIPE = "NE-COARSE-LIT"
"""The column of HIPE's files that the others of tags only refine."""
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z]+)*:")
_LAST_TOKEN = "EndOfSentence"
"""What the last column of HIPE's files says instead of a blank line."""


@dataclass(frozen=True)
class _Layout:
    """Which column is what.

    Attributes:
        separator: `\\t`, or a space for runs of blanks.
        width: Columns of each line.
        header: The row that names the columns, where there is one.
    """

    separator: str
    width: int
    token: int
    tag: int
    header: tuple[str, ...] = ()

    def split(self, line: str) -> list[str]:
        return line.split("\t") if self.separator == "\t" else _BLANKS.split(line.strip(" \t"))

    def is_comment(self, row: list[str]) -> bool:
        return row[0].split(" ")[0] == "#" and (len(row) != self.width or not is_tag(row[self.tag]))

    def named(self, column: str) -> _Layout:
        """Return the layout with the tags in another column: its number, from 1, or its name."""
        names = self.header or tuple(str(i + 1) for i in range(self.width))
        if column in names:
            return replace(self, tag=names.index(column))
        if column.isdecimal() and 0 < int(column) <= self.width:
            return replace(self, tag=int(column) - 1)
        raise no_such("column", column, names, where="data.tag_column")


def sniff(text: str, suffix: str) -> float:
    """Return how much the beginning of a file looks like this format, 0 to 1."""
    lines = text.split("\n")[:_SAMPLE_LINES]
    layout = _find_layout(lines)
    if layout is None:
        return 0.3 if suffix in SUFFIXES and suffix not in (".txt", ".tsv") else 0.0
    problems = Problems("")
    sentences = [row["tags"] for _, row in _sentences(iter(lines[:-1]), layout, problems)]
    tags = [tag for sentence in sentences for tag in sentence]
    num_tagged = sum(map(is_tag, tags))
    if num_tagged and num_tagged >= 0.95 * (len(tags) + problems.count):
        return 0.9
    without_prefixes = len(sentences) > 1 and not problems.count and tags.count("O") >= len(tags) / 2
    return 0.7 * without_prefixes


def read(source: Any, config: DataConfig) -> Table:
    """Read a file whole: columns `text`, `tokens`, `spans`, and `document` where the file has documents.

    Raises:
        ConfigError: there is no column of the name asked for.
        DataError: lines of another width; tags that the scheme does not allow.
    """
    file = open_input(source)
    encoding = find_encoding(file, config)
    layout = _find_layout(head_text(file, encoding.name).split("\n")[:_SAMPLE_LINES])
    if layout is None:
        raise DataError("no line has a token and a tag", where=file.name, allowed="Such as: Ulm B-LOC")
    layout = layout if config.tag_column is None else layout.named(str(config.tag_column))
    notes = encoding.notes
    if layout.width > 2:
        columns = f"tokens in column {layout.token + 1}, tags in column {layout.tag + 1} of {layout.width}"
        notes += (f"{columns} (data.tag_column)",)
    problems = Problems(file.name)
    sentences = _sentences(read_lines(file, encoding), layout, problems)
    table = gather(to_tables(sentences, file.name, notes=notes), file.name)
    problems.raise_if_any(allowed=f"Expected {layout.width} columns")
    if len(table):
        columns = table.columns
        if len(table) == 1 and len(columns["tokens"][0]) > _LONGEST:
            note = "no blank line stands between sentences: all of it is one text"
            table = replace(table, notes=(*table.notes, note))
        if columns["document"][-1].as_py() == 0:
            columns = columns.drop_columns(["document"])
        table = _without_language(replace(table, columns=columns))
        table = with_spans(table, config, one_line_per_token=True)
    return table


def _without_language(table: Table) -> Table:
    """Return a table without the language that stands before each token, as in `de:Ulm`."""
    cells = table.columns["tokens"].combine_chunks()
    prefix = _LANGUAGE.match(cells.flatten()[0].as_py())
    if prefix is None or not pc.all(pc.starts_with(cells.flatten(), prefix[0])).as_py():
        return table
    tokens = pc.utf8_slice_codeunits(cells.flatten(), len(prefix[0]))
    place = table.columns.column_names.index("tokens")
    columns = table.columns.set_column(place, "tokens", pa.ListArray.from_arrays(cells.offsets, tokens))
    note = f"'{prefix[0]}' before each token is taken off"
    return replace(table, columns=columns, notes=(*table.notes, note))


def _find_layout(lines: list[str]) -> _Layout | None:
    """Return the layout most lines have, or None when there is no tag column."""
    lines = [line for line in lines if _is_token(line) and not line.startswith("# ")]
    separator = "\t" if sum("\t" in line for line in lines) > len(lines) / 2 else " "
    rows = [_Layout(separator, 0, 0, 0).split(line) for line in lines]
    widths = [len(row) for row in rows]
    width = max(set(widths), key=widths.count, default=0)
    rows = [row for row in rows if len(row) == width]
    if width < 2:
        return None
    names = rows.pop(0) if len(rows) > 1 and _FIRST_NAME.fullmatch(rows[0][0]) else []
    cells = [[row[i] for row in rows] for i in range(width)]
    tags = [i for i in range(1, width) if sum(map(is_tag, cells[i])) >= 0.9 * len(rows)]
    tags = [i for i in tags if i == width - 1 or {"O", "o"} & set(cells[i])]  # B_neutral_A is none
    header = () if names and any(is_tag(names[i]) for i in tags) else tuple(names)
    token, tag = 0, tags[-1] if tags else width - 1
    if width > 2 and all(row[0].isdigit() for row in rows) and rows[0][0] in ("0", "1"):
        token, tag = 1, next((i for i in tags if i > 1), width - 1)
    elif all(map(is_tag, cells[0])) and ("O" in cells[0] if width > 2 else not tags):  # the tag comes first
        token, tag = next((i for i in range(1, width) if not all(map(str.isdigit, cells[i]))), 1), 0
    elif _HIPE in header:
        tag = header.index(_HIPE)
    return _Layout(separator, width, token, tag, header)


def _is_token(line: str) -> bool:
    return bool(line.strip(" \t\r\n")) and not line.startswith(_DOCUMENT)


def _sentences(
    lines: Iterator[str], layout: _Layout, problems: Problems
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line of the first token, row) of each sentence."""
    tokens: list[str] = []
    tags: list[str] = []
    begin, document = 0, 0
    for number, line in enumerate(lines, start=1):
        line = line.rstrip("\r\n")
        if line.startswith(_DOCUMENT):
            document += 1
        elif line.strip(" \t"):
            row = layout.split(line)
            if tuple(row) == layout.header or (not tokens and layout.is_comment(row)):
                continue
            if len(row) == layout.width:
                begin = begin or number
                tokens.append(row[layout.token])
                tags.append(row[layout.tag])
            elif not line.startswith("#"):
                problems.add(number, f"{len(row)} columns" if len(row) > 1 else "one column")
            if _LAST_TOKEN not in row[-1]:
                continue
        if tokens:
            yield begin, {"tokens": tokens, "tags": tags, "document": document}
            tokens, tags, begin = [], [], 0
    if tokens:
        yield begin, {"tokens": tokens, "tags": tags, "document": document}
