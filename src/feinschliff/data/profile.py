"""What the columns of a table look like: their kind, how many different values, how many words."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from feinschliff.data import _targets
from feinschliff.errors import counted
from feinschliff.readers import Table

_NUMBER = r"^\s*[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?\s*$"
_DATE = r"^\s*(\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[./]\d{1,2}[./]\d{2,4})([T ]\d{1,2}:\d{2}.*)?\s*$"


@dataclass(frozen=True)
class Profile:
    """What one column looks like.

    Attributes:
        kind: `string`, `number`, `bool`, `date`, `list`, `spans`, `struct`, `bytes` or `empty`.
        num_rows: Cells that hold something.
        distinct: Different values among them (0 for nested kinds).
        words: Mean words in a cell (strings only).
    """

    name: str
    kind: str
    num_rows: int
    distinct: int = 0
    words: float = 0.0

    @property
    def spread(self) -> float:
        """Distinct values per cell, 0 to 1."""
        return self.distinct / max(self.num_rows, 1)

    def describe(self) -> str:
        """Return the content in words, for messages."""
        if self.kind == "string" and self.words >= 2.5:
            return f"{self.words:.0f} words on average"
        return counted(self.distinct, "value") if self.distinct else self.kind


def profile(name: str, cells: pa.ChunkedArray) -> Profile:
    """Measure one column."""
    kind, cells = _kind(cells.type), cells.drop_null()
    if kind == "string":
        cells = pc.utf8_trim_whitespace(cells)
        cells = cells.filter(pc.not_equal(cells, ""))
    if not len(cells):
        return Profile(name, "empty" if kind not in ("list", "spans") else kind, 0)
    if kind in ("list", "spans", "struct", "bytes"):
        return Profile(name, kind, len(cells))
    distinct = pc.count_distinct(cells).as_py()
    if kind != "string":
        return Profile(name, kind, len(cells), distinct)
    values = pc.unique(cells.slice(0, 100_000)) if distinct > 100_000 else pc.unique(cells)
    if pc.all(pc.match_substring_regex(values, _NUMBER)).as_py():
        return Profile(name, "number", len(cells), distinct)
    if pc.all(pc.match_substring_regex(values, _DATE)).as_py():
        return Profile(name, "date", len(cells), distinct)
    words = pc.mean(pc.count_substring_regex(cells, r"\S+")).as_py()
    return Profile(name, kind, len(cells), distinct, words)


def simplify(table: Table) -> Table:
    """Return the table with dictionaries, large and viewed strings as plain strings."""
    columns = table.columns
    for i, field in enumerate(columns.schema):
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
            kind = pa.string()
        if kind != field.type:
            columns = columns.set_column(i, field.name, columns.column(i).cast(kind))
    return table if columns is table.columns else replace(table, columns=columns)


def _kind(type_: pa.DataType) -> str:
    if _targets.is_list(type_):
        return "spans" if _targets.is_spans(type_) else "list"
    if pa.types.is_struct(type_) or pa.types.is_map(type_):
        return "struct"
    if pa.types.is_binary(type_) or pa.types.is_large_binary(type_) or pa.types.is_fixed_size_binary(type_):
        return "bytes"
    if pa.types.is_boolean(type_):
        return "bool"
    if pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_):
        return "number"
    if pa.types.is_temporal(type_):
        return "date"
    return "empty" if pa.types.is_null(type_) else "string"
