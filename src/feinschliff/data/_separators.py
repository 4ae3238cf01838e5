"""Several labels in one cell of text: what separates them, or a list that is written out."""

from __future__ import annotations

from typing import Any

from feinschliff.errors import DataError
from feinschliff.readers import Table, read_list

SEPARATORS = (";", "|", ",")


def find_separator(values: list[str]) -> str | None:
    """Return what separates several labels in one cell, or None when each cell is one label.

    The parts must recur in other cells; for a comma, common inside names, each part must also stand alone.

    >>> find_separator(["a;b", "a", "b"]), find_separator(["Home, Garden", "Toys"])
    (';', None)
    """
    if any(listed(v) for v in values):
        return "[]"
    for separator in SEPARATORS:
        joined = [v for v in values if separator in v]
        if not joined:
            continue
        parts = [p.strip() for v in values for p in v.split(separator) if p.strip()]
        if max(map(len, parts), default=99) > 60:
            continue
        alone = {v for v in values if separator not in v}
        if separator == ",":
            within = {p.strip() for v in joined for p in v.split(separator) if p.strip()}
            if within <= alone:
                return separator
        elif len(set(parts)) < len(parts):
            return separator
    return None


def blank_separates(values: list[str]) -> bool:
    """Return whether blanks stand between the labels of a cell: most that have one consist of other cells.

    >>> blank_separates(["red blue", "red", "blue"]), blank_separates(["New York", "Old Town", "New"])
    (True, False)
    """
    alone = {v for v in values if " " not in v}
    joined = [part for v in values for part in v.split(" ") if " " in v]
    return bool(joined) and sum(part in alone for part in joined) >= 0.9 * len(joined)


def listed(text: str) -> list[Any] | None:
    """Return the list that a cell holds as text; None where it holds no list, or an empty one."""
    return read_list(text) or None


def each_lists_one(values: list[str]) -> bool:
    """Return whether cells are lists of one label as text; a label without its brackets may be among them."""
    lists = [found for value in values if (found := listed(value))]
    return bool(lists) and "[]" not in values and all(len(found) == 1 for found in lists)


def split_cell(text: str, separator: str | None, table: Table, row: int, label: str) -> list[Any]:
    """Return the labels of one cell.

    Raises:
        DataError: it holds no list of labels although the separator says so.
    """
    if text in ("", "[]"):
        return []
    if separator == "[]" and text.startswith("["):
        if (found := listed(text)) and not any(isinstance(item, list | dict) for item in found):
            return found
        raise DataError(f"'{label}' holds {text[:40]!r}, which is no list of labels", where=table.place(row))
    return [part.strip() for part in text.split(separator)] if separator not in (None, "[]") else [text]
