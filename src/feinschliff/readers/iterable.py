"""Python values: texts, (text, label), (text, second text, label) or dicts, or one dict of columns."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from feinschliff.config import DataConfig
from feinschliff.errors import DataError
from feinschliff.readers._gather import gather
from feinschliff.readers._input import Input
from feinschliff.readers._problems import Problems
from feinschliff.readers._rows import BATCH_ROWS, Row, to_tables
from feinschliff.readers._table import Table

SUFFIXES = ()
DESCRIPTION = "Python iterables of dicts, tuples or texts, and dicts of columns."
_TUPLES = {1: ("text",), 2: ("text", "label"), 3: ("text", "text_pair", "label")}


def accepts(source: Any) -> bool:
    """Return whether the source is an iterable of rows; data frames and paths are not."""
    from feinschliff.readers import frame

    is_file = isinstance(source, str | bytes | os.PathLike | Input)
    return isinstance(source, Iterable) and not is_file and not frame.accepts(source)


def read(source: Any, config: DataConfig) -> Table:
    """Read an iterable to its end.

    Raises:
        DataError: rows that are no rows; columns of different lengths.
    """
    return gather(batches(source, config, BATCH_ROWS), _name(source))


def batches(source: Any, config: DataConfig, batch_rows: int) -> Iterator[Table]:
    """Yield an iterable in tables of up to `batch_rows` rows, in constant memory.

    Raises:
        DataError: as `read`.
    """
    name = _name(source)
    rows = _column_rows(source, name) if isinstance(source, Mapping) else _rows(source, name)
    for table in to_tables(((0, row) for row in rows), name, batch_rows):
        yield Table(table.columns, name, notes=table.notes, offset=table.offset)


def _name(source: Any) -> str:
    return f"<{type(source).__name__}>"


def _rows(source: Iterable[Any], name: str) -> Iterator[Row]:
    problems = Problems(name, "row")
    for number, item in enumerate(source, start=1):
        if isinstance(item, str):
            yield {"text": item}
        elif isinstance(item, Mapping):
            yield {str(key): value for key, value in item.items()}
        elif isinstance(item, tuple | list) and len(item) in _TUPLES:
            yield dict(zip(_TUPLES[len(item)], item, strict=True))
        else:
            problems.add(number, f"{type(item).__name__} where a row is expected")
    problems.raise_if_any(allowed="A text, (text, label), (text, second text, label), or a dict")


def _column_rows(source: Mapping[Any, Any], name: str) -> Iterator[Row]:
    columns = {str(key): list(values) for key, values in source.items() if _is_column(values)}
    if len(columns) < len(source) or len({len(values) for values in columns.values()}) != 1:
        lengths = ", ".join(f"{key}: {len(values)}" for key, values in columns.items())
        raise DataError(f"the columns are not lists of one length ({lengths})", where=name)
    return (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))


def _is_column(values: Any) -> bool:
    return isinstance(values, Iterable) and not isinstance(values, str | bytes | Mapping)
