"""Arrow tables from outside: checked before they are trusted, and brought into plain types."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from feinschliff.errors import DataError, first_line
from feinschliff.readers._dialect import name_columns


def clean(table: pa.Table, name: str) -> pa.Table:
    """Return a table with plain types: categories decoded, one type of string, class numbers as their names.

    Class names come from the metadata that Hugging Face `datasets` writes.

    Raises:
        DataError: offsets that point outside the data, bytes that are not UTF-8.
    """
    try:
        table.validate(full=True)
        features = _features(table.schema)
        table = table.rename_columns(list(name_columns(table.column_names)))
        arrays = {n: _class_names(_plain(table[n]), features.get(n)) for n in table.column_names}
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowKeyError, pa.ArrowIndexError) as error:
        raise DataError(f"the data is damaged: {first_line(error)}", where=name) from None
    return pa.table(arrays)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type)
        return _plain(column)
    if pa.types.is_dictionary(kind):
        if not column.num_chunks:
            return _plain(pa.chunked_array([], kind.value_type))
        decoded = [pc.take(_plain(pa.chunked_array([c.dictionary])), c.indices) for c in column.chunks]
        return pa.chunked_array([chunk for part in decoded for chunk in part.chunks])
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pc.cast(column, pa.string())
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        inner = kind.value_type
        if pa.types.is_large_string(inner) or pa.types.is_string_view(inner) or pa.types.is_dictionary(inner):
            return pc.cast(column, pa.list_(pa.string()))
        if not pa.types.is_list(kind):
            return pc.cast(column, pa.list_(inner))
    return column


def _features(schema: pa.Schema) -> dict[str, Any]:
    """Return what the `datasets` library wrote about the columns."""
    try:
        features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return features if isinstance(features, dict) else {}


def _class_names(column: pa.ChunkedArray, feature: Any) -> pa.ChunkedArray:
    """Return class numbers, alone or in lists, as their names; -1 means no class."""
    feature = feature[0] if isinstance(feature, list) and len(feature) == 1 else feature
    if not isinstance(feature, dict):
        return column
    if pa.types.is_list(column.type) and feature.get("_type") in ("Sequence", "List", "LargeList"):
        inner = feature.get("feature")
        chunks = []
        for chunk in column.chunks:
            values = _class_names(pa.chunked_array([chunk.values]), inner).combine_chunks()
            values = values.chunk(0) if isinstance(values, pa.ChunkedArray) else values
            chunks.append(pa.ListArray.from_arrays(chunk.offsets, values, mask=chunk.is_null()))
        return pa.chunked_array(chunks) if chunks else column
    names = feature.get("names")
    if (
        feature.get("_type") != "ClassLabel"
        or not pa.types.is_integer(column.type)
        or not isinstance(names, list)
    ):
        return column
    known = pc.and_(pc.greater_equal(column, 0), pc.less(column, len(names)))
    return pc.take(pa.array([str(n) for n in names]), pc.if_else(known, column, pa.scalar(None, column.type)))
