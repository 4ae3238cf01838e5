"""Lists in cells of text: `["In", "Ulm"]`, `['In', 'Ulm']` or `['In' 'Ulm']`, as CSV files hold them."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

import pyarrow as pa

MAX_CHARACTERS = 1 << 20
"""Longer cells are texts."""
_STRING = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_STRINGS = re.compile(rf"\[\s*(?:(?:{_STRING})\s*(?:,\s*)?)*\]", re.DOTALL)


def read_list(cell: str) -> list[Any] | None:
    """Return the list that a cell holds as JSON or as Python writes it; None where it holds none.

    >>> read_list("['In', 'Ulm']"), read_list("['In' 'Ulm']"), read_list("[x]")
    (['In', 'Ulm'], ['In', 'Ulm'], None)
    """
    cell = cell.strip()
    if not (cell.startswith("[") and cell.endswith("]") and len(cell) <= MAX_CHARACTERS):
        return None
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        pass
    try:
        if _STRINGS.fullmatch(cell):  # numpy has no commas between them, which Python would join
            return [ast.literal_eval(text) for text in re.findall(_STRING, cell, re.DOTALL)]
        found = ast.literal_eval(cell)
        return found if isinstance(found, list) else None
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None


def may_be_lists(cells: pa.ChunkedArray) -> bool:
    """Return whether a column is of text and begins with a list."""
    if not pa.types.is_string(cells.type):
        return False
    first = next((cell.as_py() for cell in cells if cell.is_valid), "")
    return first.lstrip().startswith("[")
