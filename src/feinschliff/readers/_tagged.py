"""Tags without `tokens`: for each word of a text, or of a list of words under another name.

"Ulm ist alt." with `["B-LOC", "O", "O"]`, or `{"words": ["Ulm", "ist"], "ner": ["B-LOC", "O"]}`. Lists may
be written as text, as in CSV files.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pyarrow as pa

from feinschliff.config import DataConfig
from feinschliff.errors import counted
from feinschliff.readers._json import TEXT_KEYS
from feinschliff.readers._lists import may_be_lists, read_list
from feinschliff.readers._problems import Problems
from feinschliff.readers._rows import without_surrogates
from feinschliff.readers._table import Table
from feinschliff.readers._tags import is_tag

_PART = re.compile(r"""[^\s,'"\[\]]+""")
_STRINGS = pa.list_(pa.string())
_WORDS = re.compile(r"(?i)(^|_)(tokens?|words?|sentence|text)$")
_OTHERS = re.compile(r"(?i)(^|_)(pos|upos|xpos|chunk|lemma|dep|head|feat)s?($|_)")
_ID = re.compile(r"(?i)(^|[ _-])(id|idx|index|key|uuid|guid)$")
_SAMPLE_ROWS = 1000


def with_tokens(table: Table, config: DataConfig) -> tuple[Table, str, str | None]:
    """Return (table, column of texts, column of tags) with `tokens`: the words, each with its tag.

    The words are a list as long as that of the tags in each row, or else those of the text. Any other table
    comes back as it is, without a column of tags.

    Raises:
        DataError: there are not as many tags as words.
    """
    columns = table.columns
    names = [n for n in columns.column_names if config.label in (None, n)]
    has_tokens = "tokens" in columns.column_names and not pa.types.is_string(columns["tokens"].type)
    tags = None if has_tokens else next((n for n in names if _are_tags(columns[n])), None)
    text = _text_column(columns, config, tags)
    if tags is not None and (words := _find_words(columns, tags, text)):
        return _with_lists(table, words, tags), text or "text", tags
    if tags is None or text is None or "tokens" in columns.column_names:
        return table, "text", None
    problems = Problems(table.name, "row" if table.lines is None else "line")
    split = [(cell or "").split() for cell in columns[text].to_pylist()]
    found = [_parts(cell) for cell in columns[tags].to_pylist()]
    for row, (these, those) in enumerate(zip(split, found, strict=True)):
        if those is not None and len(these) != len(those):
            number = table.offset + row + 1 if table.lines is None else table.lines[row].as_py()
            problems.add(number, f"{counted(len(those), 'tag')} but {counted(len(these), 'word')}")
    problems.raise_if_any(
        allowed=f"Each word of '{text}', which ends with a blank, needs one tag in '{tags}'",
        hint='Or write the words as lists, too: {"tokens": ["Ulm", "."], "tags": ["B-LOC", "O"]}',
    )
    columns = columns.set_column(columns.column_names.index(tags), tags, pa.array(found, _STRINGS))
    return replace(table, columns=columns.append_column("tokens", pa.array(split, _STRINGS))), text, tags


def _find_words(columns: pa.Table, tags: str, text: str | None) -> str | None:
    """Return the column of lists of words, as many in each row as tags, by its name or the only one."""
    lengths = [None if cell is None else len(_parts(cell) or []) for cell in columns[tags].to_pylist()]
    found = [n for n in columns.column_names if n != tags and not _OTHERS.search(n)]
    found = [n for n in found if _have_lengths(columns[n], lengths)]
    named = [n for n in found if _WORDS.search(n)]
    if named or text is not None:
        return next(iter(named), None)
    return found[0] if len(found) == 1 else None


def _have_lengths(cells: pa.ChunkedArray, lengths: list[int | None]) -> bool:
    """Return whether a column holds lists of strings, so many in each row; None fits any."""
    if not (_is_strings(cells.type) or may_be_lists(cells)):
        return False
    lists = map(_words, cells.to_pylist())
    return all(n is None or (w is not None and len(w) == n) for w, n in zip(lists, lengths, strict=True))


def _with_lists(table: Table, words: str, tags: str) -> Table:
    """Return a table with the words as the lists `tokens`, and lists of tags."""
    columns = table.columns
    for name, called, read in ((words, "tokens", _words), (tags, tags, _parts)):
        lists = pa.array([read(cell) for cell in columns[name].to_pylist()], _STRINGS)
        columns = columns.set_column(columns.column_names.index(name), called, lists)
    return replace(table, columns=columns)


def _words(cell: Any) -> list[str] | None:
    """Return the list of words in a cell, which may be written as text; None where it holds none."""
    words = read_list(cell) if isinstance(cell, str) else cell
    if words is None or not all(word is None or isinstance(word, str) for word in words):
        return None
    return [without_surrogates(word or "") for word in words]


def _is_strings(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) and pa.types.is_string(kind.value_type)


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
    """Return the column named as the text, by the user or by its usual name, or the only one of strings.

    What is named as an identifier, or holds lists, is no text.
    """
    strings = [f.name for f in columns.schema if pa.types.is_string(f.type) and f.name != tags]
    wanted = [config.text] if config.text else TEXT_KEYS
    named = next((n for key in wanted for n in strings if key in (n, n.casefold())), None)
    rest = [n for n in strings if not _ID.search(n) and not may_be_lists(columns[n])]
    return named or (rest[0] if len(rest) == 1 and not config.text else None)
