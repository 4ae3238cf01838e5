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
_RUNNING = "each line is one text, empty lines too; where the file is one text: --set data.format=document"


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
        if offset == 0 and _is_running(texts):
            notes += (_RUNNING,)
        numbers = pa.array(range(offset + 1, offset + len(texts) + 1), pa.int64())
        yield Table(
            pa.table({"text": pa.array(texts, pa.string())}), file.name, numbers, notes, offset=offset
        )
        offset, notes = offset + len(texts), ()


def _is_running(lines: list[str]) -> bool:
    """Return whether lines are those of one text in paragraphs: empty lines stand between full ones."""
    filled = [bool(line.strip()) for line in lines]
    return sum(filled) > 1 and not all(filled[filled.index(True) : len(filled) - filled[::-1].index(True)])
