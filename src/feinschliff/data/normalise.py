"""Bring a source's rows into the one form all later stages read, and say what had to be changed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from feinschliff.data import _targets
from feinschliff.data.dataset import TARGET_TYPES, Columns, Records
from feinschliff.data.profile import joined, simplify
from feinschliff.errors import DataError, counted
from feinschliff.readers import Table


@dataclass(frozen=True)
class Normal:
    """The rows of one source in normal form, all kept, in order.

    Attributes:
        records: As in `Records`; text and target may still be null or empty.
        empty: bool [N], no text (or no second text of a pair).
        unlabelled: bool [N], no target although the task has one.
        from_numbers: int64, rows whose text was a number.
    """

    records: Records
    empty: np.ndarray
    unlabelled: np.ndarray
    from_numbers: np.ndarray


def normalise(table: Table, columns: Columns, labelled: bool = True) -> Normal:
    """Return the rows in normal form; nothing is left out here.

    Args:
        labelled: False: the label column may be missing, then there is no `target`.

    Raises:
        DataError: texts that are lists or structs; labels that do not fit the task.
    """
    table = simplify(table)
    label = columns.label if labelled or columns.label in table.columns.column_names else None
    cells: dict[str, pa.Array] = {}
    target: pa.Array | None = None
    cells["text"], from_numbers = _strings(table.columns[columns.text], table, columns.text)
    if label is not None and columns.kind == "ner":
        target = _targets.convert_spans(table.columns[label], table, label)
        _require_within(target, cells["text"], table, label)
    elif label is not None and columns.kind != "unlabelled":
        target = _targets.convert(table.columns[label], columns, table, label)
    empty = is_blank(cells["text"])
    if columns.text_pair:
        cells["text_pair"], _ = _strings(table.columns[columns.text_pair], table, columns.text_pair)
        empty |= is_blank(cells["text_pair"])
        cells["text_pair"] = pc.fill_null(cells["text_pair"], "")
    cells["text"] = pc.fill_null(cells["text"], "")
    num_rows = len(table)
    unlabelled = np.zeros(num_rows, dtype=bool)
    if target is not None:
        unlabelled = target.is_null().to_numpy(zero_copy_only=False)
        cells["target"] = target
    arrays = {"id": _ids(table, columns), "place": table.places(), **cells}
    if columns.group and columns.group in table.columns.column_names:
        arrays["group"] = _strings(table.columns[columns.group], table, columns.group)[0]
    order = ("id", "place", "text", "text_pair", "target", "group")
    records = Records(pa.table({name: arrays[name] for name in order if name in arrays}))
    return Normal(records, empty, unlabelled, from_numbers)


def content_keys(records: Records) -> pa.Array:
    """Return string [N]: equal for rows with the same text (and pair) after Unicode NFC, nothing more."""
    texts = pc.utf8_normalize(_flat(records.table["text"]), "NFC")
    if "text_pair" not in records.table.column_names:
        return texts
    return pc.binary_join_element_wise(
        texts, pc.utf8_normalize(_flat(records.table["text_pair"]), "NFC"), "\x1f"
    )


def target_keys(records: Records) -> pa.Array | None:
    """Return string [N]: equal for equal targets; None when there are no targets."""
    if "target" not in records.table.column_names:
        return None
    cells = _flat(records.table["target"])
    if cells.type == TARGET_TYPES["classification"]:
        return pc.fill_null(cells, "\x00")
    if cells.type == TARGET_TYPES["regression"]:
        return pc.fill_null(pc.cast(cells, pa.string()), "\x00")
    if cells.type == TARGET_TYPES["multilabel"]:
        joined = pc.binary_join(cells, "\x1f")
        return pc.fill_null(pc.if_else(pc.equal(pc.list_value_length(cells), 0), "", joined), "\x00")
    return pa.array([repr(value) for value in cells.to_pylist()], pa.string())


def _flat(cells: pa.ChunkedArray) -> pa.Array:
    """Return one array; a chunked one of a single chunk is not copied."""
    return cells.chunk(0) if cells.num_chunks == 1 else cells.combine_chunks()


def _strings(cells: pa.ChunkedArray | pa.Array, table: Table, name: str) -> tuple[pa.Array, np.ndarray]:
    """Return (strings, rows that were numbers)."""
    flat = _flat(joined(cells)) if isinstance(cells, pa.ChunkedArray) else cells
    none = np.zeros(0, dtype=np.int64)
    if pa.types.is_string(flat.type):
        return flat, none
    if pa.types.is_null(flat.type):
        return pa.nulls(len(flat), pa.string()), none
    if pa.types.is_nested(flat.type) or pa.types.is_binary(flat.type):
        rows = np.flatnonzero(flat.is_valid().to_numpy(zero_copy_only=False))
        kind = (
            "lists"
            if _targets.is_list(flat.type)
            else "bytes"
            if pa.types.is_binary(flat.type)
            else "objects"
        )
        places = ", ".join(table.place(int(r)) for r in rows[:3])
        raise DataError(
            f"'{name}' holds {kind} in {counted(len(rows), 'row')} ({places}), not text",
            where=table.name,
            hint="Choose another column with --text, or join the parts into one string",
        )
    strings = pc.cast(flat, pa.string())
    if pa.types.is_floating(flat.type):
        strings = pc.if_else(pc.is_nan(flat), pa.scalar(None, pa.string()), strings)
    return strings, np.flatnonzero(strings.is_valid().to_numpy(zero_copy_only=False))


def _require_within(spans: pa.Array, texts: pa.Array, table: Table, label: str) -> None:
    """Raise DataError unless every span lies in its text."""
    owner = pc.list_parent_indices(spans).to_numpy()
    flat = spans.flatten()
    start, end = (flat.field(n).fill_null(-1).to_numpy() for n in (0, 1))
    length = pc.fill_null(pc.utf8_length(texts), 0).to_numpy()[owner]
    wrong = np.flatnonzero((start < 0) | (start >= end) | (end > length))
    if len(wrong):
        i = int(wrong[0])
        raise DataError(
            f"'{label}' has {counted(len(wrong), 'span')} outside the text, such as {start[i]} to {end[i]} "
            f"in {length[i]} characters",
            where=table.place(int(owner[i])),
            allowed="Offsets count characters, the end is exclusive",
        )


def is_blank(strings: pa.Array) -> np.ndarray:
    """Return bool [N]: null, or nothing but blanks."""
    blank = pc.equal(pc.utf8_trim_whitespace(strings), "")
    return pc.fill_null(blank, True).to_numpy(zero_copy_only=False).copy()


def _ids(table: Table, columns: Columns) -> pa.Array:
    numbers = pc.cast(pa.array(np.arange(1, len(table) + 1) + table.offset), pa.string())
    if columns.id is None or columns.id not in table.columns.column_names:
        return numbers
    given, _ = _strings(table.columns[columns.id], table, columns.id)
    return pc.coalesce(given, numbers)
