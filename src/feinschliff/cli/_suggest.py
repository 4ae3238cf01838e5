"""Which texts of a file to label next: those the model is unsure about, and those unlike its training texts.

They are taken in turn from two lists: `unsure`, the least confident answer first, and `unusual`, the largest
novelty first. Each holds what the other misses: of texts unlike the training texts a model may be sure and
wrong. Of a text with entities the least sure one counts; a text without any is not unsure. Equal texts count
once. Whether texts chosen like this teach more than any others depends on the data; the scores on texts that
were not chosen tell.

Source: Lewis and Gale, "A Sequential Algorithm for Training Text Classifiers", 1994 (least confidence).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

    from feinschliff.bundle import Model


Row = TypeVar("Row")


class Suggestions:
    """The rows to label next, of a file of any length.

    Args:
        count: Rows wanted; for each list twice as many are kept, since they share some.
    """

    def __init__(self, count: int):
        self.count = count
        self.lists: dict[str, list[tuple[float, str, pa.Table]]] = {}
        self.none: pa.Table | None = None

    def add(self, rows: pa.Table, keys: Sequence[str], doubts: Mapping[str, np.ndarray]) -> None:
        """Take more rows into account.

        Args:
            rows: N rows with their predictions.
            keys: N texts, to tell equal ones.
            doubts: From `doubts`: by list float64 [N]; rows of 0 do not belong to it.
        """
        import pyarrow as pa

        self.none = rows.slice(0, 0)
        for reason, values in doubts.items():
            places = np.flatnonzero(values > 0)
            best = self._first([(float(values[r]), keys[r], r) for r in places.tolist()])
            found = rows.take(pa.array([r for _, _, r in best], pa.int64()))
            new = [(value, key, found.slice(i, 1)) for i, (value, key, _) in enumerate(best)]
            self.lists[reason] = self._first([*self.lists.get(reason, ()), *new])

    def _first(self, rows: list[tuple[float, str, Row]]) -> list[tuple[float, str, Row]]:
        """Return the rows of the largest doubts, one for each text."""
        found: dict[str, tuple[float, str, Row]] = {}
        for row in sorted(rows, key=lambda row: -row[0]):
            found.setdefault(row[1], row)
        return list(found.values())[: 2 * self.count]

    def rows(self, source: str, name: str) -> pa.Table:
        """Return the rows, the most useful first, and why each.

        Args:
            source: What messages call the file.
            name: Of the column with the reasons.
        """
        import pyarrow as pa

        from feinschliff.readers import Table, gather

        assert self.none is not None, "no rows were added"
        named = [[(reason, row) for row in rows] for reason, rows in self.lists.items()]
        in_turn = filter(None, chain.from_iterable(zip_longest(*named)))
        chosen: dict[str, tuple[str, pa.Table]] = {}
        for reason, (_, key, row) in in_turn:
            if len(chosen) < self.count:
                chosen.setdefault(key, (reason, row))
        found = gather(
            (Table(rows, source) for rows in (self.none, *(row for _, row in chosen.values()))), source
        ).columns
        reasons = pa.array([reason for reason, _ in chosen.values()], pa.string())
        return found.append_column(name, reasons)


def can_suggest(model: Model) -> bool:
    """Return whether a model tells what it is unsure about, or what is unlike its training texts."""
    return model.kind != "regression" or model.novelty is not None


def doubts(model: Model, rows: pa.Table, names: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Return by list how much each row belongs to it, float64 [N], 0 for not at all.

    Args:
        rows: With their predictions.
        names: The names under which columns were added.
    """
    from feinschliff.evaluate.novelty import UNUSUAL

    found: dict[str, np.ndarray] = {}
    if model.kind in ("classification", "multilabel"):
        columns = rows[names["probabilities"]].combine_chunks().flatten()
        p = np.stack([column.to_numpy(zero_copy_only=False) for column in columns], axis=1)
        found["unsure"] = 1 - p.max(1) if model.kind == "classification" else np.minimum(p, 1 - p).max(1)
    elif model.kind == "ner":
        spans = rows[names["spans"]].to_pylist()
        found["unsure"] = np.array([1 - min((s["score"] for s in row), default=1.0) for row in spans])
    if model.novelty is not None:
        novelty = rows[names["novelty"]].to_numpy()
        found["unusual"] = np.where(novelty > UNUSUAL, novelty, 0.0)
    return found
