"""Data frames: pandas, polars, Arrow tables, Hugging Face data sets, and whatever else speaks Arrow."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from feinschliff.config import DataConfig
from feinschliff.errors import DataError, first_line
from feinschliff.readers._arrow import clean
from feinschliff.readers._rows import mixed_note, to_array
from feinschliff.readers._table import Table

SUFFIXES = ()
DESCRIPTION = "pandas and polars data frames, Arrow tables, Hugging Face data sets."


def accepts(source: Any) -> bool:
    """Return whether the source is a table in memory."""
    return hasattr(source, "__arrow_c_stream__") or _is_pandas(source) or _is_dataset(source)


def read(source: Any, config: DataConfig) -> Table:
    """Take a data frame; the index of a pandas frame is left out.

    Those who read a frame from CSV find its empty cells missing.

    Raises:
        DataError: a column holds values that are neither text, number, list nor object.
    """
    name = f"<{type(source).__name__}>"
    if _is_pandas(source):
        return _read_pandas(source, name)
    if _is_dataset(source):
        table = source.with_format("arrow")[:]
        return Table(
            clean(table.replace_schema_metadata(source.features.arrow_schema.metadata), name),
            name,
            tells_missing=False,
        )
    try:
        return Table(clean(pa.table(source), name), name, tells_missing=False)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise DataError(f"cannot be taken as a table: {first_line(error)}", where=name) from None


def _read_pandas(frame: Any, name: str) -> Table:
    """Convert column by column, so that one of mixed kinds does not spoil the others."""
    arrays: list[pa.Array] = []
    notes: list[str] = []
    frame = frame.to_frame(name=frame.name or "text") if frame.ndim == 1 else frame
    for i, column in enumerate(map(str, frame.columns)):
        series = frame.iloc[:, i]
        try:
            arrays.append(pa.array(series, from_pandas=True))
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            values = [None if value is None or value != value else value for value in series.tolist()]
            array, mixed = to_array(values, f"{name}, column '{column}'")
            arrays.append(array)
            notes += [mixed_note(column)] if mixed else []
    return Table(
        clean(pa.table(arrays, names=list(map(str, frame.columns))), name),
        name,
        notes=tuple(notes),
        tells_missing=False,
    )


def _is_pandas(source: Any) -> bool:
    return type(source).__module__.split(".")[0] == "pandas" and hasattr(source, "iloc")


def _is_dataset(source: Any) -> bool:
    return type(source).__module__.split(".")[0] == "datasets" and hasattr(source, "with_format")
