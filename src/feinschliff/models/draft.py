"""Predict in bfloat16, and once more in float32 where that could change the decision.

Where hardware multiplies bfloat16, a forward pass in it takes a third of the time, and its logits are wrong
by some hundredths. Decisions are those of float32, probabilities differ from its by about a hundredth at
most, numbers (regression) by about a hundredth of their spread.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch

from feinschliff.encode import Encoded
from feinschliff.models.fused import fuse, without_padding
from feinschliff.models.layers import output_layer
from feinschliff.models.learner import Learner
from feinschliff.models.recheck import Check

PADDING_COSTS = 0.15
"""What a token of padding costs beside a real one, where the layers leave it out."""
SAFETY = 2
"""See `Check.safety`."""


class FusedLearner(Learner):
    """A learner of a model with fused layers, which know no padding."""

    @contextmanager
    def _attention(self, mask: torch.Tensor) -> Iterator[None]:
        with super()._attention(mask), without_padding(self.model, mask):
            yield

    def _overhead_tokens(self) -> float:
        return super()._overhead_tokens() / PADDING_COSTS


def _restore_rotations(model: torch.nn.Module, exact: torch.nn.Module) -> None:
    """Put back the frequencies of rotary positions: rounded, angles are off by half a radian at token 500."""
    for name, buffer in exact.named_buffers():
        place, _, leaf = name.rpartition(".")
        if "inv_freq" in leaf:
            setattr(model.get_submodule(place), leaf, buffer.clone())


@dataclass
class DraftLearner(Learner):
    """A learner whose logits are mostly computed in bfloat16.

    Attributes:
        labels, rules: Of the model: what decides from logits, see the task.
        draft: The same model in bfloat16.
        check: What finds the texts to compute again.
    """

    labels: Sequence[str]
    rules: Mapping[str, Any]
    draft: Learner = field(init=False)
    check: Check = field(init=False)

    def __post_init__(self) -> None:
        model = copy.deepcopy(self.model).to(torch.bfloat16)
        _restore_rotations(model, self.model)
        exact, last = (output_layer(each, each.config.num_labels) for each in (self.model, model))
        last.float().load_state_dict(exact.state_dict())  # logits far from 0 need all digits
        last.register_forward_pre_hook(lambda _, inputs: (inputs[0].float(),))
        fused = self.device.type == "cpu" and fuse(model)
        kind = FusedLearner if fused else Learner
        self.draft = kind(model, self.task, self.device, "float32", self.pad_id)
        self.check = Check(self.task, self.labels, self.rules, partial(Learner.logits, self), SAFETY)

    def logits(self, encoded: Encoded, progress: Callable[[int], None] | None = None) -> np.ndarray:
        """Return logits as `Learner.logits` does, exact where they decide.

        Args:
            encoded, progress: See there; texts that are computed twice are told once.
        """
        found = self.draft.logits(encoded, progress)
        self.check.correct(encoded, found)
        return found

    def logits_and_vectors(
        self, encoded: Encoded, progress: Callable[[int], None] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return logits, exact where they decide, and vectors in bfloat16's precision."""
        found, vectors = self.draft.logits_and_vectors(encoded, progress)
        self.check.correct(encoded, found)
        return found, vectors


def drafting(learner: Learner, labels: Sequence[str], rules: Mapping[str, Any]) -> DraftLearner:
    """Return a learner that drafts in bfloat16 what `learner` computes in float32."""
    values = {name: getattr(learner, name) for name in ("model", "task", "device", "pad_id")}
    return DraftLearner(**values, precision="float32", labels=labels, rules=rules)
