"""Tags of tokens to entities: the scheme is found by its prefixes and by which tag follows which.

Source: Ramshaw and Marcus 1995 (IOB1); Tjong Kim Sang and Veenstra 1999 (IOB2); Ratinov and Roth 2009
(BILOU).

    io      PER PER O      a run of one type is one entity
    iob1    I-PER I-PER    B- only where an entity touches another of its type
    iob2    B-PER I-PER    every entity begins with B-
    bioes   B- I- E-       a single token is S-
    bilou   B- I- L-       a single token is U-
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

_PREFIXED = re.compile(r"([BIOESLUM])(?:[-_](.+))?")
_IN_LOWER_CASE = re.compile(r"o|[bieslum][-_].+")
_NAMELESS = "entity"

Tag = tuple[str, str]
"""Prefix (`O`, `B`, `I`, `E`, `S`; `?` where it is missing) and type; of `O` the type is empty."""


def is_tag(text: str) -> bool:
    """Return whether a text is a tag with a prefix.

    >>> is_tag("B-PER"), is_tag("O"), is_tag("NNP"), is_tag("b-per")
    (True, True, False, True)
    """
    return _is_prefixed(text) or _IN_LOWER_CASE.fullmatch(text) is not None


def _is_prefixed(text: str) -> bool:
    return _PREFIXED.fullmatch(text) is not None and (text == "O" or text[0] != "O")


def in_lower_case(tags: Collection[str]) -> bool:
    """Return whether all tags of the data have prefixes in lower case, which the other functions do not read.

    `e-mail` alone may be a type; an `o`, or an entity that begins, shows that it is none.

    >>> in_lower_case(["o", "b-per"]), in_lower_case(["O", "e-mail"]), in_lower_case(["B-per", "O"])
    (True, False, False)
    """
    inside = set(tags) - {"O"}
    begun = any(tag == "o" or tag[0] in "bsu" for tag in inside)
    return begun and all(_IN_LOWER_CASE.fullmatch(tag) for tag in inside)


def split_tag(text: str, scheme: str) -> Tag:
    """Return (prefix, type); L and U are written as E and S, M as I.

    >>> split_tag("U-PER", "bilou"), split_tag("PER", "io"), split_tag("I-PER", "iob1")
    (('S', 'PER'), ('I', 'PER'), ('I', 'PER'))
    """
    if text == "O":
        return "O", ""
    match = _PREFIXED.fullmatch(text)
    if scheme == "io" or match is None:
        return "I" if scheme in ("io", "iob1") else "?", text
    return match[1].translate(str.maketrans("LUM", "ESI")), match[2] or _NAMELESS


def find_scheme(pairs: Collection[tuple[str, str]]) -> str:
    """Return the scheme in which the tags are written.

    Args:
        pairs: Every (tag, next tag) of the data; `O` stands before and after each sentence.
    """
    tags = {tag for pair in pairs for tag in pair} - {"O"}
    prefixes = {tag[0] for tag in tags if _is_prefixed(tag)}
    if tags and not prefixes:
        return "io"
    if prefixes & set("LU"):
        return "bilou"
    if prefixes & set("ESM"):
        return "bioes"
    split = {(split_tag(a, ""), split_tag(b, "")) for a, b in pairs}
    inside = {(a, b) for a, b in split if b[0] == "I" and a[1] != b[1]}
    if not inside:
        return "iob2"
    beginning = {(a, b) for a, b in split if b[0] == "B" and a[1] != b[1]}
    return "iob2" if beginning else "iob1"


def fault(before: Tag, tag: Tag, scheme: str) -> str | None:
    """Return the prefix that should have stood there, or None where the scheme allows the tag.

    >>> fault(("O", ""), ("I", "LOC"), "iob2"), fault(("I", "LOC"), ("I", "LOC"), "iob2")
    ('B', None)
    """
    if scheme in ("io", "iob1"):
        return None
    if tag[0] == "?":
        return "B"
    is_open = before[0] in "BI" if scheme != "iob2" else before[0] != "O"
    continues = tag[0] in "IE" and tag[1] == before[1] and is_open
    if tag[0] in "IE" and not continues:
        return "B" if scheme == "iob2" or tag[0] == "I" else "S"
    if scheme != "iob2" and before[0] in "BI" and not continues:
        return "E"  # the entity before was never ended
    return None


def to_entities(tags: Sequence[Tag]) -> Iterator[tuple[int, int, str]]:
    """Yield (first token, token after the last, type) of each entity; tags out of order are read leniently.

    >>> list(to_entities([("B", "PER"), ("I", "PER"), ("O", ""), ("S", "LOC")]))
    [(0, 2, 'PER'), (3, 4, 'LOC')]
    """
    begin: int | None = None
    before: Tag = ("O", "")
    for i, tag in enumerate([*tags, ("O", "")]):
        goes_on = tag[0] in "IE" and tag[1] == before[1] and before[0] not in "ES"
        if begin is not None and not goes_on:
            yield begin, i, before[1]
            begin = None
        if begin is None and tag[0] != "O":
            begin = i
        before = tag


def pairs_of(tags: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each tag with the one before it; `O` stands before and after.

    >>> list(pairs_of(["B-PER"]))
    [('O', 'B-PER'), ('B-PER', 'O')]
    """
    before = "O"
    for tag in tags:
        yield before, tag
        before = tag
    yield before, "O"
