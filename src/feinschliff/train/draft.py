"""Predict in bfloat16, and once more in float32 where that could change the decision.

Where hardware multiplies bfloat16, a forward pass in it takes a third of the time, and its logits are wrong
by some hundredths. Few texts lie so near to a boundary that this matters. How wrong the logits are is
measured on the first texts; a text whose decision twice that could change is computed again in float32.
Decisions are those of float32, probabilities differ from its by about a hundredth at most.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from feinschliff.encode import Encoded
from feinschliff.models.fused import fuse, without_padding
from feinschliff.train.learner import Learner

PROBE_RECORDS = 64
PADDING_COSTS = 0.15
"""What a token of padding costs beside a real one, where the layers leave it out."""
SAFETY = 2
"""The largest error seen times this is taken for the largest error there is; see docs/experiments.md."""


class FusedLearner(Learner):
    """A learner of a model with fused layers, which know no padding."""

    def _attention(self, mask: torch.Tensor) -> AbstractContextManager[Any]:
        stack = ExitStack()
        stack.enter_context(super()._attention(mask))
        stack.enter_context(without_padding(self.model, mask))
        return stack

    def _overhead_tokens(self) -> float:
        return super()._overhead_tokens() / PADDING_COSTS


@dataclass
class DraftLearner(Learner):
    """A learner whose logits are mostly computed in bfloat16.

    Attributes:
        labels, rules: Of the model: what decides from logits, see the task.
        draft: The same model in bfloat16.
        error: Largest difference of a logit between the two that was seen.
        compared: Records of which both were computed, `PROBE_RECORDS` before any is left to the draft.
    """

    labels: Sequence[str]
    rules: Mapping[str, Any]
    draft: Learner = field(init=False)
    error: float = field(default=0.0, init=False)
    compared: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        model = copy.deepcopy(self.model).to(torch.bfloat16)
        fused = self.device.type == "cpu" and fuse(model)
        kind = FusedLearner if fused else Learner
        self.draft = kind(model, self.task, self.device, "float32", self.pad_id)

    def logits(self, encoded: Encoded, progress: Callable[[int], None] | None = None) -> np.ndarray:
        """Return logits as `Learner.logits` does, exact where they decide.

        Args:
            encoded, progress: See there; texts that are computed twice are told once.
        """
        found = self.draft.logits(encoded, progress)
        self._correct(encoded, found, super().logits)
        return found

    def logits_and_vectors(
        self, encoded: Encoded, progress: Callable[[int], None] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return logits, exact where they decide, and vectors in bfloat16's precision."""
        found, vectors = self.draft.logits_and_vectors(encoded, progress)
        self._correct(encoded, found, super().logits)
        return found, vectors

    def _correct(self, encoded: Encoded, found: np.ndarray, exact: Callable[[Encoded], np.ndarray]) -> None:
        """Write exact logits over those that could decide otherwise."""
        if (missing := PROBE_RECORDS - self.compared) > 0:
            self._replace(encoded, found, np.arange(min(missing, encoded.num_records)), exact)
        self._replace(encoded, found, self._open(encoded, found), exact)

    def _replace(
        self,
        encoded: Encoded,
        found: np.ndarray,
        records: np.ndarray,
        exact: Callable[[Encoded], np.ndarray],
    ) -> None:
        if not len(records):
            return
        rows = np.isin(encoded.token_record, records) if self.task.UNIT == "token" else records
        true = exact(encoded.take(records))
        self.error = max(self.error, float(np.abs(true - found[rows]).max(initial=0)))
        self.compared += len(records)
        found[rows] = true

    def _open(self, encoded: Encoded, logits: np.ndarray) -> np.ndarray:
        """Return the records that errors of `SAFETY * error` in their logits could decide otherwise."""
        reach = SAFETY * self.error
        if self.task.UNIT == "token":
            near = _lead(logits) < 2 * reach
            return np.unique(encoded.token_record[near])
        chosen, decided = self._decide(logits, encoded)
        if np.issubdtype(decided.dtype, np.floating):
            return np.arange(0)
        own = np.ones(logits.shape, bool)
        if decided.ndim == 1:
            own = np.arange(logits.shape[1]) == chosen[:, None]
        open_ = np.zeros(len(logits), bool)
        for shift in (-2 * reach, 2 * reach):
            _, again = self._decide(logits + np.where(own, np.float32(shift), 0), encoded)
            open_ |= (again != decided).reshape(len(logits), -1).any(1)
        return np.flatnonzero(open_)

    def _decide(self, logits: np.ndarray, encoded: Encoded) -> tuple[np.ndarray, np.ndarray]:
        """Return what is chosen, and the same with -1 where it is withheld.

        *Shape:* labels int64 [N]; several of them bool [N, L]; numbers float [N].
        """
        found = self.task.decode(logits, encoded, self.labels, (), self.rules)
        chosen = np.asarray(found.decided)
        return chosen, chosen if found.answered is None else np.where(found.answered, chosen, -1)


def _lead(logits: np.ndarray) -> np.ndarray:
    """Return by how much the best is ahead of the second: [T, K] -> [T]."""
    best = np.partition(logits, -2, axis=-1)[:, -2:]
    return best[:, 1] - best[:, 0]


def drafting(learner: Learner, labels: Sequence[str], rules: Mapping[str, Any]) -> DraftLearner:
    """Return a learner that drafts in bfloat16 what `learner` computes in float32."""
    values = {name: getattr(learner, name) for name in ("model", "task", "device", "pad_id")}
    return DraftLearner(**values, precision="float32", labels=labels, rules=rules)
