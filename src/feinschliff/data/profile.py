"""What the columns of a table look like: their kind, how many different values, how many words."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from feinschliff.data import _targets
from feinschliff.errors import counted
from feinschliff.readers import Table

_NUMBER = r"^\s*[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?\s*$"
_DATE = (
    r"^\s*((\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[./]\d{1,2}[./]\d{2,4})([T ]\d{1,2}:\d{2}.*)?"
    r"|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d( \S+)? \d{4})\s*$"
)
"""The second form is `Mon Apr 06 22:19:45 PDT 2009`."""
_OBJECTS = r"(?s)^\s*(\{.*\}|\[\s*[\[{].*\])\s*$"
_NO_ITEMS = r"^\s*\[\s*\]\s*$"
WORDS_OF_A_PARAGRAPH = 5
"""Lists of strings of so many words on average are the paragraphs of a text."""
_ITEMS = {"struct": "objects", "number": "numbers", "list": "lists", "spans": "lists"}


@dataclass(frozen=True)
class Profile:
    """What one column looks like.

    Attributes:
        kind: `string`, `number`, `bool`, `date`, `list`, `spans`, `struct`, `bytes` or `empty`.
        num_rows: Cells that hold something.
        distinct: Different values among them (0 for nested kinds).
        words: Mean words in a cell of strings, or in an item of lists of strings.
        items: What lists hold, such as `numbers`, and strings where each is written as a list or an object:
            `objects`, `numbers`, `lists` or `paragraphs`; "" for anything else.
        filled: Share of the cells that hold something.
    """

    name: str
    kind: str
    num_rows: int
    distinct: int = 0
    words: float = 0.0
    items: str = ""
    filled: float = 1.0

    @property
    def spread(self) -> float:
        """Distinct values per cell, 0 to 1."""
        return self.distinct / max(self.num_rows, 1)

    def describe(self) -> str:
        """Return the content in words, for messages."""
        if self.kind == "string" and self.words >= 2.5 and not self.items:
            return f"{self.words:.0f} words on average"
        if self.kind == "list":
            return f"lists of {self.items}" if self.items else "lists"
        if self.kind == "struct" or (self.kind == "string" and self.items):
            return "objects" if self.kind == "struct" else "lists or objects as text"
        return counted(self.distinct, "value") if self.distinct else self.kind


def profile(name: str, cells: pa.ChunkedArray) -> Profile:
    """Measure one column."""
    num_cells = len(cells)
    kind, cells = _kind(cells.type), cells.drop_null()
    if kind == "string":
        cells = pc.utf8_trim_whitespace(cells)
        cells = cells.filter(pc.not_equal(cells, ""))
    found = Profile(name, kind, len(cells), filled=len(cells) / max(num_cells, 1))
    if kind == "list":
        return _of_lists(found, cells)
    if kind in ("spans", "struct", "bytes") and (len(cells) or kind == "spans"):
        return found
    if not len(cells):
        return replace(found, kind="empty")
    found = replace(found, distinct=pc.count_distinct(cells).as_py())
    return _of_strings(found, cells) if kind == "string" else found


def _of_strings(found: Profile, cells: pa.ChunkedArray) -> Profile:
    values = pc.unique(cells.slice(0, 100_000)) if found.distinct > 100_000 else pc.unique(cells)
    for kind, pattern in (("number", _NUMBER), ("date", _DATE)):
        if pc.all(pc.match_substring_regex(values, pattern)).as_py():
            return replace(found, kind=kind)
    values = values.filter(pc.invert(pc.match_substring_regex(values, _NO_ITEMS)))
    nested = len(values) and pc.all(pc.match_substring_regex(values, _OBJECTS)).as_py()
    return replace(found, words=_num_words(cells), items="objects" if nested else "")


def _of_lists(found: Profile, cells: pa.ChunkedArray) -> Profile:
    """Say what lists hold; a column of nothing but empty ones is empty."""
    items = pc.list_flatten(cells).drop_null()
    if not len(items):
        return replace(found, kind="empty")
    kind = _kind(items.type)
    if kind != "string":
        return replace(found, items=_ITEMS.get(kind, ""))
    if (words := _num_words(items.slice(0, 100_000).cast(pa.string()))) < WORDS_OF_A_PARAGRAPH:
        return replace(found, words=words)
    return replace(found, words=words, items="paragraphs", distinct=pc.count_distinct(_lines(cells)).as_py())


def _num_words(cells: pa.ChunkedArray) -> float:
    return float(pc.mean(pc.count_substring_regex(cells, r"\S+")).as_py())


def joined(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return lists of paragraphs as texts, a line for each paragraph, and anything else as it is."""
    is_text = _kind(cells.type) == "list" and profile("", cells).items == "paragraphs"
    return _lines(cells) if is_text else cells


def _lines(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    texts = [None if parts is None else "\n".join(filter(None, parts)) for parts in cells.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string())])


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
