"""Find the parts of a family by file name.

A family is a folder: `readers`, `tasks`, `objectives`, `baselines`, `exporters`. Every module in it whose
name does not start with an underscore is a part; its name is the module's. So a new part is one new file.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib.resources import files
from types import ModuleType

from feinschliff.errors import no_such

FAMILIES = ("readers", "tasks", "objectives", "baselines", "exporters")


@cache
def names(family: str) -> tuple[str, ...]:
    """Return the names of a family's parts, sorted.

    >>> "classification" in names("tasks")
    True
    """
    assert family in FAMILIES, family
    folder = str(files("feinschliff") / family)
    return tuple(sorted(m.name for m in pkgutil.iter_modules([folder]) if not m.name.startswith("_")))


def load(family: str, name: str) -> ModuleType:
    """Import one part.

    Raises:
        ConfigError: no part of that name exists; the nearest is suggested.
    """
    known = names(family)
    if name not in known:
        raise no_such(family.rstrip("s"), name, known)
    return importlib.import_module(f"feinschliff.{family}.{name}")
