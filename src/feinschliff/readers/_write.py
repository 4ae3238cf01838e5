"""Tables to files, whole or not at all: a temporary file takes the target's name when it is complete.

Its writer holds a lock on it as long as it lives, so that the next one for the same target can tell what a
killed one left, and remove it.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import json
import math
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from feinschliff.errors import ELSEWHERE, ConfigError, DataError, ResourceError
from feinschliff.files import is_at, lock

UNFINISHED = ".unfinished"
FORMATS = (".csv", ".tsv", ".jsonl", ".parquet")
_SPECIAL = re.compile(r'["\r\n,;|\t]|^ | $')


class TableWriter:
    """Write a table in parts; the file appears when the `with` block ends without an exception.

    Args:
        path: Its suffix chooses the format, one of `formats`. Where it is a link, its target is written.

    Raises:
        ConfigError: another suffix, a folder that does not exist, or a link that leads to itself.
    """

    formats: tuple[str, ...] = FORMATS

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)
        self.suffix = self.path.suffix.lower()
        if self.suffix not in self.formats:
            raise ConfigError(
                f"cannot be written as '{self.path.suffix}'",
                where=str(path),
                allowed=f"One of {', '.join(self.formats)}",
            )
        try:
            if self.path.is_symlink():
                self.path = Path(os.path.realpath(path))
            has_folder, is_folder = self.path.parent.is_dir(), self.path.is_dir()
            if self.path.is_symlink():
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        except OSError as error:
            raise ConfigError(f"cannot be written: {error.strerror}", where=str(path)) from None
        if not has_folder:
            raise ConfigError(f"the folder '{self.path.parent}' does not exist", where=str(path))
        if is_folder:
            raise ConfigError("is a folder, not a file", where=str(path))

    def __enter__(self) -> Self:
        self.writer: Any = None
        self.num_rows = 0
        is_binary = self.suffix == ".parquet"
        prefix = f".{self.path.name}-"
        _remove_left_over(self.path.parent, prefix)
        try:
            handle, self.temporary = _unfinished(self.path.parent, prefix)
        except OSError as error:
            raise ConfigError(f"cannot be written: {error.strerror}", where=str(self.path)) from None
        self.stream: IO[Any] = (
            os.fdopen(handle, "wb") if is_binary else os.fdopen(handle, "w", encoding="utf-8", newline="")
        )
        return self

    def write(self, columns: pa.Table) -> None:
        """Add rows; every part has the columns of the first.

        Raises:
            ResourceError: no space is left.
        """
        try:
            self._write(columns)
        except OSError as error:
            raise self._failure(error) from None
        self.num_rows += columns.num_rows

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self.writer is not None and hasattr(self.writer, "close"):
                self.writer.close()
            self.stream.flush()
            if kind is None:
                os.fsync(self.stream.fileno())
            self.stream.close()
            if kind is None:
                umask = os.umask(0)
                os.umask(umask)
                self.temporary.chmod(0o666 & ~umask)
                self.temporary.replace(self.path)
        except OSError as failure:
            raise self._failure(failure) from None
        finally:
            self.temporary.unlink(missing_ok=True)

    def _write(self, columns: pa.Table) -> None:
        match self.suffix:
            case ".parquet":
                self._write_parquet(columns)
            case ".jsonl":
                for row in json_rows(columns):
                    self.stream.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
            case _:
                self._write_csv(columns, "\t" if self.suffix == ".tsv" else ",")

    def _write_parquet(self, columns: pa.Table) -> None:
        import pyarrow.parquet as pq

        columns = _storable(columns)
        if self.writer is None:
            self.writer = pq.ParquetWriter(self.stream, columns.schema, compression="zstd")
        try:
            for found, wanted in zip(columns.schema, self.writer.schema, strict=True):
                if not _fits(found.type, wanted.type):
                    raise ValueError(f"'{found.name}' holds {found.type} where {wanted.type} stood")
            same = columns.cast(self.writer.schema)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
            raise DataError(
                f"after {self.num_rows:,} rows values are of another kind, which Parquet refuses ({error})",
                where=str(self.path),
                hint="Write .jsonl",
            ) from None
        self.writer.write_table(same)

    def _write_csv(self, columns: pa.Table, delimiter: str) -> None:
        if self.num_rows == 0:
            self.stream.write(_csv_line(columns.column_names, delimiter))
        for row in json_rows(columns):
            self.stream.write(_csv_line(row.values(), delimiter))

    def _failure(self, error: OSError) -> ResourceError:
        return ResourceError(
            f"cannot be written: {error.strerror or error}", where=str(self.path), hint=ELSEWHERE
        )


def write_table(columns: pa.Table, path: str | os.PathLike[str]) -> None:
    """Write a table as CSV, TSV, JSON Lines or Parquet, by the path's suffix.

    In CSV and TSV lists and objects are written as JSON, and missing cells are empty.

    Raises:
        ConfigError: another suffix, or a folder that does not exist.
        ResourceError: no space is left.
    """
    with TableWriter(path) as writer:
        writer.write(columns)


def _unfinished(folder: Path, prefix: str) -> tuple[int, Path]:
    """Make a temporary file that `_remove_left_over` of another writer leaves alone."""
    while True:
        handle, name = tempfile.mkstemp(UNFINISHED, prefix, folder)
        if lock(handle) is not False and is_at(handle, Path(name)):
            return handle, Path(name)
        os.close(handle)  # another writer of the same target has just taken it for a left-over one
        Path(name).unlink(missing_ok=True)


def _remove_left_over(folder: Path, prefix: str) -> None:
    """Remove the temporary files that killed writers of the same target left: nobody holds their locks."""
    for path in folder.glob(f"{glob.escape(prefix)}*{UNFINISHED}"):
        with contextlib.suppress(OSError), path.open("rb") as stream:
            if lock(stream.fileno()):
                path.unlink()


def json_rows(columns: pa.Table) -> Iterator[dict[str, Any]]:
    """Yield the rows without NaN and infinity, for which JSON has no word: they are None."""
    inside = []
    for index, field in enumerate(columns.schema):
        if pa.types.is_floating(field.type):
            cells = columns[index]
            columns = columns.set_column(index, field, pc.if_else(pc.is_finite(cells), cells, None))
        elif _has(field.type, pa.types.is_floating):
            inside.append(field.name)
    for batch in columns.to_batches(max_chunksize=8192):
        for row in batch.to_pylist():
            yield row | {name: _finite(row[name]) for name in inside}


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _finite(inner) for name, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, list | tuple) else value


def _storable(columns: pa.Table) -> pa.Table:
    """Return a table whose objects without any key, which Parquet cannot hold, are written as JSON."""
    for index, field in enumerate(columns.schema):
        if _has(field.type, lambda kind: pa.types.is_struct(kind) and not kind.num_fields):
            texts = [
                None if v is None else json.dumps(v, ensure_ascii=False, default=str)
                for v in columns[index].to_pylist()
            ]
            columns = columns.set_column(index, field.name, pa.array(texts, pa.string()))
    return columns


def _fits(found: pa.DataType, wanted: pa.DataType) -> bool:
    """Return whether a cast keeps all that values of a type are, or fails; it must not leave anything out."""
    kinds = pa.types
    if found == wanted or kinds.is_null(found):
        return True
    if kinds.is_struct(found) and kinds.is_struct(wanted):
        places = [wanted.get_field_index(field.name) for field in found]
        return all(
            i >= 0 and _fits(field.type, wanted.field(i).type) for i, field in zip(places, found, strict=True)
        )
    if kinds.is_list(found) and kinds.is_list(wanted):
        return _fits(found.value_type, wanted.value_type)
    if kinds.is_floating(found) and kinds.is_floating(wanted):
        return found.bit_width <= wanted.bit_width
    if _is_number(wanted):
        return _is_number(found)
    if kinds.is_string(wanted) or kinds.is_large_string(wanted):
        return not kinds.is_nested(found)
    return kinds.is_temporal(found) and kinds.is_temporal(wanted)


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)


def _has(kind: pa.DataType, what: Callable[[pa.DataType], bool]) -> bool:
    """Return whether a type, or one within it, is such."""
    return what(kind) or any(_has(kind.field(i).type, what) for i in range(kind.num_fields))


def _csv_line(cells: Iterable[Any], delimiter: str) -> str:
    """Return one row; unlike `csv.writer`, carriage returns are quoted whatever ends the lines."""
    texts = [_cell(cell) for cell in cells]
    quoted = [f'"{text.replace(chr(34), chr(34) * 2)}"' if _SPECIAL.search(text) else text for text in texts]
    return (delimiter.join(quoted) or '""') + "\n"


def _cell(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return (
        json.dumps(value, ensure_ascii=False, default=str)
        if isinstance(value, list | dict | bool)
        else str(value)
    )
