"""A folder of texts, one per file: a subfolder is a class; without subfolders the texts have no label.

Entities of brat (`.ann`) beside the texts are read with them; folders are then no classes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from feinschliff import registry
from feinschliff.config import DataConfig
from feinschliff.errors import ConfigError, counted
from feinschliff.readers import index
from feinschliff.readers._brat import SUFFIXES as ENTITIES
from feinschliff.readers._brat import Annotations
from feinschliff.readers._encoding import head_text
from feinschliff.readers._gather import gather
from feinschliff.readers._input import open_input, suggest_files
from feinschliff.readers._levels import find_level, labelled, refuse_splits
from feinschliff.readers._splits import are_splits, split_of
from feinschliff.readers._table import Table
from feinschliff.readers._texts import read_texts

SUFFIXES = ()
DESCRIPTION = (
    "A folder: texts in a subfolder per class, or beside brat's `.ann`, or alone; or tables of one format."
)
_NO_TEXTS = {"cmds"}
"""Files of SpamAssassin's folders that are no mails."""


def accepts(source: Any) -> bool:
    """Return whether the source is an existing folder."""
    try:
        return isinstance(source, str | os.PathLike) and Path(source).is_dir()
    except (OSError, ValueError):
        return False


def read(source: Any, config: DataConfig) -> Table:
    """Read all files of all classes, in the order of their names; hidden files are passed over.

    Without subfolders the columns are `text` and `file`, and `spans` where entities stand beside the texts;
    files of one other format, such as CoNLL, are read as one table.

    Where folders such as `part1`, `part2` hold the same folders each, those are the classes.

    Raises:
        ConfigError: the subfolders are splits, or no classes; the files are tables.
        DataError: files that are not text, all at once; entities that do not lie in their text.
    """
    folder = Path(source)
    classes = sorted(p for p in _entries(folder) if p.is_dir())
    refuse_splits(folder, classes)
    _refuse_index(folder, [folder, *classes])
    with_label = labelled(classes)
    notes = [f"left out: {p}, texts without a label" for p in classes if p not in with_label]
    files = [path for label in with_label or [folder] for path in _files(label)]
    annotations = Annotations(config) if any(path.suffix in ENTITIES for path in files) else None
    if not classes and annotations is None:
        if are_splits(path.stem for path in files):
            raise ConfigError("holds a file for each split", where=str(folder), hint=_name_splits(files))
        if len({path.suffix.lower() for path in files}) == 1 < len(files) and len(_others(files)) == len(
            files
        ):
            return gather(_tables(files, config), str(folder))
    others = _others(files) if annotations is None else [path for path in files if path.suffix != ".txt"]
    if len(others) == len(files) or (others and not classes and annotations is None):
        fact = "is a folder without subfolders of texts"
        hint = f"Name one of its files, such as {others[0]}" if classes and others else suggest_files(folder)
        raise ConfigError(fact, where=str(folder), hint=hint)
    if odd := [path for path in others if path.suffix not in (*ENTITIES, ".a2", ".conf")]:
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
    labels = None if level is None else {path: path.relative_to(folder).parts[level] for path in texts}
    return read_texts(str(folder), folder, texts, config, labels, annotations, tuple(notes))


def _others(files: list[Path]) -> list[Path]:
    """Return the files that are no texts, by their names."""
    readers = [registry.load("readers", name) for name in registry.names("readers")]
    known = {suffix for reader in readers for suffix in reader.SUFFIXES} - {".txt", ".text"}
    return [path for path in files if path.suffix.lower() in known or path.name in _NO_TEXTS]


def _name_splits(files: list[Path]) -> str:
    """Return how to name files that are splits."""
    options = {"train": "", "validation": "--dev ", "test": "--test "}
    named = sorted((list(options).index(split), path) for path in files if (split := split_of(path.stem)))
    return "Name them: " + " ".join(f"{list(options.values())[place]}{path}" for place, path in named)


def _tables(files: list[Path], config: DataConfig) -> Iterator[Table]:
    """Yield the tables of files of one format; where they hold entities, each file is a `document`."""
    from feinschliff.readers import read as read_file

    for number, path in enumerate(files):
        table = read_file(path, config)
        columns = table.columns
        if "spans" in columns.column_names:
            columns = columns.drop_columns([name for name in columns.column_names if name == "document"])
            columns = columns.append_column("document", pa.array([number] * len(table), pa.int64()))
        yield replace(table, columns=columns, files=pa.array([str(path)] * len(table), pa.string()))


def _refuse_index(folder: Path, places: list[Path]) -> None:
    """Raise ConfigError where a list of files says which label each has: the folders are none."""
    found = [path for place in places if (path := place / index.NAME).is_file() and path.stat().st_size]
    found = [path for path in found if index.sniff(head_text(open_input(path)), path.suffix)]
    if found:
        lists = ", ".join(map(str, found))
        fact, hint = (
            f"the labels stand in a list of its files ({lists})",
            f"Name the list, such as {found[0]}",
        )
        raise ConfigError(fact, where=str(folder), hint=hint)


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
