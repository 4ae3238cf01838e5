"""Plain text, one text per line; empty lines stay, so that row n is line n."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pyarrow as pa

from feinschliff.config import DataConfig
from feinschliff.readers._encoding import find_encoding, read_lines
from feinschliff.readers._gather import gather
from feinschliff.readers._input import open_input
from feinschliff.readers._rows import BATCH_ROWS
from feinschliff.readers._table import Table

SUFFIXES = (".txt", ".text")
DESCRIPTION = "Plain text: each line is one text."


def sniff(text: str, suffix: str) -> float:
    """Return how much the beginning of a file looks like this format, 0 to 1."""
    return 0.2


def read(source: Any, config: DataConfig) -> Table:
    """Read a file whole.

    Raises:
        DataError: the file is not text.
    """
    file = open_input(source)
    return gather(batches(file, config, BATCH_ROWS), file.name)


def batches(source: Any, config: DataConfig, batch_rows: int) -> Iterator[Table]:
    """Yield a file in tables of up to `batch_rows` rows, in constant memory.

    Raises:
        DataError: the file is not text.
    """
    file = open_input(source)
    encoding = find_encoding(file, config)
    lines, offset, notes = read_lines(file, encoding), 0, encoding.notes
    while texts := [line.rstrip("\r\n") for line in islice(lines, batch_rows)]:
        numbers = pa.array(range(offset + 1, offset + len(texts) + 1), pa.int64())
        yield Table(
            pa.table({"text": pa.array(texts, pa.string())}), file.name, numbers, notes, offset=offset
        )
        offset, notes = offset + len(texts), ()
