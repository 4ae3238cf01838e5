"""Look for what would make a score a lie: each family of checks is one small file.

A check takes a `Pool` (all rows of all sources) and yields `Found`s; what is done about them is decided in
`prepare`, by the settings `data.remove` and `data.refuse`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from feinschliff.data.audit import cells, duplicates, labels
from feinschliff.data.audit._found import Found, Pool, check_kinds

KINDS: dict[str, str] = {**cells.KINDS, **duplicates.KINDS, **labels.KINDS}
"""Every kind of finding and what it means; the names that `data.remove` and `data.refuse` accept."""

Check = Callable[[Pool], Iterable[Found]]
BEFORE_SPLIT: tuple[Check, ...] = (cells.check, duplicates.within, labels.check)
AFTER_SPLIT: tuple[Check, ...] = (duplicates.across, labels.check_splits)


def run(checks: Iterable[Check], pool: Pool) -> list[Found]:
    """Return what the checks find."""
    return [found for check in checks for found in check(pool)]


__all__ = ["AFTER_SPLIT", "BEFORE_SPLIT", "KINDS", "Found", "Pool", "check_kinds", "run"]
