"""How much a column looks like the text, the label, a group or a time: by its name and its content."""

from __future__ import annotations

from feinschliff.data import _names
from feinschliff.data.profile import Profile

FEWEST_GROUPS = 20
"""A column of fewer different values is no group."""


def text_score(column: Profile) -> float:
    """Return how much a column looks like the text, by its name and by what it holds; 1 is enough."""
    score = float(_names.rank(column.name, _names.TEXT_STRONG, _names.TEXT_WEAK))
    score += 1.5 if column.words >= 6 else 1.0 if column.words >= 2.5 else 0.0
    score += 0.5 if column.spread > 0.5 else 0.0
    others = _names.ID | _names.META | _names.TIME | _names.GROUP | _names.LABEL_STRONG
    return score - (2.5 if _names.plain(column.name) in others and score < 3 else 0.0)


def label_score(column: Profile) -> float:
    """Return how much a column looks like the label, by its name and by what it holds; 1 is enough."""
    key = _names.plain(column.name)
    score = float(_names.rank(column.name, _names.LABEL_STRONG, _names.LABEL_WEAK))
    if key in _names.ID | _names.TIME | _names.META | _names.GROUP:
        return 0.0
    if column.kind in ("struct", "bytes", "empty", "date"):
        return min(score, 0.5)
    if column.kind in ("list", "spans"):
        return 0.0 if key in ("tokens", "words") else score + 1.0
    few = column.distinct <= max(20, column.num_rows // 10) and column.spread < 0.5
    if few or column.kind == "bool" or (column.distinct <= 10 and column.num_rows <= 20):
        score += 1.0 if column.distinct > 1 else 0.0
    elif column.kind == "string":
        score -= 2.0 if column.spread >= 0.5 else 0.0
    elif not score:
        return 0.0
    return score + (0.5 if column.words <= 3 else -0.5)


def is_plausible(column: Profile, labelled: bool) -> bool:
    """Return whether another person could take a column for the text or the label."""
    key = _names.plain(column.name)
    if key in _names.ID | _names.TIME | _names.META:
        return False
    if column.kind == "string" and column.words >= 2.5 and text_score(column) >= 1.0:
        return True
    few = key in _names.GROUP and 1 < column.distinct < FEWEST_GROUPS
    return labelled and column.distinct != 1 and (few or label_score(column) >= 1.0)


def is_group(column: Profile) -> bool:
    """Return whether a column is called like a group."""
    key = _names.plain(column.name)
    return key in _names.GROUP or (key in _names.GROUP_NUMBERS and column.kind == "number")


def is_time(column: Profile) -> bool:
    """Return whether a column holds dates, or numbers under the name of a time."""
    return column.kind == "date" or (_names.plain(column.name) in _names.TIME and column.kind == "number")
