"""JSON: a list of objects, an object that holds one, or columns."""

from __future__ import annotations

from typing import Any

from feinschliff.config import DataConfig
from feinschliff.readers._encoding import find_encoding
from feinschliff.readers._gather import gather
from feinschliff.readers._input import open_input
from feinschliff.readers._json import json_rows
from feinschliff.readers._rows import to_tables
from feinschliff.readers._table import Table

SUFFIXES = (".json",)
DESCRIPTION = "JSON: a list of objects, an object with such a list, or an object of columns."


def sniff(text: str, suffix: str) -> float:
    """Return how much the beginning of a file looks like this format, 0 to 1."""
    return 0.5 * text.lstrip().startswith(("[", "{"))


def read(source: Any, config: DataConfig) -> Table:
    """Read a file whole.

    Raises:
        DataError: no JSON; nothing in it that is rows.
    """
    file = open_input(source)
    encoding = find_encoding(file, config)
    return gather(to_tables(json_rows(file, encoding), file.name, notes=encoding.notes), file.name)
