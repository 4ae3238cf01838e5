"""A folder of texts, one per file: a subfolder is a class; without subfolders the texts have no label.

Entities of brat (`.ann`) beside the texts are read with them; folders are then no classes.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from feinschliff import registry
from feinschliff.config import DataConfig
from feinschliff.errors import ConfigError, DataError, counted
from feinschliff.readers._brat import SUFFIX, Annotations
from feinschliff.readers._encoding import Encoding, agreed, find_encoding, read_text
from feinschliff.readers._gather import gather
from feinschliff.readers._input import open_input, suggest_files
from feinschliff.readers._levels import find_level, labelled, refuse_splits
from feinschliff.readers._spans import SPANS
from feinschliff.readers._table import Table

SUFFIXES = ()
DESCRIPTION = "A folder of text files: one subfolder per class, brat's `.ann` beside them, or no labels."
_NO_TEXTS = {"cmds"}
"""Files of SpamAssassin's folders that are no mails."""
_BATCH_FILES = 1024
_FEW = 0.05
"""At most this share of the files is left out where they cannot be read."""


def accepts(source: Any) -> bool:
    """Return whether the source is an existing folder."""
    try:
        return isinstance(source, str | os.PathLike) and Path(source).is_dir()
    except (OSError, ValueError):
        return False


def read(source: Any, config: DataConfig) -> Table:
    """Read all files of all classes, in the order of their names; hidden files are passed over.

    Without subfolders the columns are `text` and `file`, and `spans` where entities stand beside the texts.

    Where folders such as `part1`, `part2` hold the same folders each, those are the classes.

    Raises:
        ConfigError: the subfolders are splits, or no classes; the files are tables.
        DataError: files that are not text, all at once; entities that do not lie in their text.
    """
    folder = Path(source)
    classes = sorted(p for p in _entries(folder) if p.is_dir())
    refuse_splits(folder, classes)
    with_label = labelled(classes)
    notes = [f"left out: {p}, texts without a label" for p in classes if p not in with_label]
    files = [path for label in with_label or [folder] for path in _files(label)]
    annotations = Annotations(config) if any(path.suffix == SUFFIX for path in files) else None
    others = _others(files) if annotations is None else [path for path in files if path.suffix != ".txt"]
    if len(others) == len(files) or (others and not classes and annotations is None):
        fact = "is a folder without subfolders of texts"
        hint = f"Name one of its files, such as {others[0]}" if classes and others else suggest_files(folder)
        raise ConfigError(fact, where=str(folder), hint=hint)
    if odd := [path for path in others if path.suffix not in (SUFFIX, ".conf")]:
        notes.append(f"left out: {counted(len(odd), 'file')} of other kinds, such as {odd[0]}")
    level = None
    if classes and annotations is None:
        level, found = find_level(folder, with_label)
        notes += found
    left_out = set(others)
    if level and (beside := [path for path in files if len(path.relative_to(folder).parts) <= level + 1]):
        notes.append(f"left out: {counted(len(beside), 'file')} beside these folders, such as {beside[0]}")
        left_out.update(beside)
    texts = [path for path in files if path not in left_out]
    return gather(_batches(folder, texts, config, level, annotations, tuple(notes)), str(folder))


def _others(files: list[Path]) -> list[Path]:
    """Return the files that are no texts, by their names."""
    readers = [registry.load("readers", name) for name in registry.names("readers")]
    known = {suffix for reader in readers for suffix in reader.SUFFIXES} - {".txt", ".text"}
    return [path for path in files if path.suffix.lower() in known or path.name in _NO_TEXTS]


def _batches(
    folder: Path,
    files: list[Path],
    config: DataConfig,
    level: int | None,
    annotations: Annotations | None,
    notes: tuple[str, ...],
) -> Iterator[Table]:
    encodings, faults = _encodings(files, config)
    counts: Counter[str] = Counter()
    rows: list[tuple[str, Path]] = []
    for path, encoding in encodings.items():
        try:
            text = read_text(open_input(path), encoding) if path.stat().st_size else ""
        except DataError as error:
            faults.append(error)
            continue
        counts.update(encoding.notes)
        rows.append((text, path))
        if len(rows) == _BATCH_FILES:
            yield _table(folder, rows, level, annotations)
            rows = []
    notes += tuple(f"{note} ({counted(count, 'file')})" for note, count in counts.items())
    if faults:
        notes += (_left_out(folder, faults, len(files)),)
    last = _table(folder, rows, level, annotations)
    yield replace(last, notes=notes + (annotations.notes() if annotations else ()))


def _encodings(files: list[Path], config: DataConfig) -> tuple[dict[Path, Encoding], list[DataError]]:
    found: dict[Path, Encoding] = {}
    faults: list[DataError] = []
    for path in files:
        try:
            found[path] = find_encoding(open_input(path), config) if path.stat().st_size else Encoding()
        except DataError as error:
            faults.append(error)
    return dict(zip(found, agreed(list(found.values())), strict=True)), faults


def _left_out(folder: Path, faults: list[DataError], num_files: int) -> str:
    """Return the note on a few files that cannot be read.

    Raises:
        DataError: there are more than a few.
    """
    shown = "; ".join(f"{error.where}: {error.fact}" for error in faults[:5])
    if len(faults) > _FEW * num_files:
        fact = f"{counted(len(faults), 'file')} cannot be read: {shown}"
        raise DataError(fact, where=str(folder), hint="Remove them, or name data.encoding")
    return f"left out: {counted(len(faults), 'file')} that cannot be read: {shown}"


def _table(
    folder: Path, rows: list[tuple[str, Path]], level: int | None, annotations: Annotations | None
) -> Table:
    names = [path.relative_to(folder) for _, path in rows]
    columns = {"text": [text for text, _ in rows]}
    if level is not None:
        columns["label"] = [name.parts[level] for name in names]
    else:
        columns["file"] = [str(name) for name in names]
    arrays = {name: pa.array(cells, pa.string()) for name, cells in columns.items()}
    if annotations is not None:
        arrays["spans"] = pa.array([annotations.beside(path, text) for text, path in rows], SPANS)
    files = pa.array([str(path) for _, path in rows], pa.string())
    return Table(pa.table(arrays), str(folder), files=files)


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
