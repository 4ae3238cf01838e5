"""Masked language modelling, anchored: the vectors of texts stay those the model gave them before.

Masked language modelling alone pulls a sentence encoder away from what it was made for. Here the model also
learns to give a text some of whose tokens are hidden the vector that it gave, as it was, to the whole text:
the mean of its hidden states stays a sentence vector, now in the face of gaps. The same vector is asked of
the first token, which is all that transformers' own classification heads read of the BERT family, and which
an encoder trained by mean pooling leaves without a meaning.

One minus the cosine is added with a weight to the loss of the hidden tokens. The second model costs a forward
pass, a quarter of a step.

Source: Reimers and Gurevych, "Making Monolingual Sentence Embeddings Multilingual using Knowledge
Distillation", EMNLP 2020 (one model's vectors as the aim of another).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch

from feinschliff.encode import Batch
from feinschliff.models.attention import choose_attention
from feinschliff.models.precision import autocast
from feinschliff.objectives import mlm
from feinschliff.objectives._parts import Parts
from feinschliff.objectives.mlm import MaskedLearner, load, measure, vocabulary

TITLE = "masked language modelling, anchored to the vectors of texts"
UNIT = "block"
PERPLEXITY = True
AUTO_CLASS = mlm.AUTO_CLASS
WEIGHT = 5.0
"""Of one minus the cosine, beside the loss of a hidden token."""

__all__ = ["AUTO_CLASS", "TITLE", "UNIT", "learner", "load", "measure", "vocabulary"]


@dataclass
class AnchoredLearner(MaskedLearner):
    """Add to the loss of the hidden tokens how far the vectors of texts have moved.

    Attributes:
        anchor: The backbone as it was.
    """

    anchor: Any

    def forward(self, batch: Batch) -> torch.Tensor:
        """Return float32 [B]: the loss of each text."""
        losses, chosen, states = self.losses(batch)
        if not states.requires_grad:  # the head alone is being tuned
            return mlm.means(losses, chosen)
        ids, attention = self._to(batch.input_ids), self._to(batch.attention_mask)
        choose_attention(self.anchor, self.device.type, ids.shape[1])
        with torch.no_grad(), autocast(self.device, self.precision):
            aim = mean_vectors(
                self.anchor(input_ids=ids, attention_mask=attention).last_hidden_state, attention
            )
        away = [1 - torch.nn.functional.cosine_similarity(v, aim) for v in vectors(states, attention)]
        return mlm.means(losses, chosen) + WEIGHT * sum(away) / len(away)


def vectors(states: torch.Tensor, attention: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the two vectors of each text: the mean over its tokens, and that of its first token.

    *Shape:* float [B, L, H], int64 [B, L] -> float32 [B, H] each.
    """
    return mean_vectors(states, attention), states[:, 0].float()


def mean_vectors(states: torch.Tensor, attention: torch.Tensor) -> torch.Tensor:
    """*Shape:* float [B, L, H], int64 [B, L] -> float32 [B, H]."""
    weight = attention[:, :, None].float()
    return (states.float() * weight).sum(1) / weight.sum(1).clamp(min=1)


def learner(parts: Parts) -> AnchoredLearner:
    """Return what learns; the network as it is now is what the vectors are anchored to."""
    anchor = copy.deepcopy(parts.network.base_model).eval().requires_grad_(False)
    return AnchoredLearner(*parts.of_learner(__name__), mlm.hiding(parts), parts.place, anchor)
