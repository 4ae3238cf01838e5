"""Read dates and times of any usual spelling as numbers."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from feinschliff.errors import ConfigError, DataError, counted
from feinschliff.readers import Table

_NUMBER = re.compile(r"[+-]?\d{1,4}|[+-]?\d{9,}(\.\d+)?")
"""A year, or seconds."""
_YEAR = re.compile(r"\d{4}")
_WITH_DOTS = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(.*)")
_WITH_SLASHES = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(.*)")


def times(table: Table, name: str) -> np.ndarray:
    """Return float64 [N]: larger is later; -inf where the cell is empty.

    Raises:
        DataError: cells that are no time, with places.
        ConfigError: days and months cannot be told apart.
    """
    cells = table.columns[name].combine_chunks()
    if pa.types.is_timestamp(cells.type) or pa.types.is_date(cells.type):
        cells = pc.cast(pc.cast(cells, pa.timestamp("us"), safe=False), pa.int64())
    if pa.types.is_integer(cells.type) or pa.types.is_floating(cells.type):
        numbers = pc.cast(cells, pa.float64())
        return np.nan_to_num(pc.fill_null(numbers, -np.inf).to_numpy(zero_copy_only=False), nan=-np.inf)
    if pa.types.is_nested(cells.type) or pa.types.is_binary(cells.type) or pa.types.is_temporal(cells.type):
        raise ConfigError(f"'{name}' holds {cells.type}, no times", where=table.name)
    encoded = pc.cast(cells, pa.string()).dictionary_encode()
    texts = [text.strip() for text in encoded.dictionary.to_pylist()]
    if not all(_NUMBER.fullmatch(text) for text in texts if text):  # a year beside dates is its first day
        texts = [f"{text}-01-01" if _YEAR.fullmatch(text) else text for text in texts]
    day_first = _day_first(texts, table, name)
    values = [_parse(text, day_first) if text else -np.inf for text in texts]
    known = np.array([*(np.nan if v is None else v for v in values), -np.inf])
    found = known[encoded.indices.fill_null(len(values)).to_numpy()]
    wrong = np.flatnonzero(np.isnan(found))
    if len(wrong):
        fact = counted(len(wrong), f"cell of '{name}' is", f"cells of '{name}' are")
        raise DataError(
            f"{fact} no time, such as {cells[int(wrong[0])].as_py()!r}",
            where=table.place(int(wrong[0])),
            allowed="Write 2026-11-23, 2026-11-23T16:30, 23.11.2026, 11/23/2026, or a number",
        )
    return found


def _parse(text: str, day_first: bool) -> float | None:
    if _NUMBER.fullmatch(text):
        return float(text)
    if match := _WITH_DOTS.fullmatch(text):
        text = f"{match[3]}-{int(match[2]):02}-{int(match[1]):02}{match[4]}"
    elif match := _WITH_SLASHES.fullmatch(text):
        month, day = (match[2], match[1]) if day_first else (match[1], match[2])
        text = f"{match[3]}-{int(month):02}-{int(day):02}{match[4]}"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _day_first(texts: list[str], table: Table, name: str) -> bool:
    """Return whether 3/4/2026 is in April."""
    pairs = [(int(m[1]), int(m[2])) for t in texts if (m := _WITH_SLASHES.fullmatch(t))]
    first, second = any(a > 12 for a, _ in pairs), any(b > 12 for _, b in pairs)
    if pairs and first == second:
        raise ConfigError(
            f"in '{name}' days and months cannot be told apart",
            where=table.name,
            hint="Write dates like 2026-11-23",
        )
    return first
