"""The gate of an export: do its answers equal the original's, and does it score what the original scores?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from feinschliff.evaluate import Predictions, compare, statistics

if TYPE_CHECKING:
    from feinschliff.bundle import Model
    from feinschliff.data import Records

CLOSE = 0.05
"""Numbers are equal when they differ by less than this share of the spread of the original's answers."""


def check(original: Model, exported: Model, records: Records) -> dict[str, Any]:
    """Compare two models on the same texts.

    Returns:
        `texts`; `equal`, the share of texts answered alike; `largest_difference` of probabilities (of numbers
        for regression, None for ner); `differences`, the rows answered otherwise; `metric`, the drop of the
        primary one with its interval where the records have targets, else None; `loss`, that drop, or without
        targets the share of texts answered otherwise.
    """
    before, after = original.predictions(records), exported.predictions(records)
    same = _equal(before, after)
    found = [
        {
            "row": int(row),
            "text": records.texts[row],
            "original": _answer(before, int(row)),
            "export": _answer(after, int(row)),
        }
        for row in np.flatnonzero(~same)
    ]
    equal = float(same.mean()) if len(same) else 1.0
    metric = None
    if "target" in records.table.column_names and len(records):
        a, b = (statistics(original.kind, records.targets, p) for p in (before, after))
        drop = compare(a, b)
        metric = {"name": drop.metric, "drop": drop.difference, "low": drop.low, "high": drop.high}
    return {
        "texts": len(records),
        "equal": equal,
        "largest_difference": _distance(before, after),
        "metric": metric,
        "loss": max(0.0, drop.difference) if metric else 1 - equal,
        "differences": found,
    }


def _equal(a: Predictions, b: Predictions) -> np.ndarray:
    if a.kind == "regression":
        return np.abs(a.decided - b.decided) <= CLOSE * (np.std(a.decided) or 1.0)
    found = np.array([one == other for one, other in zip(a.names, b.names, strict=True)], bool)
    if a.answered is not None and b.answered is not None:
        found = np.where(a.answered & b.answered, found, a.answered == b.answered)
    return found


def _answer(found: Predictions, row: int) -> Any:
    return found.names[row] if found.answered is None or found.answered[row] else None


def _distance(a: Predictions, b: Predictions) -> float | None:
    if a.kind == "regression":
        return float(np.abs(a.decided - b.decided).max(initial=0))
    if a.scores is None or b.scores is None:
        return None
    return float(np.abs(a.scores - b.scores).max(initial=0))
