"""Which folders of a folder are its classes: those in it, those in each of them, or none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from feinschliff.errors import ConfigError, counted
from feinschliff.readers._splits import are_splits, split_of

_UNLABELLED = "unsup"
"""A folder of texts without a label beside those of classes, as in the IMDB reviews."""
_PARTS = {"part", "fold", "chunk", "batch", "shard", "volume", "vol"}
_NUMBERED = re.compile(r"(.*?)[\W_]*\d+")


def labelled(folders: Sequence[Path]) -> list[Path]:
    """Return the folders whose texts have a label: all but those of unlabelled texts beside others."""
    return [folder for folder in folders if folder.name.lower() != _UNLABELLED or len(folders) == 1]


def refuse_splits(folder: Path, inside: Sequence[Path]) -> None:
    """Raise ConfigError where the folders inside a folder are splits."""
    beside = [path for path in inside if path.name.lower() != _UNLABELLED]
    if len(inside) > 1 and (
        are_splits(path.name for path in beside) or (len(beside) == 1 and split_of(beside[0].name))
    ):
        names = ", ".join(map(str, inside))
        raise ConfigError(f"holds splits ({names}), not classes", where=str(folder), hint="Name one of them")


def find_level(folder: Path, classes: Sequence[Path]) -> tuple[int, tuple[str, ...]]:
    """Return (which part of the paths inside the folder is the class, notes).

    Raises:
        ConfigError: the classes are deeper, or are none.
    """
    inner = [_folders(path) for path in classes]
    if len(classes) == 1 and inner[0]:
        hint = f"Name {_deepest(classes[0])}"
        raise ConfigError("holds one folder, so there are no classes", where=str(folder), hint=hint)
    stem = _stem([path.name for path in classes])
    names = _few([path.name for path in classes])
    if len(classes) > 1 and _are_classes(inner[0]) and all(folders == inner[0] for folders in inner):
        each = f"{names} hold the same folders each ({_few(inner[0])})"
        if not stem:
            hint = f"Name one of them, such as {classes[0]}"
            raise ConfigError(f"{each}, so the classes are not clear", where=str(folder), hint=hint)
        return 1, (f"{each}, which are the labels",)
    if stem in _PARTS:
        hint = "Give a folder for each class, or a table with a column for the label"
        raise ConfigError(f"holds parts ({names}), not classes", where=str(folder), hint=hint)
    return 0, (f"the labels are the folders {names}, numbered alike: are they classes?",) if stem else ()


def _folders(folder: Path) -> list[str]:
    """Return the names of the folders in which the texts of a folder lie, none where they lie beside them."""
    paths = [path for path in folder.iterdir() if not path.name.startswith(".")]
    names = sorted(path.name for path in paths if path.is_dir())
    return names if len(paths) <= 2 * len(names) else []


def _are_classes(names: Sequence[str]) -> bool:
    """Return whether folders may be classes: no splits, no numbers, not those of a mailbox."""
    return len(names) > 1 and not are_splits(names) and _stem(names) is None and "cur" not in names


def _deepest(folder: Path) -> Path:
    """Return the first folder, going down, that holds more than one."""
    names = _folders(folder)
    return _deepest(folder / names[0]) if len(names) == 1 else folder


def _stem(names: Sequence[str]) -> str | None:
    """Return what names have in common that differ in their number only; empty where they are numbers.

    >>> _stem(["part1", "part2"]), _stem(["1", "2"]), _stem(["ham", "spam"])
    ('part', '', None)
    """
    found = [_NUMBERED.fullmatch(name.lower()) for name in names]
    stems = {match[1] if match else None for match in found}
    return stems.pop() if len(stems) == 1 and len(names) > 1 else None


def _few(names: Sequence[str]) -> str:
    """Return names for a message, the first of many."""
    return ", ".join(names if len(names) < 6 else [*names[:3], f"... ({counted(len(names), 'folder')})"])
