"""JSON values with their lines, and messages for what is not JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from feinschliff.errors import DataError
from feinschliff.readers._encoding import Encoding, read_lines, read_text
from feinschliff.readers._input import Input
from feinschliff.readers._problems import Problems
from feinschliff.readers._rows import Row
from feinschliff.readers._splits import COLUMN, are_splits, split_of

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()
_LIST_OF_OBJECTS = re.compile(r"\[[ \t\r\n]*\{")
TEXT_KEYS = ("text", "sentence", "content", "document")
_FIRST_IS_TEXT = re.compile(r'\[\s*(?:null\s*,\s*)*"')
_LINE = re.compile(r"[^\r\n]*\}[ \t]*\r?\n[ \t\r\n]*\{")
"""An object in one line, and the beginning of another below it."""
_BROKEN = (ValueError, RecursionError)


def json_lines(file: Input, encoding: Encoding) -> Iterator[tuple[int, Row]]:
    """Yield (line, object) of a JSON Lines file; blank lines are passed over, lines may hold several objects.

    Raises:
        DataError: lines that are no JSON objects, all at once at the end.
    """
    problems = Problems(file.name)
    for number, line in enumerate(read_lines(file, encoding), start=1):
        if line.isspace():
            continue
        begin = position = _skip(line, 0)
        while position < len(line):
            try:
                if position > begin and line[position] != "{":
                    raise json.JSONDecodeError("Extra data", line, position)
                value, position = _DECODER.raw_decode(line, position)
            except _BROKEN as error:
                problems.add(number, explain(error))
                break
            if (row := as_row(value)) is not None:
                yield number, row
            else:
                problems.add(number, f"{kind(value)} where an object is expected")
            position = _skip(line, position)
    problems.raise_if_any(allowed='Each line must be an object such as {"text": "...", "label": "..."}')


def json_rows(file: Input, encoding: Encoding) -> Iterator[tuple[int, Row]]:
    """Yield (line, object) of a JSON file: a list of objects, or an object that holds such a list or columns.

    Where an object holds a list for each split, each row says in the column `split` which one it is of.

    Raises:
        DataError: no JSON; nothing in it that is rows.
    """
    text = read_text(file, encoding)
    begin = _skip(text, 0)
    if text.startswith("[", begin):
        yield from _list_rows(text, begin, file.name)
        return
    tree, end = _decode(text, begin, file.name)
    if (after := _skip(text, end)) < len(text):
        if isinstance(tree, dict) and text.startswith("{", after):  # JSON Lines under another name
            are_lines = "\n" not in text[begin:end]
            yield from json_lines(file, encoding) if are_lines else _stacked_rows(text, begin, file.name)
            return
        raise _error("more text follows the end of the JSON value", text, after, file.name)
    if not isinstance(tree, dict):
        raise DataError(f"the file holds {kind(tree)}, not a list of rows", where=file.name)
    lists = _of_texts({key: value for key, value in tree.items() if _is_rows(value)})
    if len(lists) == 1 and not _is_text_row(tree):
        yield from _list_rows(text, _find_value(text, begin, lists[0], file.name), file.name)
    elif _is_text_row(tree):
        yield 1, tree
    elif are_splits(lists):
        for key in lists:
            for line, row in _list_rows(text, _find_value(text, begin, key, file.name), file.name):
                yield line, {**row, COLUMN: row.get(COLUMN, split_of(key))}
    elif len(inner := _of_texts(_inner_lists(tree))) == 1 and not lists:
        for key in inner[0]:
            begin = _find_value(text, begin, key, file.name)
        yield from _list_rows(text, begin, file.name)
    elif rows := _columns_to_rows(tree):
        yield from ((1, row) for row in rows)
    elif all(not isinstance(value, list | dict) for value in tree.values()):
        yield 1, tree
    else:
        found = f"are several lists of rows: {', '.join(lists)}" if lists else "is no list of rows"
        allowed = (
            'Expected [{"text": ...}, ...], {"data": [{"text": ...}, ...]} or {"text": [...], "label": [...]}'
        )
        hint = "Keep one of them, or write each into a file of its own" if lists else None
        raise DataError(f"there {found}", where=file.name, allowed=allowed, hint=hint)


def first_values(text: str, limit: int = 5) -> list[Any]:
    """Return the first values of a list, alone or in an object, or of JSON Lines, as far as they are shown.

    >>> first_values('{"version": 1, "data": [{"text": "Good."}, {"text": "Ba')
    [{'text': 'Good.'}]
    """
    values: list[Any] = []
    position = _first_list(text, _skip(text, 0))
    if text.startswith("[", position):
        position = _skip(text, position + 1)
    while len(values) < limit and position < len(text):
        try:
            value, position = _DECODER.raw_decode(text, position)
        except _BROKEN:
            break
        values.append(value)
        position = _skip(text, position)
        if text.startswith(",", position):
            position = _skip(text, position + 1)
    return values


def as_row(value: Any) -> Row | None:
    """Return a JSON value as a row: an object, a text, `[text, label]` or `[text, object]`; None for others.

    >>> as_row(["Good.", "pos"]), as_row(["In Ulm", {"entities": []}]), as_row(5)
    ({'text': 'Good.', 'label': 'pos'}, {'text': 'In Ulm', 'entities': []}, None)
    """
    if isinstance(value, dict):
        return value
    if isinstance(value, str):
        return {"text": value}
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str):
        return {"text": value[0], **(value[1] if isinstance(value[1], dict) else {"label": value[1]})}
    return None


def explain(error: Exception) -> str:
    """Say why a text is not JSON."""
    if isinstance(error, json.JSONDecodeError):
        return f"no valid JSON: {error.msg[0].lower()}{error.msg[1:]} at character {error.colno}"
    return (
        "no readable JSON: nested too deeply"
        if isinstance(error, RecursionError)
        else f"no readable JSON: {error}"
    )


def kind(value: Any) -> str:
    """Return what a JSON value is, for messages."""
    if value is None:
        return "null"
    names = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "an object",
    }
    return names[type(value)]


def _stacked_rows(text: str, position: int, name: str) -> Iterator[tuple[int, Row]]:
    """Yield the objects that stand one after another, each over several lines, as `jq` writes them."""
    counted, line = 0, 1
    while position < len(text):
        line, counted = line + text.count("\n", counted, position), position
        value, position = _decode(text, position, name)
        if (row := as_row(value)) is None:
            raise _error(f"{kind(value)} where an object is expected", text, counted, name)
        yield line, row
        position = _skip(text, position)


def _list_rows(text: str, begin: int, name: str) -> Iterator[tuple[int, Row]]:
    """Yield the objects of the list that begins there, one after another, so that each knows its line.

    What stands as null between objects, such as a text that nobody annotated, is passed over; between texts
    it is a row without one.
    """
    problems = Problems(name)
    position, counted, line = _skip(text, begin + 1), 0, 1
    are_texts = _FIRST_IS_TEXT.match(text, begin) is not None
    while not text.startswith("]", position):
        line, counted = line + text.count("\n", counted, position), position
        value, position = _decode(text, position, name)
        if (row := as_row(value)) is not None:
            yield line, row
        elif value is not None:
            problems.add(line, f"{kind(value)} where an object is expected")
        elif are_texts:
            yield line, {"text": None}
        position = _skip(text, position)
        if text.startswith(",", position):
            position = _skip(text, position + 1)
        elif not text.startswith("]", position):
            raise _error("the list goes on without a comma, or the file ends inside it", text, position, name)
    problems.raise_if_any(allowed='Each entry must be an object such as {"text": "...", "label": "..."}')


def _is_rows(value: Any) -> bool:
    items = [item for item in value if item is not None] if isinstance(value, list) else []
    return bool(items) and all(isinstance(item, dict | list) and as_row(item) is not None for item in items)


def _columns_to_rows(tree: dict[str, Any]) -> list[Row]:
    """Return rows of {"text": [...], ...} or of what pandas writes: {"text": {"0": ...}, ...}."""
    columns = list(tree.values())
    if columns and all(isinstance(column, list) and len(column) == len(columns[0]) for column in columns):
        return [dict(zip(tree, row, strict=True)) for row in zip(*columns, strict=True)]
    if columns and all(isinstance(column, dict) and column.keys() == columns[0].keys() for column in columns):
        if all(key.isdigit() for key in columns[0]):
            return [{name: column[key] for name, column in tree.items()} for key in columns[0]]
        return columns  # one object per row under its own key
    return []


def _find_value(text: str, begin: int, key: str, name: str) -> int:
    """Return where the value of a key of the object at `begin` begins."""
    position = _skip(text, begin + 1)
    while True:
        found, position = _decode(text, position, name)
        position = _skip(text, _skip(text, position) + 1)
        if found == key:
            return position
        _, position = _decode(text, position, name)
        position = _skip(text, _skip(text, position) + 1)


def _first_list(text: str, begin: int) -> int:
    """Return where the first list of objects in the object at `begin` begins; `begin` where there is none.

    There is none in an object with others below it: they are JSON Lines.
    """
    position = _skip(text, begin + 1)
    try:
        if text.startswith("{", begin) and _LINE.match(text, begin):
            return begin
        while text.startswith("{", begin) and text.startswith('"', position):
            key, position = _DECODER.raw_decode(text, position)
            position = _skip(text, _skip(text, position) + 1)
            if key in TEXT_KEYS and text.startswith('"', position):
                return begin
            if _LIST_OF_OBJECTS.match(text, position):
                return position
            if text.startswith("{", position) and (inner := _first_list(text, position)) != position:
                return inner
            _, position = _DECODER.raw_decode(text, position)
            position = _skip(text, _skip(text, position) + 1)
    except _BROKEN:
        pass
    return begin


def _inner_lists(tree: dict[str, Any]) -> dict[tuple[str, str], list[Any]]:
    """Return the lists of rows one object deeper, as in {"result": {"items": [...]}}, by where they lie."""
    objects = {key: value for key, value in tree.items() if isinstance(value, dict)}
    inner = {(k, n): rows for k, v in objects.items() if not _is_text_row(v) for n, rows in v.items()}
    return {place: rows for place, rows in inner.items() if _is_rows(rows)}


def _of_texts(lists: dict[Any, list[Any]]) -> list[Any]:
    """Return the keys of lists of rows; where one alone has rows with a text, only that."""
    firsts = {key: next(row for row in rows if row is not None) for key, rows in lists.items()}
    texts = [key for key, row in firsts.items() if isinstance(row, dict) and _is_text_row(row)]
    return texts if len(texts) == 1 else list(lists)


def _is_text_row(tree: dict[str, Any]) -> bool:
    """Return whether an object is itself a row: it has a text beside its lists."""
    return any(isinstance(tree.get(key), str) for key in TEXT_KEYS)


def _decode(text: str, position: int, name: str) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, position)
    except _BROKEN as error:
        at = error.pos if isinstance(error, json.JSONDecodeError) else position
        fact = explain(error).partition(" at character")[0]
        raise _error(fact, text, at, name) from None


def _error(fact: str, text: str, position: int, name: str) -> DataError:
    return DataError(fact, where=f"{name}:{text.count(chr(10), 0, position) + 1}")


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    assert match is not None
    return match.end()
