"""Parquet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from feinschliff.config import DataConfig
from feinschliff.errors import DataError, first_line
from feinschliff.readers._arrow import clean
from feinschliff.readers._gather import gather
from feinschliff.readers._input import open_input
from feinschliff.readers._rows import BATCH_ROWS
from feinschliff.readers._table import Table

SUFFIXES = (".parquet", ".pq")
DESCRIPTION = "Parquet; class names written by Hugging Face `datasets` are used."
MAGIC = b"PAR1"


def read(source: Any, config: DataConfig) -> Table:
    """Read a file whole.

    Raises:
        DataError: the file is damaged or no Parquet.
    """
    file = open_input(source)
    return gather(batches(file, config, BATCH_ROWS), file.name)


def batches(source: Any, config: DataConfig, batch_rows: int) -> Iterator[Table]:
    """Yield a file in tables of up to `batch_rows` rows, in constant memory.

    Raises:
        DataError: the file is damaged or no Parquet.
    """
    import pyarrow.parquet as pq

    file, offset = open_input(source), 0
    with file.local() as path:
        try:
            with pq.ParquetFile(path, memory_map=True) as parquet:
                schema = parquet.schema_arrow
                for batch in parquet.iter_batches(batch_rows):
                    columns = pa.Table.from_batches([batch]).replace_schema_metadata(schema.metadata)
                    yield Table(clean(columns, file.name), file.name, offset=offset)
                    offset += len(batch)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DataError(f"no readable Parquet: {first_line(error)}", where=file.name) from None
