"""Masked language modelling: hide some tokens and learn to find them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from feinschliff.config import RunConfig
from feinschliff.encode import Batch, Encoded, collate, plan_inference
from feinschliff.errors import ModelError
from feinschliff.models import load as loading
from feinschliff.models.attention import choose_attention
from feinschliff.models.language_model import active_rows, logits_at
from feinschliff.objectives._masking import Masking, masking
from feinschliff.train.learner import Learner
from feinschliff.train.precision import autocast

TITLE = "masked language modelling"
UNIT = "block"
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
        losses, chosen = self.losses(batch)
        rows = chosen.nonzero()[:, 0]
        sums = losses.new_zeros(len(batch.windows)).index_add_(0, rows, losses)
        return sums / chosen.sum(1).clamp(min=1)

    def losses(
        self, batch: Batch, generator: torch.Generator | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return float32 [M], the losses of the hidden tokens, and bool [B, L], where they are."""
        ids, attention = self._to(batch.input_ids), self._to(batch.attention_mask)
        chosen = self.mask.choose(ids, generator) & attention.bool()
        hidden = self.mask.hide(ids, chosen, generator)
        choose_attention(self.model, self.device.type, ids.shape[1])
        with autocast(self.device, self.precision):
            logits = logits_at(self.model, {"input_ids": hidden, "attention_mask": attention}, chosen)
        truth = self.place[ids[chosen]]
        return torch.nn.functional.cross_entropy(logits.float(), truth, reduction="none"), chosen


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


def learner(
    network: Any,
    tokenizer: Any,
    config: RunConfig,
    device: torch.device,
    precision: str,
    ids: np.ndarray,
    place: torch.Tensor,
) -> MaskedLearner:
    """Return what learns."""
    how = masking(
        tokenizer, config.adapt.mask_share, config.adapt.whole_words, ids, network.config.vocab_size, device
    )
    return MaskedLearner(
        network, sys.modules[__name__], device, precision, tokenizer.pad_token_id, how, place
    )


def measure(learner: MaskedLearner, encoded: Encoded, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return float64 [N] each: the losses of each record, summed, and the number of tokens hidden in it."""
    same = replace(learner, mask=replace(learner.mask, share=MEASURED_SHARE, inside=None))
    sums, counts = np.zeros(encoded.num_records), np.zeros(encoded.num_records)
    generator = torch.Generator(learner.device).manual_seed(seed)
    learner.model.eval()
    with torch.inference_mode():
        for windows in plan_inference(encoded, INFERENCE_TOKENS):
            batch = collate(encoded, windows, learner.pad_id)
            losses, chosen = same.losses(batch, generator)
            rows = encoded.record[windows][chosen.nonzero()[:, 0].cpu().numpy()]
            np.add.at(sums, rows, losses.double().cpu().numpy())
            np.add.at(counts, rows, 1)
    return sums, counts
