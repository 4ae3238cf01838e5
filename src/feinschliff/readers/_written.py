"""Spans in cells of text: `[{"start": 0, ...}]`, as CSV files hold them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa

from feinschliff.config import DataConfig
from feinschliff.readers._lists import may_be_lists, read_list
from feinschliff.readers._offsets import flat, parse
from feinschliff.readers._rows import Row
from feinschliff.readers._span_layout import NAMED_AS_SPANS, SPAN_KEYS
from feinschliff.readers._table import Table
from feinschliff.readers.spans import read_spans


def with_written_spans(table: Table, config: DataConfig) -> Table:
    """Return a table in which lists of spans that are written as text are spans; any other as it is.

    Raises:
        DataError: spans that do not lie in their text.
    """
    for name in dict.fromkeys((config.label or "", *SPAN_KEYS)):
        if name not in table.columns.column_names or not may_be_lists(table.columns[name]):
            continue
        lists = [None if cell is None else read_list(cell) for cell in table.columns[name].to_pylist()]
        cells = [cell for cell in lists if cell is not None]
        is_read = len(cells) == len(lists) - table.columns[name].null_count
        if is_read and all(map(_are_spans, cells)) and (any(cells) or name in NAMED_AS_SPANS):
            table = _with_spans(table, name, lists, config)
    return table


def _are_spans(value: list[Any]) -> bool:
    return all(parse(item) for item in flat(value))


def _with_spans(table: Table, name: str, lists: list[list[Any] | None], config: DataConfig) -> Table:
    """Return a table with these lists of spans in a column."""
    columns = table.columns
    texts = [f.name for f in columns.schema if pa.types.is_string(f.type) or f.name == "tokens"]
    first = table.offset + 1
    numbers = range(first, first + len(table)) if table.lines is None else table.lines.to_pylist()

    def rows() -> Iterator[tuple[int, Row]]:
        for number, row, found in zip(numbers, columns.select(texts).to_pylist(), lists, strict=True):
            yield number, {**row, name: found}

    found = read_spans(table.name, rows(), config, "row" if table.lines is None else "line")
    names = found.columns.column_names
    for text, called in zip(texts, names[-len(texts) :], strict=True):
        if text == name or text != called:
            columns = columns.set_column(columns.column_names.index(text), called, found.columns[called])
    for called in names[: -len(texts)]:
        columns = columns.add_column(0, called, found.columns[called])
    return replace(table, columns=columns, notes=table.notes + found.notes)
