"""Write rows to a file or to stdout, in the format the name asks for, whole or not at all."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

from feinschliff.errors import ConfigError

Row = dict[str, Any]
Write = Callable[[Sequence[Row]], None]


@contextmanager
def rows_to(target: Path | None, schema: Any = None) -> Iterator[Write]:
    """Give a function that writes rows, a chunk at a time; all rows have the same keys.

    The file appears under its name when all is written. Without a target, rows go to stdout as JSONL. In CSV
    lists and objects are JSON texts.

    Args:
        schema: Arrow schema of the rows, for Parquet.

    Raises:
        ConfigError: unknown suffix, or the file cannot be written.
    """
    if target is None:
        yield _jsonl(sys.stdout)
        return
    check_target(target)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        if target.suffix.lower() == ".parquet":
            import pyarrow.parquet as pq

            with pq.ParquetWriter(part, schema) as writer:
                yield lambda rows: writer.write_table(pa_table(rows, schema))
        else:
            with part.open("w", encoding="utf-8", newline="") as file:
                yield WRITERS[target.suffix.lower()](file)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def check_target(target: Path) -> None:
    """Refuse a file that cannot be written, before any work is done.

    Raises:
        ConfigError: see there.
    """
    if target.suffix.lower() not in (*WRITERS, ".parquet"):
        raise ConfigError(
            f"the suffix '{target.suffix}' names no format to write",
            where=str(target),
            allowed=f"Use {', '.join((*WRITERS, '.parquet'))}",
        )
    folder = target.absolute().parent
    if target.is_dir():
        raise ConfigError("is a folder", where=str(target), hint="Name a file in it")
    if not folder.is_dir():
        raise ConfigError("there is no such folder", where=str(folder), hint="Make it, or name another file")
    if not os.access(folder, os.W_OK):
        raise ConfigError("the folder is not writable", where=str(folder), hint="Name a file elsewhere")


def pa_table(rows: Sequence[Row], schema: Any) -> Any:
    """Return the rows as an Arrow table."""
    import pyarrow as pa

    return pa.Table.from_pylist(list(rows), schema=schema)


def _jsonl(file: IO[str]) -> Write:
    def write(rows: Sequence[Row]) -> None:
        file.writelines(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows)

    return write


def _csv(file: IO[str], delimiter: str = ",") -> Write:
    table: Any = None

    def write(rows: Sequence[Row]) -> None:
        nonlocal table
        if table is None and rows:
            table = csv.DictWriter(file, list(rows[0]), delimiter=delimiter, lineterminator="\n")
            table.writeheader()
        for row in rows:
            table.writerow({name: _cell(value) for name, value in row.items()})

    return write


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    return value


WRITERS: dict[str, Callable[[IO[str]], Write]] = {
    ".jsonl": _jsonl,
    ".csv": _csv,
    ".tsv": partial(_csv, delimiter="\t"),
}


def new_name(name: str, taken: Container[str]) -> str:
    """Return the name of an added column; a column of the input is never overwritten.

    >>> new_name("prediction", ["text", "prediction"])
    'new_prediction'
    """
    while name in taken:
        name = f"new_{name}"
    return name


def merged(inputs: Iterable[Row], found: Iterable[Row]) -> Iterator[Row]:
    """Yield the input rows, with what was found for each added."""
    for row, more in zip(inputs, found, strict=True):
        yield row | {new_name(name, row): value for name, value in more.items()}
