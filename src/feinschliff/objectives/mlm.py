"""Masked language modelling: hide some tokens and learn to find them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from feinschliff.encode import Batch, Encoded, plan_inference
from feinschliff.errors import ModelError
from feinschliff.models import load as loading
from feinschliff.models.attention import choose_attention
from feinschliff.models.language_model import active_rows, head_logits, hidden_states
from feinschliff.models.learner import Learner
from feinschliff.models.precision import autocast
from feinschliff.objectives._masking import Masking, masking
from feinschliff.objectives._parts import Parts, sum_by_document

TITLE = "masked language modelling"
UNIT = "block"
PERPLEXITY = True
AUTO_CLASS = "AutoModelForMaskedLM"
MEASURED_SHARE = 0.15
"""Share of tokens hidden when a loss is measured, whatever is hidden in training, so that losses compare."""
INFERENCE_TOKENS = 8192


@dataclass
class MaskedLearner(Learner):
    """Give the mean loss over the hidden tokens of each record.

    Attributes:
        mask: How tokens are hidden.
        place: int64 [V], the place of each id among the outputs.
    """

    mask: Masking
    place: torch.Tensor

    def forward(self, batch: Batch) -> torch.Tensor:
        """Return float32 [B]: the mean loss over the tokens hidden in each text, drawn anew at every call."""
        losses, chosen, _ = self.losses(batch)
        return means(losses, chosen)

    def losses(
        self, batch: Batch, generator: torch.Generator | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return float32 [M], losses of the hidden tokens; bool [B, L], where; float [B, L, H], states."""
        ids, attention = self._to(batch.input_ids), self._to(batch.attention_mask)
        chosen = self.mask.choose(ids, generator) & attention.bool()
        hidden = self.mask.hide(ids, chosen, generator)
        choose_attention(self.model, self.device.type, ids.shape[1])
        with autocast(self.device, self.precision):
            states = hidden_states(self.model, {"input_ids": hidden, "attention_mask": attention})
            logits = head_logits(self.model, states[chosen])
        truth = self.place[ids[chosen]]
        return torch.nn.functional.cross_entropy(logits.float(), truth, reduction="none"), chosen, states


def means(losses: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """Return the mean loss of each text: float32 [M], bool [B, L] -> float32 [B]."""
    rows = chosen.nonzero()[:, 0]
    sums = losses.new_zeros(len(chosen)).index_add_(0, rows, losses)
    return sums / chosen.sum(1).clamp(min=1)


def load(folder: Path, tokenizer: Any, dropout: float, seed: int) -> tuple[Any, bool]:
    """Load a model with a language-model head: the checkpoint's own, or a new one tied to the embeddings.

    Raises:
        ModelError: the architecture has no such head, or the tokenizer no mask token.
    """
    if tokenizer.mask_token_id is None:
        raise ModelError(
            "its tokenizer has no mask token, so it cannot learn by masked language modelling",
            where=str(folder),
            hint="Choose an encoder: feinschliff models",
        )
    options: dict[str, Any] = {"dropout": dropout, "seed": seed}
    try:
        return loading.load_model(folder, AUTO_CLASS, complete=True, **options), False
    except ModelError:
        return loading.load_model(folder, AUTO_CLASS, **options), True


@contextmanager
def vocabulary(network: Any, ids: np.ndarray) -> Iterator[torch.Tensor]:
    """Hold only the rows of these ids; yields the place of each id among the outputs."""
    with active_rows(network, ids) as place:
        yield place


def learner(parts: Parts) -> MaskedLearner:
    """Return what learns."""
    return MaskedLearner(*parts.of_learner(__name__), hiding(parts), parts.place)


def hiding(parts: Parts) -> Masking:
    """Return how tokens are hidden while learning."""
    settings, size = parts.config.adapt, parts.network.config.vocab_size
    return masking(parts.tokenizer, settings.mask_share, settings.whole_words, parts.ids, size, parts.device)


def measure(learner: MaskedLearner, encoded: Encoded, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return float64 [N] each: the losses of each record, summed, and the number of tokens hidden in it."""
    same = replace(learner, mask=replace(learner.mask, share=MEASURED_SHARE, inside=None))
    generator = torch.Generator(learner.device).manual_seed(seed)

    def losses(batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        found, chosen, _ = same.losses(batch, generator)
        return found, chosen.nonzero()[:, 0]

    return sum_by_document(learner, encoded, plan_inference(encoded, INFERENCE_TOKENS), losses)
