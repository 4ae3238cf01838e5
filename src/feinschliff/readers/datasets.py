"""A folder that `save_to_disk` of Hugging Face `datasets` wrote: Arrow streams in parts, perhaps splits."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from feinschliff.config import DataConfig
from feinschliff.errors import DataError
from feinschliff.readers import arrow
from feinschliff.readers._gather import gather
from feinschliff.readers._splits import COLUMN, split_of
from feinschliff.readers._table import Table

SUFFIXES = ()
DESCRIPTION = "A folder that `save_to_disk` of Hugging Face `datasets` wrote: all parts, all splits."
_STATE = "state.json"
_SPLITS = "dataset_dict.json"


def accepts(source: Any) -> bool:
    """Return whether the source is such a folder."""
    try:
        is_path = isinstance(source, str | os.PathLike)
        return is_path and any((Path(source) / name).is_file() for name in (_STATE, _SPLITS))
    except (OSError, ValueError):
        return False


def read(source: Any, config: DataConfig) -> Table:
    """Read a folder whole; where it holds splits, the column `split` says which one a row is of.

    Raises:
        DataError: a part is damaged or missing, or what lists the parts is.
    """
    folder = Path(source)
    if not (folder / _SPLITS).is_file():
        return gather(_parts(folder, config), str(folder))
    names = _listed(folder / _SPLITS, "splits")
    known = {name: split for name in names if (split := split_of(name))}
    tables = (
        _marked(table, split) for name, split in known.items() for table in _parts(folder / name, config)
    )
    left_out = [
        f"left out: {folder / name}, no split for train, dev or test" for name in names if name not in known
    ]
    table = gather(tables, str(folder))
    return replace(table, notes=(*table.notes, *left_out))


def _parts(folder: Path, config: DataConfig) -> Iterator[Table]:
    for item in _listed(folder / _STATE, "_data_files"):
        name = item.get("filename") if isinstance(item, dict) else None
        if not isinstance(name, str):
            raise DataError("a part has no name", where=str(folder / _STATE))
        path = folder / Path(name).name
        if not path.is_file():
            raise DataError(f"names a part that is not there: {name}", where=str(folder / _STATE))
        yield arrow.read(path, config)


def _marked(table: Table, split: str) -> Table:
    """Return a table with a column that says its split, unless it has one."""
    if COLUMN in table.columns.column_names:
        return table
    column = pa.array([split] * len(table), pa.string())
    return replace(table, columns=table.columns.append_column(COLUMN, column))


def _listed(path: Path, key: str) -> list[Any]:
    """Return the list under a key of a JSON file."""
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))[key]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"does not say what the folder holds: {error}", where=str(path)) from None
    if not isinstance(listed, list):
        raise DataError(f"'{key}' is no list", where=str(path))
    return listed
