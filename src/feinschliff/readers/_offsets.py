"""Entities as offsets: many spellings in, `{start, end, label}` out.

Offsets count Unicode code points of the text, end exclusive. Where a span brings its own text along, that
shows what the writer counted: UTF-16 units (JavaScript), bytes, tokens, and inclusive ends are recognised and
noted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from unicodedata import normalize

from feinschliff.errors import counted
from feinschliff.readers._problems import Problems
from feinschliff.readers._spans import find_tokens

CHARACTERS = "characters"
TOKENS = "tokens"
TOKENS_INSIDE = "tokens, the last one inside,"
_STARTS = ("char_start", "start", "start_offset", "start_char", "begin", "offset", "startOffset")
_ENDS = ("char_end", "end", "end_offset", "end_char", "stop", "endOffset")
_LABELS = (
    *("label", "labels", "type", "tag", "entity_type", "entity_group", "entity", "category", "class"),
    "displayName",
)
_TEXTS = ("text", "word", "surface", "mention", "phrase")
_LETTERS = re.compile(r"[^\W_]+")
_ALLOWED = "Expected 0 <= start < end <= length of the text, counted in characters"

Place = tuple[int, int]
Parsed = tuple[int, int, str, str | None]
"""Start, end, label, and the text that a span brings along."""


def looks_like_spans(value: Any) -> bool:
    """Return whether a value is a list that holds a span.

    >>> looks_like_spans([{"start": 0, "end": 3, "label": "LOC"}]), looks_like_spans(["LOC"])
    (True, False)
    """
    return isinstance(value, list) and any(parse(item) is not None for item in flat(value))


@dataclass
class SpanReader:
    """Bring the spans of one source into the normal form, collecting what is wrong with them.

    Attributes:
        problems: Faults found so far.
        unit: What the offsets of spans without a text of their own count.
        counted: What the offsets turned out to count, where it was not code points.
        num_named: Spans that bring their own text along.
        num_different: Those of them whose text is not what stands at their offsets.
        different: The first of them: its line, and what is different.
    """

    problems: Problems
    unit: str = CHARACTERS
    counted: dict[str, int] = field(default_factory=dict)
    num_named: int = 0
    num_different: int = 0
    different: tuple[int, str] = (0, "")

    def read(self, value: Any, text: Any, number: int, tokens: Any = None) -> list[dict[str, Any]] | None:
        """Return the spans of one row, sorted, without repetitions; None stays None.

        Args:
            value: The list of spans in any spelling.
            text: The row's text.
            number: The row's line, for messages.
            tokens: The row's tokens, where it has some.
        """
        if value is None:
            return None
        if not isinstance(text, str):
            self.problems.add(number, "there are spans but no text")
            return None
        if not isinstance(value, list | tuple):
            self.problems.add(number, f"{value!r:.40} is no list of spans")
            return None
        places = token_places(tokens, text)
        spans: set[tuple[int, int, str]] = set()
        for item in flat(value):
            parsed = parse(item)
            if parsed is None:
                self.problems.add(number, f"{item!r:.60} is no span")
                continue
            start, end, label, surface = parsed
            place: Place | None = (start, end)
            if surface:
                place = self._locate(text, (start, end), surface, places, number)
            elif self.unit != CHARACTERS:
                place = self._count(places, (start, end))
            if place is None:
                fact = f"the span {start} to {end} does not lie in the {counted(len(places), 'token')}"
                self.problems.add(number, fact)
            elif not 0 <= place[0] < place[1] <= len(text):
                fact = f"the span {start} to {end} does not lie in the text of {len(text)} characters"
                self.problems.add(number, fact)
            else:
                spans.add((*place, label))
        return [dict(zip(("start", "end", "label"), span, strict=True)) for span in sorted(spans)]

    def raise_if_wrong(self) -> None:
        """Raise the error when there are faults, or most spans do not bring the text that stands there.

        Raises:
            DataError: as said.
        """
        self.problems.raise_if_any(allowed=_ALLOWED)
        if self.num_different <= self.num_named / 2:
            return
        number, fact = self.different
        problems = Problems(self.problems.name, self.problems.unit)
        which = f"of {counted(self.num_named, 'span')} with a text of their own, {self.num_different:,}"
        problems.add(number, f"{which} have another than stands at the offsets, such as {fact}")
        raise problems.error(
            allowed="Offsets count characters of the text, or the row's `tokens`, and begin with 0",
            hint="Mend them, or leave out the spans' own texts if they are something else",
        )

    def notes(self) -> tuple[str, ...]:
        """Return what the user should know after all rows."""
        notes = [
            f"{counted(count, 'span counts', 'spans count')} {what} instead of characters, converted"
            for what, count in self.counted.items()
            if what != CHARACTERS
        ]
        if self.num_different:
            spans = counted(self.num_different, "span names", "spans name")
            notes.append(f"{spans} another text than stands at the offsets")
        return tuple(notes)

    def _locate(self, text: str, place: Place, surface: str, places: Sequence[Place], number: int) -> Place:
        """Return where in the text a span lies that brings its own text along."""
        self.num_named += 1
        start, end = place
        if text[start:end] == surface:
            return place
        for what, found in _other_places(text, place, surface, places):
            if _plain(text[slice(*found)]) == _plain(surface):
                self.counted[what] = self.counted.get(what, 0) + 1
                return found
        self.num_different += 1
        if self.num_different == 1:
            self.different = number, f"{surface!r:.40} where {text[start:end]!r:.40} stands"
        return place

    def _count(self, places: Sequence[Place], place: Place) -> Place | None:
        """Return the characters of a span that counts tokens; None where it does not lie in them."""
        found = of_tokens(places, place, self.unit == TOKENS_INSIDE)
        self.counted[self.unit] = self.counted.get(self.unit, 0) + (found is not None)
        return found


def token_places(tokens: Any, text: str) -> list[Place]:
    """Return where each token stands in the text; an empty list where not all do.

    >>> token_places(["Ulm", "!"], "Ulm!"), token_places(["Ulm", "?"], "Ulm!")
    ([(0, 3), (3, 4)], [])
    """
    if not (isinstance(tokens, list) and tokens and all(isinstance(token, str) for token in tokens)):
        return []
    begins = find_tokens(tokens, text)
    ends = (begin + len(token) for begin, token in zip(begins, tokens, strict=False))
    return list(zip(begins, ends, strict=True)) if len(begins) == len(tokens) else []


def of_tokens(places: Sequence[Place], place: Place, last_inside: bool) -> Place | None:
    """Return the characters of a span that counts tokens; None where it does not lie in them.

    >>> of_tokens([(0, 3), (3, 4)], (0, 1), False), of_tokens([(0, 3), (3, 4)], (0, 1), True)
    ((0, 3), (0, 4))
    """
    first, last = place[0], place[1] - (not last_inside)
    return (places[first][0], places[last][1]) if 0 <= first <= last < len(places) else None


def flat(items: Sequence[Any]) -> Iterator[Any]:
    """Yield the spans of a list in which each may be several: `{"label": ["LOC"], "points": [...]}`."""
    for item in items:
        points = item.get("points") if isinstance(item, Mapping) else None
        if isinstance(points, list) and isinstance(item.get("label"), list):
            places = [point for point in points if isinstance(point, Mapping)]
            yield from ({**place, "label": label} for place in places for label in item["label"])
        else:
            yield item


def parse(item: Any) -> Parsed | None:
    """Return (start, end, label, text) of one span in any spelling, or None."""
    if isinstance(item, list | tuple) and len(item) == 3:
        start, end, label = item if not isinstance(item[0], str) else (item[1], item[2], item[0])
        surface = None
    elif isinstance(item, Mapping):
        item = {**item, **inner} if isinstance(inner := item.get("span"), Mapping) else item
        start, end, label = (_first(item, names) for names in (_STARTS, _ENDS, _LABELS))
        if end is None and isinstance(start, int) and isinstance(item.get("length"), int):
            end = start + item["length"]
        label = label[0] if isinstance(label, list) and len(label) == 1 else label
        surface = _first(item, _TEXTS)
    else:
        return None
    if not (_is_count(start) and _is_count(end) and isinstance(label, str) and label):
        return None
    return start, end, label, surface if isinstance(surface, str) else None


def own_text(item: Any) -> str | None:
    """Return what a span says is its text, also where that may be another spelling of it."""
    found = _first(item, (*_TEXTS, "value")) if isinstance(item, Mapping) else None
    return found if isinstance(found, str) else None


def _other_places(
    text: str, place: Place, surface: str, places: Sequence[Place]
) -> Iterator[tuple[str, Place]]:
    """Yield (what the offsets may count, where the span lies then), the strictest first."""
    start, end = place
    wide, narrow = text.encode("utf-16-le", "surrogatepass"), text.encode("utf-8", "surrogatepass")
    for what, data, unit, codec in (("UTF-16 units", wide, 2, "utf-16-le"), ("bytes", narrow, 1, "utf-8")):
        if data[unit * start : unit * end] == surface.encode(codec, "surrogatepass"):
            begin = len(data[: unit * start].decode(codec, "surrogatepass"))
            yield what, (begin, begin + len(surface))
    if text[start : end + 1] == surface:
        yield "the last character inside", (start, end + 1)
    yield CHARACTERS, place
    for what in (TOKENS, TOKENS_INSIDE):
        if found := of_tokens(places, place, what == TOKENS_INSIDE):
            yield what, found


def _plain(text: str) -> str:
    """Return the letters and digits of a text, in lower case and without accents; all of it without any."""
    text = normalize("NFKD", text.casefold())
    return "".join(_LETTERS.findall(text)) or text.strip()


def _first(item: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((item[name] for name in names if item.get(name) is not None), None)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
