"""Arrow IPC files (Feather too) and streams; an uncompressed file is mapped, not copied."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from feinschliff.config import DataConfig
from feinschliff.errors import DataError, first_line
from feinschliff.readers._arrow import clean
from feinschliff.readers._input import open_input
from feinschliff.readers._table import Table

SUFFIXES = (".arrow", ".feather", ".ipc", ".arrows")
DESCRIPTION = "Arrow files and streams, Feather, and what Hugging Face `datasets` saves."
MAGIC = b"ARROW1"


def read(source: Any, config: DataConfig) -> Table:
    """Read a file whole.

    Raises:
        DataError: the file is damaged or no Arrow.
    """
    file = open_input(source)
    with file.local() as path:
        try:
            data = pa.memory_map(str(path))
            opened = pa.ipc.open_file(data) if file.head.startswith(MAGIC) else pa.ipc.open_stream(data)
            table = opened.read_all()
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DataError(f"no readable Arrow: {first_line(error)}", where=file.name) from None
    return Table(clean(table, file.name), file.name)
