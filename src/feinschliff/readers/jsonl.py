"""JSON Lines: one object per line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from feinschliff.config import DataConfig
from feinschliff.readers._encoding import find_encoding
from feinschliff.readers._gather import gather
from feinschliff.readers._input import open_input
from feinschliff.readers._json import first_values, json_lines
from feinschliff.readers._rows import BATCH_ROWS, to_tables
from feinschliff.readers._table import Table

SUFFIXES = (".jsonl", ".ndjson", ".json")
DESCRIPTION = "JSON Lines: one object per line; its keys are the columns."


def sniff(text: str, suffix: str) -> float:
    """Return how much the beginning of a file looks like this format, 0 to 1."""
    if not text.lstrip().startswith("{"):
        return 0.0
    line, _, rest = text.lstrip().partition("\n")
    if suffix == ".json" and not rest.startswith("{"):
        return 0.0
    return 0.7 if isinstance(next(iter(first_values(line)), None), dict) or suffix != ".json" else 0.0


def read(source: Any, config: DataConfig) -> Table:
    """Read a file whole.

    Raises:
        DataError: lines that are no objects.
    """
    file = open_input(source)
    return gather(batches(file, config, BATCH_ROWS), file.name)


def batches(source: Any, config: DataConfig, batch_rows: int) -> Iterator[Table]:
    """Yield a file in tables of up to `batch_rows` rows, in constant memory.

    A column's type is that of the values in the batch.

    Raises:
        DataError: lines that are no objects.
    """
    file = open_input(source)
    encoding = find_encoding(file, config)
    yield from to_tables(json_lines(file, encoding), file.name, batch_rows, encoding.notes)
