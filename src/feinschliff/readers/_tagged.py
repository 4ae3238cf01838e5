"""Texts with a tag for each word, without tokens: "Ulm ist alt." with `["B-LOC", "O", "O"]`."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pyarrow as pa

from feinschliff.config import DataConfig
from feinschliff.errors import counted
from feinschliff.readers._json import TEXT_KEYS
from feinschliff.readers._problems import Problems
from feinschliff.readers._table import Table
from feinschliff.readers._tags import is_tag

_PART = re.compile(r"""[^\s,'"\[\]]+""")
_SAMPLE_ROWS = 1000


def with_tokens(table: Table, config: DataConfig) -> tuple[Table, str, str | None]:
    """Return (table, column of texts, column of tags) with `tokens`: the words, each with its tag.

    Any other table comes back as it is, without a column of tags.

    Raises:
        DataError: there are not as many tags as words.
    """
    columns = table.columns
    names = [n for n in columns.column_names if config.label in (None, n)]
    tags = next((n for n in names if "tokens" not in columns.column_names and _are_tags(columns[n])), None)
    text = _text_column(columns, config, tags)
    if tags is None or text is None:
        return table, "text", None
    problems = Problems(table.name, "row" if table.lines is None else "line")
    words = [(cell or "").split() for cell in columns[text].to_pylist()]
    found = [_parts(cell) for cell in columns[tags].to_pylist()]
    for row, (these, those) in enumerate(zip(words, found, strict=True)):
        if those is not None and len(these) != len(those):
            number = table.offset + row + 1 if table.lines is None else table.lines[row].as_py()
            problems.add(number, f"{counted(len(those), 'tag')} but {counted(len(these), 'word')}")
    problems.raise_if_any(
        allowed=f"Each word of '{text}', which ends with a blank, needs one tag in '{tags}'",
        hint='Or write the words as lists, too: {"tokens": ["Ulm", "."], "tags": ["B-LOC", "O"]}',
    )
    strings = pa.list_(pa.string())
    columns = columns.set_column(columns.column_names.index(tags), tags, pa.array(found, strings))
    return replace(table, columns=columns.append_column("tokens", pa.array(words, strings))), text, tags


def _are_tags(column: pa.ChunkedArray) -> bool:
    """Return whether the cells are lists of tags, some of them outside entities and some not."""
    kind = column.type.value_type if pa.types.is_list(column.type) else column.type
    if not pa.types.is_string(kind):
        return False
    tags: set[str] = set()
    for cell in column.slice(0, _SAMPLE_ROWS).drop_null().to_pylist():
        parts = _parts(cell) or []
        if not all(map(is_tag, parts)):
            return False
        tags.update(parts)
    return bool(tags & {"O", "o"}) and any(tag[1:2] in ("-", "_") for tag in tags)


def _parts(cell: Any) -> list[str] | None:
    """Return the tags in a cell, which may be a list as text.

    >>> _parts("['O', 'B-LOC']"), _parts("O B-LOC"), _parts(["O", None])
    (['O', 'B-LOC'], ['O', 'B-LOC'], ['O', 'O'])
    """
    if cell is None:
        return None
    return _PART.findall(cell) if isinstance(cell, str) else [tag or "O" for tag in cell]


def _text_column(columns: pa.Table, config: DataConfig, tags: str | None) -> str | None:
    """Return the column named as the text, by the user or by its usual name, or the only one of strings."""
    strings = [f.name for f in columns.schema if pa.types.is_string(f.type) and f.name != tags]
    wanted = [config.text] if config.text else TEXT_KEYS
    named = next((n for key in wanted for n in strings if key in (n, n.casefold())), None)
    return named or (strings[0] if len(strings) == 1 and not config.text else None)
