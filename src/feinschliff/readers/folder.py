"""A folder of texts, one per file: a subfolder is a class; without subfolders the texts have no label."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from feinschliff import registry
from feinschliff.config import DataConfig
from feinschliff.errors import ConfigError, DataError, counted
from feinschliff.readers._encoding import Encoding, agreed, find_encoding, read_text
from feinschliff.readers._gather import gather
from feinschliff.readers._input import open_input, suggest_files
from feinschliff.readers._table import Table

SUFFIXES = ()
DESCRIPTION = "A folder of text files: one subfolder per class, or files without labels."
_SPLITS = {"train", "test", "dev", "valid", "validation", "val"}
_UNLABELLED = "unsup"
"""A folder of texts without a label beside those of classes, as in the IMDB reviews."""
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

    Without subfolders the columns are `text` and `file`.

    Raises:
        ConfigError: the subfolders are splits; the files are tables, or annotated by brat.
        DataError: files that are not text, all at once.
    """
    folder = Path(source)
    classes = sorted(p for p in _entries(folder) if p.is_dir())
    if {p.name.lower() for p in classes} <= _SPLITS | {_UNLABELLED} and len(classes) > 1:
        names = ", ".join(str(p) for p in classes)
        raise ConfigError(f"holds splits ({names}), not classes", where=str(folder), hint="Name one of them")
    labelled = [p for p in classes if p.name.lower() != _UNLABELLED or len(classes) == 1]
    notes = [f"left out: {p}, texts without a label" for p in classes if p not in labelled]
    files = [path for label in labelled or [folder] for path in _files(label)]
    _refuse_brat(folder, files)
    others = _others(files)
    if len(others) == len(files) or (others and not classes):
        fact = "is a folder without subfolders of texts"
        hint = f"Name one of its files, such as {others[0]}" if classes and others else suggest_files(folder)
        raise ConfigError(fact, where=str(folder), hint=hint)
    if others:
        notes.append(f"left out: {counted(len(others), 'file')} of other kinds, such as {others[0]}")
    left_out = set(others)
    texts = [path for path in files if path not in left_out]
    return gather(_batches(folder, texts, config, bool(classes), tuple(notes)), str(folder))


def _refuse_brat(folder: Path, files: list[Path]) -> None:
    """Raise ConfigError where annotations stand beside the texts."""
    annotated = next((path for path in files if path.suffix.lower() == ".ann"), None)
    if annotated and annotated.with_suffix(".txt") in files:
        raise ConfigError(
            f"holds annotations of brat, such as {annotated.name}, which are not read",
            where=str(folder),
            hint='Write JSON Lines: {"text": "In Ulm", "spans": [{"start": 3, "end": 6, "label": "LOC"}]}',
        )


def _others(files: list[Path]) -> list[Path]:
    """Return the files that are no texts, by their names."""
    readers = [registry.load("readers", name) for name in registry.names("readers")]
    known = {suffix for reader in readers for suffix in reader.SUFFIXES} - {".txt", ".text"} | {".ann"}
    return [path for path in files if path.suffix.lower() in known or path.name in _NO_TEXTS]


def _batches(
    folder: Path, files: list[Path], config: DataConfig, is_labelled: bool, notes: tuple[str, ...]
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
            yield _table(folder, rows, is_labelled)
            rows = []
    notes += tuple(f"{note} ({counted(count, 'file')})" for note, count in counts.items())
    if faults:
        notes += (_left_out(folder, faults, len(files)),)
    yield _table(folder, rows, is_labelled, notes)


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
    folder: Path, rows: list[tuple[str, Path]], is_labelled: bool, notes: tuple[str, ...] = ()
) -> Table:
    names = [path.relative_to(folder) for _, path in rows]
    columns = {"text": [text for text, _ in rows]}
    if is_labelled:
        columns["label"] = [name.parts[0] for name in names]
    else:
        columns["file"] = [str(name) for name in names]
    arrays = {name: pa.array(cells, pa.string()) for name, cells in columns.items()}
    files = pa.array([str(path) for _, path in rows], pa.string())
    return Table(pa.table(arrays), str(folder), notes=notes, files=files)


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
