"""What every objective is given to make its learner of, and how every objective measures documents."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import torch

from feinschliff.config import RunConfig
from feinschliff.encode import Batch, Encoded, collate
from feinschliff.models.learner import Learner


@dataclass(frozen=True)
class Parts:
    """What a learner is made of.

    Attributes:
        ids: int64 [K], the token ids that occur.
        place: int64 [V], the place of each id among the outputs; see `vocabulary`.
    """

    network: Any
    tokenizer: Any
    config: RunConfig
    device: torch.device
    precision: str
    ids: np.ndarray
    place: torch.Tensor

    def of_learner(self, objective: str) -> tuple[Any, ModuleType, torch.device, str, int]:
        """Return the fields of a plain `Learner`; `objective` is the name of its module."""
        pad = self.tokenizer.pad_token_id
        return self.network, sys.modules[objective], self.device, self.precision, pad


def sum_by_document(
    learner: Learner,
    encoded: Encoded,
    plan: Iterable[np.ndarray],
    losses: Callable[[Batch], tuple[torch.Tensor, torch.Tensor]],
) -> tuple[np.ndarray, np.ndarray]:
    """Return float64 [N] each: the losses of each document, summed, and how many there were.

    Args:
        encoded: N documents in windows.
        plan: Windows computed at once, int64 [B] each.
        losses: Gives float32 [M], the losses of a batch, and int64 [M], the row each belongs to.
    """
    sums, counts = np.zeros(encoded.num_records), np.zeros(encoded.num_records)
    learner.model.eval()
    with torch.inference_mode():
        for windows in plan:
            found, rows = losses(collate(encoded, windows, learner.pad_id, of_windows=True))
            documents = encoded.record[windows][rows.cpu().numpy()]
            np.add.at(sums, documents, found.double().cpu().numpy())
            np.add.at(counts, documents, 1)
    return sums, counts
