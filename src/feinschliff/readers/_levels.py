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
    if versions := _num_versions(classes, inner):
        fact = f"{names} hold the same {versions:,} files each: versions of one corpus, not classes"
        raise ConfigError(fact, where=str(folder), hint=f"Name one of them, such as {classes[0]}")
    if stem in _PARTS:
        hint = "Give a folder for each class, or a table with a column for the label"
        raise ConfigError(f"holds parts ({names}), not classes", where=str(folder), hint=hint)
    if stem or (stem == "" and any(path.name.startswith("0") and len(path.name) > 1 for path in classes)):
        return 0, (f"the labels are the folders {names}, numbered alike: are they classes?",)
    return 0, _alike([path.name for path in classes])


def _num_versions(classes: Sequence[Path], inner: Sequence[Sequence[str]]) -> int:
    """Return how many files, called alike, each folder holds in folders of its own; 0 if they differ."""
    if len(classes) < 2 or not all(inner) or any(folders != inner[0] for folders in inner):
        return 0
    found = [{p.relative_to(path) for p in path.rglob("*") if p.is_file()} for path in classes]
    are_same = all(files == found[0] for files in found) and not all(path.stem.isdigit() for path in found[0])
    return len(found[0]) if are_same else 0


def _alike(names: Sequence[str]) -> tuple[str, ...]:
    """Return the note on names that differ in a number only, as of two halves of one class.

    >>> _alike(["ham", "spam", "spam_2"])
    ("the folders 'spam' and 'spam_2' are two labels: if they are one, join them",)
    """
    stems = {name: match[1] for name in names if (match := _NUMBERED.fullmatch(name.lower())) and match[1]}
    pairs = ((other, name) for name, stem in stems.items() for other in names if other.lower() == stem)
    return tuple(f"the folders '{a}' and '{b}' are two labels: if they are one, join them" for a, b in pairs)


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
