"""Causal language modelling: learn to find the next token, for decoders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from feinschliff.encode import Batch, Encoded, plan_inference
from feinschliff.models import load as loading
from feinschliff.models.attention import choose_attention
from feinschliff.models.language_model import head_logits, hidden_states
from feinschliff.models.learner import Learner
from feinschliff.models.precision import autocast
from feinschliff.objectives._parts import Parts, sum_by_document
from feinschliff.objectives.mlm import INFERENCE_TOKENS, means, vocabulary

TITLE = "causal language modelling"
UNIT = "block"
PERPLEXITY = True
AUTO_CLASS = "AutoModelForCausalLM"

__all__ = ["AUTO_CLASS", "TITLE", "UNIT", "learner", "load", "measure", "vocabulary"]


@dataclass
class CausalLearner(Learner):
    """Give the mean loss over the tokens of each record but the first.

    Attributes:
        place: int64 [V], the place of each id among the outputs.
    """

    place: torch.Tensor

    def forward(self, batch: Batch) -> torch.Tensor:
        """Return float32 [B]: the mean loss of each text."""
        return means(*self.losses(batch))

    def losses(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return float32 [M], the losses of tokens with one before them; bool [B, L - 1], from where."""
        ids, attention = self._to(batch.input_ids), self._to(batch.attention_mask)
        chosen = attention[:, 1:].bool()
        choose_attention(self.model, self.device.type, ids.shape[1])
        with autocast(self.device, self.precision):
            states = hidden_states(self.model, {"input_ids": ids, "attention_mask": attention})
            logits = head_logits(self.model, states[:, :-1][chosen])
        truth = self.place[ids[:, 1:][chosen]]
        return torch.nn.functional.cross_entropy(logits.float(), truth, reduction="none"), chosen


def load(folder: Path, tokenizer: Any, dropout: float, seed: int) -> tuple[Any, bool]:
    """Load a decoder with its head.

    Raises:
        ModelError: the checkpoint has none.
    """
    return loading.load_model(folder, AUTO_CLASS, complete=True, dropout=dropout, seed=seed), False


def learner(parts: Parts) -> CausalLearner:
    """Return what learns."""
    return CausalLearner(*parts.of_learner(__name__), parts.place)


def measure(learner: CausalLearner, encoded: Encoded, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return float64 [N] each: the losses of each record, summed, and the number of its tokens."""

    def losses(batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        found, chosen = learner.losses(batch)
        return found, chosen.nonzero()[:, 0]

    return sum_by_document(learner, encoded, plan_inference(encoded, INFERENCE_TOKENS), losses)
