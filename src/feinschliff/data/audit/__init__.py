"""Look for what would make a score a lie: each family of checks is one small file.

A check takes a `Pool` (all rows of all sources) and yields `Found`s; what is done about them is decided in
`prepare`, by the settings `data.remove` and `data.refuse`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from feinschliff.data.audit import (
    cells,
    damage,
    duplicates,
    giveaway,
    labels,
    languages,
    lengths,
    noise,
    pairs,
    personal,
    shift,
    spans,
)
from feinschliff.data.audit._found import Found, Pool, check_kinds

FAMILIES = (
    cells,
    duplicates,
    labels,
    lengths,
    damage,
    languages,
    personal,
    giveaway,
    noise,
    spans,
    pairs,
    shift,
)
KINDS: dict[str, str] = {kind: meaning for family in FAMILIES for kind, meaning in family.KINDS.items()}
"""Every kind of finding and what it means; the names that `data.remove` and `data.refuse` accept."""

REMOVABLE = frozenset(KINDS) - {
    "imbalance",
    "inconsistent_types",
    "label_in_text",
    "label_shift",
    "label_variants",
    "length_shift",
    "mixed_languages",
    "shared_texts",
    "small_classes",
    "telling_column",
    "telling_word",
    "unseen_labels",
    "word_shift",
}
"""The kinds that name single rows, which `data.remove` can leave out of train."""

Check = Callable[[Pool], Iterable[Found]]
BEFORE_SPLIT: tuple[Check, ...] = (
    cells.check,
    duplicates.within,
    labels.check,
    lengths.check,
    damage.check,
    languages.check,
    personal.check,
    giveaway.check,
    noise.check,
    spans.check,
)
AFTER_SPLIT: tuple[Check, ...] = (duplicates.across, labels.check_splits, pairs.check, shift.check)


def run(checks: Iterable[Check], pool: Pool) -> list[Found]:
    """Return what the checks find."""
    return [found for check in checks for found in check(pool)]


__all__ = ["AFTER_SPLIT", "BEFORE_SPLIT", "KINDS", "Found", "Pool", "check_kinds", "run"]
