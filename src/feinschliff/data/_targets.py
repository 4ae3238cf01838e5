"""Turn a label column into targets: class names, lists of names, numbers, or spans."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from typing import Any
from unicodedata import normalize

import pyarrow as pa
import pyarrow.compute as pc

from feinschliff import registry
from feinschliff.data import _names
from feinschliff.data._separators import (
    SEPARATORS,
    blank_separates,
    each_lists_one,
    find_separator,
    listed,
    split_cell,
)
from feinschliff.data.dataset import SPAN, TARGET_TYPES, Columns, Kind
from feinschliff.errors import ConfigError, DataError, counted, no_such
from feinschliff.readers import Table, is_tag

MAX_CLASSES_BY_NUMBER = 20
"""Whole numbers with at most this many different values are classes."""
_BLANKS = re.compile(r"\s+")
_LINE_SIGNS = frozenset("\r\n\t\v\f\x85\u2028\u2029")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")
_NO_LABEL = "-"
_SEVERAL = "if a text may have several: --task multilabel"


def is_list(type_: pa.DataType) -> bool:
    """Return whether an Arrow type is any kind of list."""
    return pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_)


def is_spans(type_: pa.DataType) -> bool:
    """Return whether an Arrow type is a list of {start, end, label}."""
    inner = type_.value_type if is_list(type_) else None
    return (
        inner is not None
        and pa.types.is_struct(inner)
        and {f.name for f in inner} >= {"start", "end", "label"}
    )


def holds_one(cells: pa.ChunkedArray) -> bool:
    """Return whether each list of a column, and there is one, holds one value."""
    lengths = pc.list_value_length(cells).drop_null()
    return len(lengths) > 0 and bool(pc.all(pc.equal(lengths, 1)).as_py())


def require_task(wanted: str) -> None:
    """Raise ConfigError, suggesting the nearest, unless this is a task, `auto` or `unlabelled`."""
    known = ("auto", *registry.names("tasks"))
    if wanted not in (*known, "unlabelled"):
        raise no_such("task", wanted, known, "task")


def infer_task(table: Table, label: str | None, wanted: str) -> tuple[str, str, float]:
    """Return (task, reason, confidence) for a label column.

    Raises:
        ConfigError: the task needs a label column; the numbers could be classes or amounts.
    """
    if label is None:
        if wanted not in ("auto", "unlabelled"):
            raise ConfigError(
                f"the task '{wanted}' needs a label column", where=table.name, hint="Name it: --label COLUMN"
            )
        return "unlabelled", "no label column", 1.0
    cells = table.columns[label].drop_null()
    if pa.types.is_struct(cells.type) or pa.types.is_map(cells.type) or pa.types.is_binary(cells.type):
        raise ConfigError(
            f"'{label}' holds {cells.type}, which is no label",
            where=table.name,
            hint="Choose another: --label COLUMN",
        )
    if wanted != "auto":
        return wanted, "task as named", 1.0
    if is_list(cells.type):
        inner = cells.type.value_type
        if pa.types.is_integer(inner) and "tokens" in table.columns.column_names:
            raise ConfigError(
                f"'{label}' holds numbers of tags, and their names are not in the file",
                where=table.name,
                allowed='Tags by name, such as ["B-PER", "I-PER", "O"]',
                hint="Write the names in, or take the data set's Parquet files, which know them",
            )
        if pa.types.is_string(inner):
            _refuse_tags(table, label, pc.unique(cells.combine_chunks().flatten()).to_pylist())
        if is_spans(cells.type):
            return "ner", "spans", 0.95
        if pa.types.is_struct(inner):
            raise ConfigError(
                f"'{label}' holds lists of objects without start, end and label",
                where=table.name,
                allowed="Lists of spans {start, end, label}, or of names",
                hint="Choose another: --label COLUMN",
            )
        if holds_one(cells):
            return "classification", f"lists of one label; {_SEVERAL}", 0.9
        return "multilabel", "lists of labels", 0.95
    if pa.types.is_boolean(cells.type):
        return "classification", "true or false", 0.95
    values = [_in_one_line(str(v).strip()) for v in pc.unique(cells).to_pylist()]
    values = [v for v in dict.fromkeys(values) if v]
    numbers = [_number(v) for v in values]
    if values and all(n is not None for n in numbers):
        _refuse_lists_of_numbers(table, label, values)
        return _infer_from_numbers(table, label, [n for n in numbers if n is not None], len(cells))
    separator = find_separator(values)
    if separator == "[]" and each_lists_one(values):
        return "classification", f"lists of one label as text; {_SEVERAL}", 0.9
    if separator:
        how = "lists of labels as text" if separator == "[]" else f"labels separated by '{separator}'"
        return "multilabel", how, 0.75 if separator == "," else 0.9
    note = f"; '{_NO_LABEL}' is no label" if _has_no_label(values) else ""
    values = [v for v in values if v != _NO_LABEL or not note]
    mark = "'" if any("," in value for value in values) else ""
    shown = ", ".join(f"{mark}{v}{mark}" for v in sorted(values)[:4]) + (", ..." if len(values) > 4 else "")
    return "classification", f"{counted(len(values), 'class', 'classes')}: {shown}{note}", 0.95


def _refuse_tags(table: Table, label: str, values: list[str | None]) -> None:
    """Raise ConfigError where the labels are tags of tokens; an `O` among them and their prefixes show it."""
    tags = {value for value in values if value}
    if {"O"} < tags and all(map(is_tag, tags)):
        raise ConfigError(
            f"'{label}' holds tags of tokens, and there are no tokens that fit them",
            where=table.name,
            allowed='Such as {"tokens": ["In", "Ulm"], "tags": ["O", "B-LOC"]}',
            hint="If they are labels of the text: --task multilabel",
        )


def _refuse_lists_of_numbers(table: Table, label: str, values: list[str]) -> None:
    """Raise ConfigError where `3,10` may be a decimal number or two labels; `3,5` beside `3` is a half."""
    fractions = {v.partition(",")[2] for v in values} - {"", "5"}
    alone = {v for v in values if "," not in v}
    parts = [part.strip() for v in values if "," in v for part in v.split(",")]
    if fractions and sum(part in alone for part in parts) >= 0.8 * len(parts):
        raise ConfigError(
            f"'{next(v for v in values if ',' in v)}' in '{label}' may be a decimal number or two labels",
            where=table.name,
            hint="Say which: --task regression or --task multilabel",
        )


def _infer_from_numbers(
    table: Table, label: str, numbers: list[float], num_rows: int
) -> tuple[str, str, float]:
    name = _names.plain(label)
    whole = all(n == int(n) for n in numbers if math.isfinite(n))
    if not whole:
        return "regression", "decimal numbers", 0.9
    if len(set(numbers)) <= MAX_CLASSES_BY_NUMBER:
        is_amount = name in _names.NUMBERS and len(numbers) > 5
        return "classification", f"{len(numbers)} whole numbers", 0.75 if is_amount else 0.9
    if name in _names.NUMBERS and name not in ("target", "y"):
        return "regression", f"{len(numbers)} whole numbers under the name '{label}'", 0.8
    if name in _names.LABEL_STRONG and name != "target" and num_rows / len(numbers) >= 5:
        return "classification", f"{len(numbers)} whole numbers under the name '{label}'", 0.8
    raise ConfigError(
        f"the {len(numbers)} different whole numbers in '{label}' may be classes or amounts",
        where=table.name,
        hint="Say which: --task classification or --task regression",
    )


def separator_of(table: Table, label: str | None, kind: Kind) -> str | None:
    """Return what separates the labels in the cells of a column of strings.

    For classes it is `[]` where cells are lists of one label, and otherwise None.
    """
    if kind not in ("multilabel", "classification") or label is None or is_list(table.columns[label].type):
        return None
    values = [str(v).strip() for v in pc.unique(table.columns[label].drop_null()).to_pylist()]
    if kind == "classification":
        return "[]" if each_lists_one(values) else None
    occurring = (sign for sign in SEPARATORS if any(sign in v for v in values))
    found = find_separator(sorted(values)) or next(occurring, None)
    return found or (" " if blank_separates(values) else None)


def dash_is_none(table: Table, label: str | None, kind: Kind) -> bool:
    """Return whether `-` stands for no label among the classes of a column, or would if it stood there."""
    if kind != "classification" or label is None:
        return False
    cells = table.columns[label]
    cells = pc.list_flatten(cells) if is_list(cells.type) else cells
    if not pa.types.is_string(cells.type):
        return False
    values = pc.unique(cells.drop_null()).to_pylist()
    names = {_name(name) for value in values for name in listed(value) or [value]}
    return _has_no_label({*names, _NO_LABEL})


def separator_for(table: Table, label: str | None, names: Collection[str]) -> str | None:
    """Return what separates the labels in the cells of a column, going by the names that are known."""
    if label is None or is_list(table.columns[label].type):
        return None
    values = [str(v).strip() for v in pc.unique(table.columns[label].drop_null()).to_pylist()]
    if any(listed(v) for v in values):
        return "[]"

    def known(separator: str | None) -> float:
        parts = [p.strip() for v in values for p in (v.split(separator) if separator else [v]) if p.strip()]
        return sum(_name(part) in names for part in parts) / max(1, len(parts))

    return max((None, *SEPARATORS, " "), key=known)


def convert(cells: pa.ChunkedArray, columns: Columns, table: Table, label: str) -> pa.Array:
    """Return the targets of a label column; null where a row has none.

    Args:
        columns: With what the training data, or the model's labels, say of separators and dashes.

    Raises:
        DataError: cells that cannot be a target of this kind, with places.
    """
    kind, separator = columns.kind, columns.separator
    if kind == "multilabel":
        return _lists(cells, table, label, separator)
    if separator == "[]" and not is_list(cells.type):
        lists = _lists(cells, table, label, separator).to_pylist()
        cells = pa.chunked_array([pa.array([names or None for names in lists], TARGET_TYPES["multilabel"])])
    if is_list(cells.type) or pa.types.is_struct(cells.type):
        lengths = pc.list_value_length(cells) if is_list(cells.type) else None
        if lengths is None or not pc.all(pc.equal(lengths, 1)).as_py():
            bad = next((i for i, n in enumerate(lengths or [pa.scalar(0)]) if n.as_py() != 1), 0)
            raise DataError(
                f"'{label}' holds {cells[bad].as_py()!r}, which is not one label",
                where=table.place(bad),
                hint="Use --task multilabel for several labels per text",
            )
        cells = pc.list_element(cells, 0)
    return _numbers(cells, table, label) if kind == "regression" else _classes(cells, columns.dash_is_none)


def _classes(cells: pa.ChunkedArray, dash_is_none: bool) -> pa.Array:
    encoded = cells.combine_chunks().dictionary_encode()
    found = [_name(v) for v in encoded.dictionary.to_pylist()]
    missing = _NO_LABEL if dash_is_none else None
    names = pa.array([None if name == missing else name for name in found], pa.string())
    return names.take(encoded.indices)


def _has_no_label(names: Collection[str | None]) -> bool:
    """Return whether `-` stands for no label among the classes, as in SNLI where the annotators disagreed.

    Beside `+` it is one.

    >>> _has_no_label(["-", "neutral", "entailment"]), _has_no_label(["-", "+", "neutral"])
    (True, False)
    """
    others = {name for name in names if name not in (None, _NO_LABEL)}
    return _NO_LABEL in names and len(others) > 1 and all(len(name) > 1 for name in others)


def _name(value: Any) -> str | None:
    """Return a label's name in NFC: 1.0 and '1.0' are '1', True is 'true', blanks around it do not count.

    >>> _name(" a\\r\\n b "), _name(1.0), _name(True)
    ('a b', '1', 'true')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    text = normalize("NFC", _in_one_line(str(value).strip()))
    number = _number(text) if text.endswith(".0") else None
    return (str(int(number)) if number is not None and math.isfinite(number) else text) or None


def _in_one_line(text: str) -> str:
    """Return a text in which blanks that hold the end of a line, or a tab, are one blank."""
    return _BLANKS.sub(lambda blanks: " " if _LINE_SIGNS.intersection(blanks[0]) else blanks[0], text)


def _number(text: str) -> float | None:
    try:
        return (
            None if "_" in text else float(text if "," not in text or "." in text else text.replace(",", "."))
        )
    except ValueError:
        return None


def _numbers(cells: pa.ChunkedArray, table: Table, label: str) -> pa.Array:
    if pa.types.is_integer(cells.type) or pa.types.is_floating(cells.type) or pa.types.is_boolean(cells.type):
        numbers = pc.cast(cells, pa.float64()).combine_chunks()
        return pc.if_else(pc.is_finite(numbers), numbers, pa.scalar(None, pa.float64()))
    texts = [None if v is None else str(v).strip() for v in cells.to_pylist()]
    commas = [i for i, t in enumerate(texts) if t and "," in t]
    if commas and all(_THOUSANDS.fullmatch(texts[i] or "") for i in commas):
        raise DataError(
            f"'{texts[commas[0]]}' may be a number with three decimals, or one of thousands",
            where=table.place(commas[0]),
            allowed="Write numbers without commas: 1234 or 1.234",
        )
    values = [None if not t else _number(t) for t in texts]
    bad = [i for i, (t, v) in enumerate(zip(texts, values, strict=True)) if t and v is None]
    if bad:
        fact = counted(len(bad), f"cell of '{label}' is", f"cells of '{label}' are")
        raise DataError(
            f"{fact} no number, such as '{texts[bad[0]]}'",
            where=table.place(bad[0]),
            hint="Mend the file, or use --task classification",
        )
    return pa.array([v if v is not None and math.isfinite(v) else None for v in values], pa.float64())


def _lists(cells: pa.ChunkedArray, table: Table, label: str, separator: str | None) -> pa.Array:
    values = cells.to_pylist()
    if not is_list(cells.type):
        texts = [None if v is None and table.tells_missing else (_name(v) or "") for v in values]
        values = [
            None if t is None else split_cell(t, separator, table, i, label) for i, t in enumerate(texts)
        ]
    names = [None if v is None else sorted({n for n in map(_name, v) if n}) for v in values]
    return pa.array(names, TARGET_TYPES["multilabel"])


def convert_spans(cells: pa.ChunkedArray, table: Table, label: str) -> pa.Array:
    """Return the spans of an ner table.

    Raises:
        DataError: the column holds no spans.
    """
    if is_list(cells.type) and pa.types.is_null(cells.type.value_type):  # no entity in the whole file
        cells = cells.cast(TARGET_TYPES["ner"])
    if not is_spans(cells.type):
        raise DataError(
            f"'{label}' holds no spans",
            where=table.name,
            allowed="The task ner needs lists of {start, end, label}, or `tokens` with `tags`",
        )
    flat = cells.combine_chunks()
    if flat.type != TARGET_TYPES["ner"]:
        names = [field.name for field in SPAN]
        rows = [None if r is None else [{n: s[n] for n in names} for s in r] for r in flat.to_pylist()]
        flat = pa.array(rows, pa.list_(SPAN))
    labels = flat.values.field("label")
    normal = pc.utf8_normalize(labels, "NFC")
    return flat if normal.equals(labels) else _with_labels(flat, normal)


def _with_labels(spans: pa.ListArray, labels: pa.Array) -> pa.ListArray:
    """Return the spans with other labels, one for each of `spans.values`."""
    parts = [spans.values.field(field.name) for field in SPAN]
    parts[-1] = labels
    values = pa.StructArray.from_arrays(parts, fields=list(SPAN))
    return pa.ListArray.from_arrays(spans.offsets, values, spans.type, mask=spans.is_null())
