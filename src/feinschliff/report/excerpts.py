"""Texts made short enough to show, and texts with their spans marked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

TAIL_SHARE = 0.25
GAP = " … "


@dataclass(frozen=True)
class Piece:
    """A stretch of text covered by the same spans.

    Attributes:
        kind: CSS classes, such as `right` or `missed invented`; empty outside all spans.
        tags: (kind, label) of each span that ends with this piece.
    """

    text: str
    kind: str = ""
    tags: tuple[tuple[str, str], ...] = ()


def shorten(text: str, limit: int) -> str:
    """Keep the beginning and the end of a text that is longer than `limit` characters.

    >>> shorten("one two three four five six", 16)
    'one two thre … six'
    """
    if len(text) <= limit:
        return text
    tail = int(limit * TAIL_SHARE)
    return text[: limit - tail].rstrip() + GAP + text[len(text) - tail :].lstrip()


def mark(text: str, labelled: Any, predicted: Any, limit: int) -> list[Piece]:
    """Split a text at the ends of its spans and say of each piece what the model made of it.

    Args:
        text: The whole text.
        labelled: True spans as {"start", "end", "label"}, in characters.
        predicted: Found spans, in the same form.
        limit: Characters to keep; the part around the first error is kept.
    """
    true, found = _spans(labelled, len(text)), _spans(predicted, len(text))
    kinds = {span: "right" for span in true & found}
    kinds |= {span: "missed" for span in true - found} | {span: "invented" for span in found - true}
    wrong = [span for span, kind in kinds.items() if kind != "right"]
    start = max(0, min((s[0] for s in wrong), default=0) - limit // 3) if len(text) > limit else 0
    end = min(len(text), start + limit)
    ends = {start, end} | {place for span in kinds for place in span[:2] if start < place < end}
    places = sorted(ends)
    pieces = [Piece(GAP)] if start else []
    for left, right in pairwise(places):
        over = sorted(span for span in kinds if span[0] < right and span[1] > left)
        tags = tuple((kinds[span], span[2]) for span in over if span[1] == right or right == end)
        covering = {kinds[span] for span in over}
        kind = " ".join(k for k in ("right", "missed", "invented") if k in covering)
        pieces.append(Piece(text[left:right], kind, tags))
    return [*pieces, Piece(GAP)] if end < len(text) else pieces


def is_spans(value: Any) -> bool:
    """Tell whether a label or prediction is a list of spans."""
    return isinstance(value, list | tuple) and any(isinstance(v, Mapping) and "start" in v for v in value)


def _spans(value: Any, length: int) -> set[tuple[int, int, str]]:
    spans: Iterable[Any] = value if isinstance(value, list | tuple) else ()
    found = set()
    for span in spans:
        if isinstance(span, Mapping) and span.get("start") is not None and span.get("end") is not None:
            start, end = max(0, int(span["start"])), min(length, int(span["end"]))
            if start < end:
                found.add((start, end, str(span.get("label", ""))))
    return found
