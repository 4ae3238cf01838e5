"""How much a column looks like the text, the label, a group or a time: by its name and its content."""

from __future__ import annotations

from feinschliff.data import _names
from feinschliff.data.profile import Profile

TOKENS = ("tokens", "words")
FEWEST_GROUPS = 20
"""A column of fewer different values is no group."""
MOSTLY_EMPTY = 0.5
"""Where fewer of the cells hold something, only an exact name speaks for a label."""


def may_be_text(column: Profile) -> bool:
    """Return whether a column holds strings, or lists of paragraphs under the name of a text."""
    named = _names.rank(column.name, _names.TEXT_STRONG, _names.TEXT_WEAK)
    is_text = column.items == "paragraphs" and named and _names.plain(column.name) not in TOKENS
    return column.kind == "string" or bool(is_text)


def text_score(column: Profile) -> float:
    """Return how much a column looks like the text, by its name and by what it holds; 1 is enough."""
    score = float(_names.rank(column.name, _names.TEXT_STRONG, _names.TEXT_WEAK))
    score += 1.5 if column.words >= 6 else 1.0 if column.words >= 2.5 else 0.0
    score += 0.5 if column.spread > 0.5 else 0.0
    others = _names.ID | _names.META | _names.TIME | _names.GROUP | _names.LABEL_STRONG
    return score - (2.5 if _names.plain(column.name) in others and score < 3 else 0.0)


def label_score(column: Profile, of_pair: bool = False) -> float:
    """Return how much a column looks like the label, by its name and by what it holds; 1 is enough.

    Args:
        of_pair: Two texts have the label together, and the genre of one is seldom meant.
    """
    key, rank = _names.plain(column.name), _names.rank(column.name, _names.LABEL_STRONG, _names.LABEL_WEAK)
    few = column.distinct <= max(20, column.num_rows // 10) and column.spread < 0.5
    if _is_aside(column, key, few):
        return 0.0
    score = float(rank if rank == 3 or column.filled >= MOSTLY_EMPTY else 0)
    score -= 1.0 if of_pair and key in _names.OF_ONE_TEXT else 0.0
    if column.kind in ("struct", "bytes", "empty", "date") or (column.kind == "string" and column.items):
        return min(score, 0.5)
    if column.kind in ("list", "spans"):
        return score + 1.0 if _may_be_labels(column, key) else 0.0
    if few or column.kind == "bool" or (column.distinct <= 10 and column.num_rows <= 20):
        score += 1.0 if column.distinct > 1 else 0.0
    elif column.kind == "number" and score and key in _names.NUMBERS:
        score += 1.0
    elif column.kind == "string":
        score -= 2.0 if column.spread >= 0.5 else 0.0
    elif not score:
        return 0.0
    return score + (0.5 if column.words <= 3 else -0.5)


def _is_aside(column: Profile, key: str, few: bool) -> bool:
    """Return whether a column says something about a row, and is not what is to be learnt."""
    if key.endswith("_id") and not (few and key.removesuffix("_id") in _names.LABEL_STRONG):
        return True
    if key in _names.GROUP:
        return not 1 < column.distinct < FEWEST_GROUPS
    return key in _names.ID | _names.TIME | _names.META or key.rpartition("_")[2] in _names.ABOUT_LABELS


def _may_be_labels(column: Profile, key: str) -> bool:
    """Return whether lists can be labels; numbers and long texts are so by their name only."""
    if column.items == "numbers":
        return key in _names.LABEL_STRONG or key.endswith("tags")
    if column.items == "paragraphs":
        return key in _names.LABEL_STRONG | _names.LABEL_WEAK
    return key not in TOKENS


def is_usable(column: Profile, role: str) -> bool:
    """Return whether a column that is named as the text or the label can be read as that."""
    if _names.plain(column.name) in _names.ID:
        return False
    if role == "label":
        nested = column.items in ("objects", "lists", "paragraphs")
        return column.kind not in ("struct", "bytes", "empty") and not nested
    return column.kind in ("string", "number", "bool", "date") or column.items == "paragraphs"


def is_plausible(column: Profile, labelled: bool) -> bool:
    """Return whether another person could take a column for the text or the label."""
    key = _names.plain(column.name)
    if key in _names.ID | _names.TIME | _names.META:
        return False
    if may_be_text(column) and column.words >= 2.5 and text_score(column) >= 1.0:
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
