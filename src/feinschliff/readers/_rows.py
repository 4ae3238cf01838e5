"""Columns from Python rows: cells keep their kind; a column that mixes kinds becomes text, with a note."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import pyarrow as pa

from feinschliff.errors import DataError
from feinschliff.readers._table import Table

BATCH_ROWS = 8192
MAX_COLUMNS = 4096
MAX_FIELDS = 256
"""A column of objects with more different keys than this is kept as JSON text."""
SPAN_FIELDS = ("start", "end", "label")
_NOT_ONE_TYPE = (
    pa.ArrowInvalid,
    pa.ArrowTypeError,
    pa.ArrowNotImplementedError,
    OverflowError,
    UnicodeEncodeError,
)

Row = Mapping[str, Any]


def to_tables(
    rows: Iterable[tuple[int, Row]], name: str, batch_rows: int = BATCH_ROWS, notes: tuple[str, ...] = ()
) -> Iterator[Table]:
    """Yield tables of up to `batch_rows` rows each.

    Args:
        rows: Pairs of line and row.
        notes: Given to the first table.

    Raises:
        DataError: more than MAX_COLUMNS columns; a cell that is no value.
    """
    rows, offset = iter(rows), 0
    while batch := list(islice(rows, batch_rows)):
        columns, mixed = to_columns([row for _, row in batch], name)
        lines = pa.array([line for line, _ in batch], pa.int64())
        yield Table(columns, name, lines, notes + tuple(map(mixed_note, mixed)), offset=offset)
        offset, notes = offset + len(batch), ()


def to_columns(rows: Sequence[Row], name: str) -> tuple[pa.Table, list[str]]:
    """Return (the rows as columns in order of first appearance, names of columns that mix kinds)."""
    names = list(dict.fromkeys(key for row in rows for key in row)) or ["text"]
    if len(names) > MAX_COLUMNS:
        raise DataError(
            f"there are {len(names):,} different columns",
            where=name,
            allowed=f"At most {MAX_COLUMNS:,}",
            hint="The keys of each row must name columns, not hold data",
        )
    arrays, mixed = {}, []
    for key in names:
        values = [row.get(key) for row in rows]
        column = without_surrogates(key)
        arrays[column], is_mixed = to_array(values, f"{name}, column '{column}'")
        if is_mixed:
            mixed.append(column)
    return pa.table(arrays), mixed


def mixed_note(column: str) -> str:
    """Say that a column was turned into text."""
    return f"column '{column}' mixes kinds of values and is read as text"


def to_array(values: Sequence[Any], where: str) -> tuple[pa.Array, bool]:
    """Return (Arrow array, whether kinds were mixed and all became text).

    Lists of `[start, end, label]` become lists of structs, which is the one mixture Arrow has a type for.

    Raises:
        DataError: a value that has no text form.
    """
    if any(isinstance(v, dict) for v in values) and _num_keys(values) > MAX_FIELDS:
        return _as_text(values, where), True
    try:
        return pa.array(values), False
    except _NOT_ONE_TYPE:
        pass
    if all(v is None or is_span_list(v) for v in values):
        structs = [v and [dict(zip(SPAN_FIELDS, span, strict=False)) for span in v] for v in values]
        return pa.array(structs), False
    if all(v is None or isinstance(v, str) for v in values):
        return pa.array([v and without_surrogates(v) for v in values], pa.string()), False
    return _as_text(values, where), True


def is_span_list(value: Any) -> bool:
    """Return whether a value is a list of `[start, end, label]`.

    >>> is_span_list([[0, 5, "PER"]]), is_span_list([["a", "b"]])
    (True, False)
    """
    return isinstance(value, list | tuple) and all(
        isinstance(span, list | tuple)
        and len(span) == 3
        and all(isinstance(n, int) and not isinstance(n, bool) and 0 <= n < 2**31 for n in span[:2])
        and isinstance(span[2], str)
        for span in value
    )


def cast_to_text(column: pa.ChunkedArray, where: str) -> pa.ChunkedArray:
    """Return a column as text, where other batches of it are of another kind."""
    if pa.types.is_string(column.type):
        return column
    return pa.chunked_array([_as_text(chunk.to_pylist(), where) for chunk in column.chunks], pa.string())


def _num_keys(values: Iterable[Any]) -> int:
    return len({key for value in values if isinstance(value, dict) for key in value})


def _as_text(values: Iterable[Any], where: str) -> pa.Array:
    try:
        texts = [
            v if v is None or isinstance(v, str) else json.dumps(v, ensure_ascii=False, default=str)
            for v in values
        ]
    except (TypeError, ValueError, RecursionError) as error:
        raise DataError(f"a value is neither text, number, list nor object: {error}", where=where) from None
    return pa.array([v and without_surrogates(v) for v in texts], pa.string())


def without_surrogates(text: str) -> str:
    """Return the text with halves of characters, which JSON's `\\ud83d` can spell, replaced by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
