"""Texts with entities as character offsets: JSON Lines or JSON.

Spans are `[start, end, label]` or objects with start, end and label in their common spellings, so also the
`["text", {"entities": [...]}]` of old spaCy versions. Offsets count characters, end exclusive.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from feinschliff.config import DataConfig
from feinschliff.readers._encoding import find_encoding
from feinschliff.readers._gather import gather
from feinschliff.readers._input import Input, open_input
from feinschliff.readers._json import TEXT_KEYS, as_row, first_values, json_lines, json_rows
from feinschliff.readers._problems import Problems
from feinschliff.readers._rows import BATCH_ROWS, Row, is_span_list, to_tables
from feinschliff.readers._spans import SPANS, SpanReader, join_tokens, looks_like_spans
from feinschliff.readers._table import Table

SUFFIXES = (".jsonl", ".ndjson", ".json")
DESCRIPTION = "JSON Lines or JSON with entities as character offsets, in the common spellings."
SPAN_KEYS = ("spans", "entities", "ents", "annotations", "labels", "label", "ner")
NAMED_AS_SPANS = ("spans", "entities", "ents", "ner")
"""Keys whose lists are spans even while they are empty."""
SNIFFED_ROWS = 2000


def sniff(text: str, suffix: str) -> float:
    """Return how much the beginning of a file looks like this format, 0 to 1."""
    values = first_values(text, SNIFFED_ROWS)
    rows = [row for row in map(as_row, values) if row]
    found = any(looks_like_spans(row.get(key)) for row in rows for key in SPAN_KEYS)
    found = found or any(row.get(key) == [] for row in rows for key in NAMED_AS_SPANS)
    cut = not values and any(f'"{key}"' in text for key in NAMED_AS_SPANS)  # by the end of what is seen
    return 0.8 * (found or cut)


def read(source: Any, config: DataConfig) -> Table:
    """Read a file whole; the column of spans keeps its name.

    Raises:
        DataError: no JSON; spans that do not lie in their text.
    """
    file = open_input(source)
    return read_spans(file, any_rows(file, config), config)


def any_rows(file: Input, config: DataConfig) -> Iterator[tuple[int, Row]]:
    """Yield (line, object) of JSON or JSON Lines."""
    encoding = find_encoding(file, config)
    is_lines = file.suffix != ".json" and not file.head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"[")
    return json_lines(file, encoding) if is_lines else json_rows(file, encoding)


def read_spans(file: Input, rows: Iterator[tuple[int, Row]], config: DataConfig) -> Table:
    """Return rows as a table in which spans of any spelling are in the normal form.

    Raises:
        DataError: spans that do not lie in their text.
    """
    reader = SpanReader(Problems(file.name))
    keys: dict[str, None] = {}

    def convert() -> Iterator[tuple[int, Row]]:
        for line, row in rows:
            row = _with_text(row)
            text = _find_text(row, config)
            for key in (config.label or "", *SPAN_KEYS):
                if key in row and (key in keys or looks_like_spans(row[key])):
                    keys[key] = None
                    row = {**row, key: reader.read(row[key], text, line)}
            yield line, row

    tables = to_tables(convert(), file.name, BATCH_ROWS)
    table = gather((_with_type(part, keys) for part in tables), file.name)
    reader.problems.raise_if_any(
        allowed="Expected 0 <= start < end <= length of the text, counted in characters"
    )
    return Table(table.columns, table.name, table.lines, table.notes + reader.notes())


def _with_text(row: Row) -> Row:
    """Return GLiNER's {tokenized_text, ner}, whose spans count tokens, as {text, tokens, ner}."""
    tokens, spans = row.get("tokenized_text"), row.get("ner")
    if not (isinstance(tokens, list) and tokens and all(isinstance(t, str) for t in tokens)):
        return row
    text, begins = join_tokens(tokens)
    if isinstance(spans, list) and is_span_list(spans) and all(a <= b < len(tokens) for a, b, _ in spans):
        spans = [[begins[a], begins[b] + len(tokens[b]), label] for a, b, label in spans]
    rest = {k: v for k, v in row.items() if k not in ("tokenized_text", "ner")}
    return {"text": text, "tokens": tokens, "ner": spans, **rest}


def _find_text(row: Row, config: DataConfig) -> str | None:
    """Return the text of a row: under the named column, a usual name, or else its longest string.

    >>> _find_text({"id": "a1", "document": {"text": "Ulm ist alt", "language": "German"}}, DataConfig())
    'Ulm ist alt'
    """
    for name in (config.text or "", *TEXT_KEYS):
        if name in row and not isinstance(row[name], dict):
            return row[name]
    inner = {f"{k}.{n}": v for k, value in row.items() if isinstance(value, dict) for n, v in value.items()}
    if config.text in inner:
        return inner[config.text]
    return max((v for v in (*row.values(), *inner.values()) if isinstance(v, str)), key=len, default=None)


def _with_type(table: Table, keys: dict[str, None]) -> Table:
    """Give the columns of spans their Arrow type, also where a batch has only empty lists."""
    columns = table.columns
    for key in keys:
        if key in columns.column_names and pa.types.is_list(columns.schema.field(key).type):
            columns = columns.set_column(columns.column_names.index(key), key, columns[key].cast(SPANS))
    return Table(columns, table.name, table.lines, table.notes)
