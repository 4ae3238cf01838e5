"""A folder with one subfolder per class and one text per file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from feinschliff.config import DataConfig
from feinschliff.errors import ConfigError, DataError, counted
from feinschliff.readers._encoding import find_encoding, read_text
from feinschliff.readers._gather import gather
from feinschliff.readers._input import open_input, suggest_files
from feinschliff.readers._table import Table

SUFFIXES = ()
DESCRIPTION = "A folder of text files, one subfolder per class."
_SPLITS = {"train", "test", "dev", "valid", "validation", "val"}
_BATCH_FILES = 1024


def accepts(source: Any) -> bool:
    """Return whether the source is an existing folder."""
    try:
        return isinstance(source, str | os.PathLike) and Path(source).is_dir()
    except (OSError, ValueError):
        return False


def read(source: Any, config: DataConfig) -> Table:
    """Read all files of all classes, in the order of their names; hidden files are passed over.

    Raises:
        ConfigError: there are no subfolders, or they are splits.
        DataError: files that are not text, all at once.
    """
    folder = Path(source)
    classes = sorted(p for p in _entries(folder) if p.is_dir())
    if not classes:
        fact = "is a folder without subfolders, so it does not hold texts by class"
        raise ConfigError(fact, where=str(folder), hint=suggest_files(folder))
    if {p.name.lower() for p in classes} <= _SPLITS | {"unsup"} and len(classes) > 1:
        names = ", ".join(str(p) for p in classes)
        raise ConfigError(f"holds splits ({names}), not classes", where=str(folder), hint="Name one of them")
    return gather(_batches(folder, classes, config), str(folder))


def _batches(folder: Path, classes: list[Path], config: DataConfig) -> Iterator[Table]:
    rows: list[tuple[str, str, str]] = []
    faults: list[DataError] = []
    notes: dict[str, int] = {}
    for path, label in ((path, folder.name) for folder in classes for path in _files(folder)):
        try:
            text, found = _read_file(path, config)
        except DataError as error:
            faults.append(error)
            continue
        for note in found:
            notes[note] = notes.get(note, 0) + 1
        rows.append((text, label, str(path)))
        if len(rows) == _BATCH_FILES:
            yield _table(folder, rows)
            rows = []
    if faults:
        shown = "; ".join(f"{error.where}: {error.fact}" for error in faults[:5])
        fact = f"{counted(len(faults), 'file')} cannot be read: {shown}"
        raise DataError(fact, where=str(folder), hint="Remove them, or name data.encoding")
    yield _table(folder, rows, tuple(f"{note} ({counted(count, 'file')})" for note, count in notes.items()))


def _read_file(path: Path, config: DataConfig) -> tuple[str, tuple[str, ...]]:
    if path.stat().st_size == 0:
        return "", ()
    file = open_input(path)
    encoding = find_encoding(file, config)
    return read_text(file, encoding), encoding.notes


def _table(folder: Path, rows: list[tuple[str, str, str]], notes: tuple[str, ...] = ()) -> Table:
    texts, labels, files = (pa.array([row[i] for row in rows], pa.string()) for i in range(3))
    return Table(pa.table({"text": texts, "label": labels}), str(folder), notes=notes, files=files)


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder and its subfolders; links to folders are not followed."""
    for path in sorted(_entries(folder)):
        if path.is_file():
            yield path
        elif not path.is_symlink():
            yield from _files(path)


def _entries(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(folder)) from None
