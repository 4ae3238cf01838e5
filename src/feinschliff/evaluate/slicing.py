"""Where the model is worse: by length, group, label and word, with intervals instead of anecdotes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from feinschliff.data.dataset import Records
from feinschliff.evaluate._spans import entities
from feinschliff.evaluate.interval import Interval, wilson
from feinschliff.evaluate.predictions import Predictions

LEAST = 10
"""Slices of fewer records are not shown."""


@dataclass(frozen=True)
class Slice:
    """A part of the records and how often the model errs there.

    Attributes:
        kind: `length`, `group`, `label`, `word`, or the name of a column.
        name: What the records share: `1-42` characters, a group, a label, a word.
        count: Records in the slice.
        errors: Share of them with an error.
        rest: Share of all other records with an error.
        difference: `errors` minus `rest`.
        p_value: Of no difference to the rest; within a kind corrected for the number of slices looked at.
    """

    kind: str
    name: str
    count: int
    errors: Interval
    rest: float
    difference: Interval
    p_value: float

    def as_dict(self) -> dict[str, Any]:
        """Return it as `result.json` holds it."""
        shown = {"errors": self.errors.as_dict(), "difference": self.difference.as_dict()}
        return {**self.__dict__, **shown}


def wrong(targets: Sequence[Any], predictions: Predictions) -> np.ndarray:
    """Return bool [N], which records have an error.

    Multilabel: any label too many or too few; ner: any entity. Regression: the quarter farthest off.
    """
    names = predictions.names
    if predictions.kind == "regression":
        error = np.abs(np.asarray(targets, dtype=np.float64) - predictions.decided)
        return error > np.quantile(error, 0.75)
    form: dict[str, Any] = {"ner": entities, "multilabel": frozenset, "classification": str}
    same = form[predictions.kind]
    return np.array([same(t) != same(n) for t, n in zip(targets, names, strict=True)], dtype=bool)


def slices(
    records: Records,
    predictions: Predictions,
    confidence: float = 0.95,
    max_words: int = 10,
) -> list[Slice]:
    """Compare the errors within parts of the records to those in the rest.

    Args:
        records: With targets.
        predictions: Of the same records.
        confidence: Level of the intervals.
        max_words: Words shown at most; only those with significantly more errors are.

    Returns:
        By kind (length, label, group, words), within a kind the worst first.
    """
    targets = records.targets
    errors = wrong(targets, predictions)
    kinds: dict[str, Mapping[str, np.ndarray]] = {"length": _by_length(records)}
    if predictions.kind != "regression":
        kinds["label"] = _rows_of([_labels_of(target) for target in targets])
    if "group" in records.table.column_names:
        kinds["group"] = _rows_of([[value] for value in records.table["group"].to_pylist()])
    found = []
    for kind, parts in kinds.items():
        found += sorted(_judge(kind, parts, errors, confidence), key=lambda s: -s.difference.value)
    words = _judge("word", _rows_of([_words_of(text) for text in records.texts]), errors, confidence)
    typical = [s for s in words if s.p_value < 1 - confidence and s.difference.value > 0]
    return found + sorted(typical, key=lambda s: -s.difference.low)[:max_words]


def _judge(kind: str, parts: Mapping[str, np.ndarray], errors: np.ndarray, confidence: float) -> list[Slice]:
    from scipy.stats import hypergeom

    total, bad = len(errors), int(errors.sum())
    kept = {name: rows for name, rows in parts.items() if LEAST <= len(rows) < total}
    found, chances = [], []
    for name, rows in kept.items():
        count, hits = len(rows), int(errors[rows].sum())
        inside, rest = wilson(hits, count, confidence), wilson(bad - hits, total - count, confidence)
        more = hypergeom.sf(hits - 1, total, bad, count)
        fewer = hypergeom.cdf(hits, total, bad, count)
        chances.append(min(1.0, 2 * float(min(more, fewer))))
        found.append((name, count, inside, rest))
    return [
        Slice(kind, name, count, inside, rest.value, _difference(inside, rest), p_value)
        for (name, count, inside, rest), p_value in zip(found, _discoveries(chances), strict=True)
    ]


def _difference(a: Interval, b: Interval) -> Interval:
    """Return the difference of two proportions with its interval.

    Source: R. Newcombe, "Interval estimation for the difference between independent proportions", Statistics
    in Medicine 17, 1998, method 10.
    """
    value = a.value - b.value
    below = np.hypot(a.value - a.low, b.high - b.value)
    above = np.hypot(a.high - a.value, b.value - b.low)
    return Interval(value, float(value - below), float(value + above))


def _discoveries(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected so that few of those called significant are false.

    Source: Y. Benjamini, Y. Hochberg, "Controlling the False Discovery Rate", JRSS B 57, 1995.
    """
    num = len(p_values)
    order = np.argsort(p_values, kind="stable")[::-1]
    corrected = np.asarray(p_values)[order] * num / np.arange(num, 0, -1)
    result = np.empty(num)
    result[order] = np.minimum.accumulate(np.minimum(corrected, 1.0)) if num else corrected
    return result.tolist()


def _by_length(records: Records) -> dict[str, np.ndarray]:
    """Return the records in quarters by their number of characters."""
    pairs = records.pairs or [""] * len(records)
    lengths = np.array([len(a) + len(b or "") for a, b in zip(records.texts, pairs, strict=True)])
    edges = np.unique(np.quantile(lengths, [0.25, 0.5, 0.75], method="lower"))
    quarter = np.searchsorted(edges, lengths, side="left")
    rows = [np.flatnonzero(quarter == i) for i in range(len(edges) + 1)]
    return {f"{lengths[r].min()}-{lengths[r].max()}": r for r in rows if len(r)}


def _rows_of(values: Sequence[Iterable[Any]]) -> dict[str, np.ndarray]:
    """Return, for each value, the rows that hold it."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, held in enumerate(values):
        for value in held:
            if value is not None:
                rows[str(value)].append(row)
    return {value: np.array(found) for value, found in rows.items() if len(found) >= LEAST}


def _labels_of(target: Any) -> list[str]:
    if isinstance(target, str):
        return [target]
    return sorted({item["label"] if isinstance(item, dict) else item for item in target})


def _words_of(text: str) -> set[str]:
    return set(re.findall(r"[^\W_]+", text.lower()))
