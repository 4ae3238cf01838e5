"""Plain text, the whole file one text: a contract, a letter. Never guessed: `data.format` names it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from feinschliff.config import DataConfig
from feinschliff.readers._encoding import find_encoding, read_text
from feinschliff.readers._input import open_input
from feinschliff.readers._table import Table

SUFFIXES = ()
DESCRIPTION = "Plain text: the whole file is one text; only where it is named."


def read(source: Any, config: DataConfig) -> Table:
    """Read a file as one row, its line ends as they are, so that offsets are those of the file.

    Raises:
        DataError: the file is not text.
    """
    file = open_input(source)
    encoding = find_encoding(file, config)
    columns = pa.table({"text": pa.array([read_text(file, encoding)], pa.string())})
    return Table(columns, file.name, notes=encoding.notes, lines=pa.array([1], pa.int64()))
