"""Texts with entities as character offsets: JSON Lines or JSON.

Spans are `[start, end, label]` or objects with start, end and label in their common spellings, so also the
`["text", {"entities": [...]}]` of old spaCy versions. Offsets count characters, end exclusive; those that
turn out to count the row's `tokens` are converted.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

import pyarrow as pa

from feinschliff.config import DataConfig
from feinschliff.readers._encoding import find_encoding
from feinschliff.readers._gather import gather
from feinschliff.readers._input import Input, open_input
from feinschliff.readers._json import as_row, first_values, json_lines, json_rows
from feinschliff.readers._offsets import SpanReader, looks_like_spans
from feinschliff.readers._problems import Problems
from feinschliff.readers._rows import BATCH_ROWS, Row, to_tables
from feinschliff.readers._span_layout import (
    NAMED_AS_SPANS,
    SPAN_KEYS,
    find_layout,
    find_text,
    unusual_keys,
    with_text,
)
from feinschliff.readers._spans import SPANS
from feinschliff.readers._table import Table

SUFFIXES = (".jsonl", ".ndjson", ".json")
DESCRIPTION = "JSON Lines or JSON with entities as character offsets, in the common spellings."
SNIFFED_ROWS = 2000


def sniff(text: str, suffix: str) -> float:
    """Return how much the beginning of a file looks like this format, 0 to 1."""
    values = first_values(text, SNIFFED_ROWS)
    rows = [row for row in map(as_row, values) if row]
    found = any(looks_like_spans(row.get(key)) for row in rows for key in SPAN_KEYS)
    found = found or any(row.get(key) == [] for row in rows for key in NAMED_AS_SPANS)
    found = found or bool(unusual_keys(rows, DataConfig()))
    cut = not values and any(f'"{key}"' in text for key in NAMED_AS_SPANS)  # by the end of what is seen
    return 0.8 * (found or cut)


def read(source: Any, config: DataConfig) -> Table:
    """Read a file whole; the column of spans keeps its name.

    Raises:
        DataError: no JSON; spans that do not lie in their text.
    """
    file = open_input(source)
    return read_spans(file.name, any_rows(file, config), config)


def any_rows(file: Input, config: DataConfig) -> Iterator[tuple[int, Row]]:
    """Yield (line, object) of JSON or JSON Lines."""
    encoding = find_encoding(file, config)
    is_lines = file.suffix != ".json" and not file.head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"[")
    return json_lines(file, encoding) if is_lines else json_rows(file, encoding)


def read_spans(name: str, rows: Iterator[tuple[int, Row]], config: DataConfig, unit: str = "line") -> Table:
    """Return rows as a table in which spans of any spelling are in the normal form.

    Args:
        name: What messages call the source.
        unit: What the numbers of the rows count, for messages.

    Raises:
        DataError: spans that do not lie in their text.
    """
    rows = ((line, with_text(row, config)) for line, row in rows)
    first = list(islice(rows, BATCH_ROWS))
    layout = find_layout([row for _, row in first], config)
    reader = SpanReader(Problems(name, unit), layout.unit)
    keys: dict[str, None] = {}

    def convert() -> Iterator[tuple[int, Row]]:
        for line, row in chain(first, rows):
            text = find_text(row, config, layout.text)
            for key in layout.keys:
                if key in row and (key in keys or looks_like_spans(row[key])):
                    keys[key] = None
                    row = {**row, key: reader.read(row[key], text, line, row.get("tokens"))}
            yield line, layout.named(row)

    tables = to_tables(convert(), name, BATCH_ROWS)
    table = gather((_with_type(part, keys) for part in tables), name)
    reader.raise_if_wrong()
    return Table(table.columns, table.name, table.lines, table.notes + layout.notes() + reader.notes())


def _with_type(table: Table, keys: dict[str, None]) -> Table:
    """Give the columns of spans their Arrow type, also where a batch has only empty lists."""
    columns = table.columns
    for key in keys:
        if key in columns.column_names and pa.types.is_list(columns.schema.field(key).type):
            columns = columns.set_column(columns.column_names.index(key), key, columns[key].cast(SPANS))
    return Table(columns, table.name, table.lines, table.notes)
