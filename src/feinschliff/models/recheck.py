"""Logits computed quickly, and once more exactly where that could change a decision.

Few texts lie so near to a boundary that a small error of their logits matters. How large the errors are is
measured on the first texts; a text whose decision such an error could change is computed again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from feinschliff.encode import Encoded

PROBE_RECORDS = 64


@dataclass
class Check:
    """Finds what has to be computed again.

    Attributes:
        task: Module of `feinschliff.tasks`.
        labels, rules: Of the model: what decides from logits, see the task.
        exact: Gives the exact logits of records.
        safety: The largest error seen times this is taken for the largest error there is; see
            docs/experiments.md.
        error: Largest difference of a logit that was seen.
        compared: Records of which both were computed, `PROBE_RECORDS` before any is left as it is.
    """

    task: ModuleType
    labels: Sequence[str]
    rules: Mapping[str, Any]
    exact: Callable[[Encoded], np.ndarray]
    safety: float
    error: float = 0.0
    compared: int = 0

    def correct(self, encoded: Encoded, found: np.ndarray) -> None:
        """Write exact logits over those that could decide otherwise, in place.

        Numbers (regression) decide nothing, and stay as they are.

        Args:
            encoded: N records of T tokens.
            found: Their logits: float32 [N, K], or [T, K] per token.
        """
        if self.task.KIND == "regression":
            return
        if (missing := PROBE_RECORDS - self.compared) > 0:
            self._replace(encoded, found, np.arange(min(missing, encoded.num_records)))
        self._replace(encoded, found, self._open(encoded, found))

    def _replace(self, encoded: Encoded, found: np.ndarray, records: np.ndarray) -> None:
        if not len(records):
            return
        rows = np.isin(encoded.token_record, records) if self.task.UNIT == "token" else records
        true = self.exact(encoded.take(records))
        self.error = max(self.error, float(np.abs(true - found[rows]).max(initial=0)))
        self.compared += len(records)
        found[rows] = true

    def _open(self, encoded: Encoded, logits: np.ndarray) -> np.ndarray:
        """Return the records that errors of `safety * error` in their logits could decide otherwise."""
        reach = self.safety * self.error
        if self.task.UNIT == "token":
            near = _lead(logits) < 2 * reach
            return np.union1d(encoded.token_record[near], self.task.by_sums(logits, encoded))
        chosen, answered = self._decide(logits, encoded)
        open_ = np.zeros(len(logits), bool)
        for shift in self._shifts(logits.shape, chosen, reach):
            again, given = self._decide(logits + shift.astype(np.float32), encoded)
            open_ |= (again != chosen).reshape(len(logits), -1).any(1) | (given != answered)
        return np.flatnonzero(open_)

    def _shifts(self, shape: tuple[int, int], chosen: np.ndarray, reach: float) -> Iterator[np.ndarray]:
        """Yield errors [N, L] among which is one that changes the decision, if any within `reach` does.

        Of several labels each is decided for itself. Of one, the chosen label falls behind another, or to
        the other side of its limit, if it does so when it moves alone. Costs are sums, so that all labels
        move at once, those up that make the answer dearer than another one, or than none.
        """
        moved = np.ones(shape, bool) if chosen.ndim > 1 else np.arange(shape[1]) == chosen[:, None]
        yield -2 * reach * moved
        yield 2 * reach * moved
        if "costs" in self.rules:
            weights = np.asarray(self.rules.get("weights", 1.0), float).reshape(-1, 1)
            costs, nothing = weights * np.asarray(self.rules["costs"], float), self.rules.get("unsure_cost")
            own = costs.T[chosen]
            for other in costs.T:
                yield reach * np.sign(own - other)
            if nothing is not None:
                yield reach * np.sign(own - nothing)
                for other in costs.T:
                    yield np.broadcast_to(reach * np.sign(nothing - other), shape)

    def _decide(self, logits: np.ndarray, encoded: Encoded) -> tuple[np.ndarray, np.ndarray]:
        """Return what is chosen, given or withheld, and whether it is given, bool [N].

        *Shape:* labels int64 [N]; several of them bool [N, L].
        """
        found = self.task.decode(logits, encoded, self.labels, (), self.rules)
        given = np.ones(len(found), bool) if found.answered is None else found.answered
        return np.asarray(found.decided), given


def _lead(logits: np.ndarray) -> np.ndarray:
    """Return by how much the best is ahead of the second: [T, K] -> [T]."""
    best = np.partition(logits, -2, axis=-1)[:, -2:]
    return best[:, 1] - best[:, 0]
