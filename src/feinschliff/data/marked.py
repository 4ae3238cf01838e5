"""Splits that the data brings along: a column that says of each row whether it is for train, dev or test."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from feinschliff.data import _names
from feinschliff.data.derive import derive
from feinschliff.data.profile import Profile
from feinschliff.data.split import DEV, TEST, TRAIN
from feinschliff.errors import ConfigError
from feinschliff.readers import SPLITS, Table

SIDES = {word: {"train": TRAIN, "validation": DEV, "test": TEST}[split] for word, split in SPLITS.items()}


def find_split(table: Table, profiles: Mapping[str, Profile]) -> str | None:
    """Return the column that marks every row, some for train and some not; one called like a split first."""
    few = [n for n, p in profiles.items() if p.kind == "string" and 1 < p.distinct <= 2 * len(SIDES)]
    for name in sorted(few, key=lambda n: not _names.SPLIT.intersection(_names.plain(n).split("_"))):
        sides = set(_sides(pc.unique(derive(table, name).columns[name])))
        if TRAIN in sides and None not in sides and len(sides) > 1:
            return name
    return None


def apart(table: Table, name: str) -> dict[int, np.ndarray]:
    """Return the rows of each side, train first.

    Raises:
        ConfigError: a cell is no name of a side; no row is for train, or none is for dev or test.
    """
    cells = derive(table, name).columns[name]
    sides = np.array([-1 if side is None else side for side in _sides(cells)])
    unknown = np.flatnonzero(sides < 0)
    if len(unknown):
        raise ConfigError(
            f"'{name}' says {cells[int(unknown[0])].as_py()!r}, which is no split",
            where=table.place(int(unknown[0])),
            allowed=f"There are: {', '.join(SIDES)}",
            hint="Mend the cell, or split anew: --set data.split=none",
        )
    found = {side: np.flatnonzero(sides == side) for side in (TRAIN, DEV, TEST) if (sides == side).any()}
    if TRAIN not in found or len(found) < 2:
        raise ConfigError(
            f"'{name}' marks no rows for {'train' if TRAIN not in found else 'dev or test'}",
            where=table.name,
            hint="Split anew: --set data.split=none",
        )
    return found


def test_rows(table: Table, name: str) -> np.ndarray | None:
    """Return the rows that a column marks for test; None where it is missing or marks none."""
    if name not in derive(table, name).columns.column_names:
        return None
    return apart(table, name).get(TEST)


def _sides(cells: pa.ChunkedArray | pa.Array) -> list[int | None]:
    """Return the side that each cell names, None where it names none."""
    words = pc.utf8_lower(pc.utf8_trim_whitespace(pc.cast(cells, pa.string())))
    return [SIDES.get(word) for word in words.to_pylist()]
