"""Character spans and BIO tags of units, both ways.

Legend: U units of all records, one after the other; K tags: O, then B-X and I-X of each type X.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from feinschliff.encode import Encoded

Span = dict[str, Any]


def tag_names(labels: Sequence[str]) -> list[str]:
    """Return the names of the tags of entity types.

    >>> tag_names(["PER"])
    ['O', 'B-PER', 'I-PER']
    """
    return ["O"] + [f"{prefix}-{label}" for label in labels for prefix in "BI"]


@dataclass(frozen=True)
class Units:
    """The units of records: every labelled token once, whatever windows it stands in, in text order.

    Attributes:
        token: int64 [U], the token of the encoded data that speaks for the unit: of all windows the unit
            stands in, the one where it is farthest from an edge, and so sees most of its surroundings.
        record: int64 [U], ascending.
        start, end: int64 [U], its characters.
    """

    token: np.ndarray
    record: np.ndarray
    start: np.ndarray
    end: np.ndarray


def units(encoded: Encoded) -> Units:
    """Return the units of encoded records."""
    assert encoded.offsets is not None
    token = np.flatnonzero(encoded.offsets[:, 1])
    window = np.searchsorted(encoded.starts, token, side="right") - 1
    record = encoded.record[window].astype(np.int64)
    start = encoded.offsets[token, 0].astype(np.int64)
    nearest_edge = np.minimum(token - encoded.starts[window], encoded.starts[window + 1] - 1 - token)
    order = np.lexsort((-nearest_edge, start, record))
    record, start = record[order], start[order]
    first = np.ones(len(order), bool)
    first[1:] = (record[1:] != record[:-1]) | (start[1:] != start[:-1])
    token = token[order][first]
    return Units(token, record[first], start[first], encoded.offsets[token, 1].astype(np.int64))


def tags_of_spans(
    spans: Sequence[Span], labels: Sequence[str], start: np.ndarray, end: np.ndarray, is_begin: bool = True
) -> np.ndarray:
    """Return int64 [U], the tags of one window's units.

    A unit belongs to a span when they share a character. Of spans that overlap, the longest is kept.

    Args:
        spans: Entities of the record, in any order.
        labels: Entity types; spans of other types are passed over.
        start, end: int [U], characters of the units, ascending.
        is_begin: Whether the window is the record's first. In later ones a span may have begun before.
    """
    tags = np.zeros(len(start), np.int64)
    index = {label: i for i, label in enumerate(labels)}
    for span in sorted(spans, key=lambda s: s["start"] - s["end"]):
        low = int(np.searchsorted(end, span["start"], side="right"))
        high = int(np.searchsorted(start, span["end"], side="left"))
        if low >= high or span["label"] not in index or tags[low:high].any():
            continue
        begin = 1 + 2 * index[span["label"]]
        tags[low:high] = begin + 1
        if is_begin or low > 0 or start[low] <= span["start"]:
            tags[low] = begin
    return tags


def spans_of_tags(
    tags: np.ndarray, chances: np.ndarray, units: Units, labels: Sequence[str], num_records: int
) -> list[list[Span]]:
    """Return the entities of each record, in text order.

    An entity's score is the geometric mean of its tags' probabilities, times the probability that the unit
    after it does not go on with it. Of the rules tried it parts right from wrong entities best.

    Args:
        tags: int64 [U], legal: an I only after a B or I of its type, in the same record.
        chances: float [U, K], probability of each tag.
    """
    found: list[list[Span]] = [[] for _ in range(num_records)]
    inside = np.flatnonzero(tags)
    begins = np.flatnonzero(tags[inside] % 2)
    if not len(begins):
        return found
    first = inside[begins]
    last = inside[np.append(begins[1:], len(inside)) - 1]
    with np.errstate(divide="ignore"):
        logs = np.log(chances[inside, tags[inside]])
    score = np.exp(np.add.reduceat(logs, begins) / (last - first + 1))
    after = np.minimum(last + 1, len(tags) - 1)
    goes_on = (last + 1 < len(tags)) & (units.record[after] == units.record[first])
    score *= 1 - goes_on * chances[after, tags[first] + 1]
    columns = units.record[first], units.start[first], units.end[last], (tags[first] - 1) // 2, score
    for record, start, end, label, chance in zip(*(c.tolist() for c in columns), strict=True):
        found[record].append({"start": start, "end": end, "label": labels[label], "score": round(chance, 6)})
    return found
