"""Denoising: write a whole text again from one vector of what was left when most of its tokens were deleted.

The encoder reads a text without 60 % of its tokens. A decoder of one layer, which sees the words before the
one it writes and of the encoder nothing but that vector, writes all of it; so the vector has to hold what the
text says. It is now the mean over the tokens, by which sentence encoders are used, now the first token, which
transformers' classification heads read. The decoder reads and writes with the encoder's own word vectors, has
no positions (that it sees only what came before tells it the order), and does not go into the saved model.

Of the published method the decoder is lighter: there it begins as the encoder, has all its layers and shares
their weights. Here it learns alone for some steps first, like any new head, and needs many more until it
writes better than by the frequencies of words; see docs/experiments.md.

Source: Wang, Reimers and Gurevych, "TSDAE: Using Transformer-based Sequential Denoising Auto-Encoder for
Unsupervised Sentence Embedding Learning", Findings of EMNLP 2021 (bottleneck, share deleted).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel

from feinschliff.encode import Batch, Encoded, plan_inference
from feinschliff.models import load as loading
from feinschliff.models.attention import choose_attention
from feinschliff.models.learner import Learner
from feinschliff.models.precision import autocast
from feinschliff.models.vocabulary import ActiveEmbedding, active_vocabulary
from feinschliff.objectives._parts import Parts, sum_by_document
from feinschliff.objectives.anchored import vectors
from feinschliff.objectives.mlm import means

TITLE = "denoising of texts through one vector"
UNIT = "block"
PERPLEXITY = True
AUTO_CLASS = "AutoModel"
DELETED = 0.6
"""Share of the tokens that the encoder does not see."""
INFERENCE_TOKENS = 4096


class Autoencoder(PreTrainedModel):
    """An encoder, and a layer that writes its texts again.

    Args:
        encoder: A transformers model without a head, which `base_model` is.
    """

    _supports_sdpa = True

    def __init__(self, encoder: Any):
        super().__init__(encoder.config)
        self.base_model_prefix = encoder.base_model_prefix
        self.add_module(self.base_model_prefix, encoder)
        width, config = encoder.get_input_embeddings().embedding_dim, encoder.config
        self.bridge = nn.Linear(config.hidden_size, width)
        self.decoder = nn.TransformerDecoderLayer(
            width,
            math.gcd(width, config.num_attention_heads),
            4 * width,
            dropout=0.0,
            activation="gelu",
            batch_first=True,
        )

    def write(self, ids: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
        """Return the logits of each next token.

        *Shape:* int64 [B, L], float [B, H] -> float [B, L, K].
        """
        words: Any = self.get_input_embeddings()
        before = nn.Transformer.generate_square_subsequent_mask(ids.shape[1], device=ids.device)
        states = self.decoder(words(ids), self.bridge(vector)[:, None], before, tgt_is_causal=True)
        return nn.functional.linear(states, words.weight)

    def save_pretrained(self, folder: Path, state_dict: dict[str, torch.Tensor]) -> None:  # type: ignore[override]
        """Write the encoder alone."""
        own = f"{self.base_model_prefix}."
        kept = {name.removeprefix(own): t for name, t in state_dict.items() if name.startswith(own)}
        encoder: Any = self.base_model
        encoder.save_pretrained(folder, state_dict=kept)


@dataclass
class DenoisingLearner(Learner):
    """Give the mean loss over the tokens of each text, written again from a vector of what was left of it.

    Attributes:
        special: bool [V], tokens that are never deleted.
        place: int64 [V], the place of each id among the outputs.
    """

    special: torch.Tensor
    place: torch.Tensor

    def forward(self, batch: Batch) -> torch.Tensor:
        """Return float32 [B]; which tokens are deleted and which vector is taken is drawn at every call."""
        mean, first = self.read(batch)
        drawn = torch.rand(len(mean), 1, device=mean.device) < 0.5
        return means(*self.losses(batch, torch.where(drawn, mean, first)))

    def read(
        self, batch: Batch, generator: torch.Generator | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return two vectors of what is left of each text, see `vectors`: float32 [B, H] each."""
        ids, attention = self._to(batch.input_ids), self._to(batch.attention_mask)
        ids, attention = shortened(ids, attention, self.special, self.pad_id, generator)
        choose_attention(self.model.base_model, self.device.type, ids.shape[1])
        with autocast(self.device, self.precision):
            states = self.model.base_model(input_ids=ids, attention_mask=attention).last_hidden_state
        return vectors(states, attention)

    def losses(self, batch: Batch, vector: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return float32 [M], the losses of all tokens but the first; bool [B, L - 1], from where."""
        ids, chosen = self._to(batch.input_ids), self._to(batch.attention_mask)[:, 1:].bool()
        with autocast(self.device, self.precision):
            logits = self.model.write(ids[:, :-1], vector)[chosen]
        truth = self.place[ids[:, 1:][chosen]]
        return nn.functional.cross_entropy(logits.float(), truth, reduction="none"), chosen


def shortened(
    ids: torch.Tensor,
    attention: torch.Tensor,
    special: torch.Tensor,
    pad_id: int,
    generator: torch.Generator | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Delete tokens; of each text special ones stay, and one at least of the others.

    *Shape:* int64 [B, L] twice, bool [V] -> int64 [B, S] twice: what is left, and its attention mask.
    """
    ordinary = attention.bool() & ~special[ids]
    dice = torch.rand(ids.shape, generator=generator, device=ids.device).masked_fill(~ordinary, -1.0)
    kept = attention.bool() & ((dice >= DELETED) | (dice == dice.max(1, keepdim=True).values) | ~ordinary)
    order = kept.int().argsort(dim=1, descending=True, stable=True)[:, : int(kept.sum(1).max())]
    left = kept.gather(1, order)
    return ids.gather(1, order).masked_fill(~left, pad_id), left.to(attention.dtype)


def load(folder: Path, tokenizer: Any, dropout: float, seed: int) -> tuple[Any, bool]:
    """Load an encoder, with a new decoder beside it."""
    encoder = loading.load_model(folder, AUTO_CLASS, dropout=dropout, seed=seed)
    torch.manual_seed(seed)
    return Autoencoder(encoder), True


@contextmanager
def vocabulary(network: Any, ids: np.ndarray) -> Iterator[torch.Tensor]:
    """Hold only the rows of these ids; yields the place of each id among the outputs."""
    with active_vocabulary(network, ids):
        words = network.get_input_embeddings()
        active = isinstance(words, ActiveEmbedding)
        yield words.lookup if active else torch.arange(len(words.weight), device=words.weight.device)


def learner(parts: Parts) -> DenoisingLearner:
    """Return what learns."""
    special = torch.zeros(parts.network.config.vocab_size, dtype=torch.bool, device=parts.device)
    special[[i for i in parts.tokenizer.all_special_ids if i < len(special)]] = True
    return DenoisingLearner(*parts.of_learner(__name__), special, parts.place)


def measure(learner: DenoisingLearner, encoded: Encoded, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return float64 [N] each: the losses of each record from both vectors, summed, and their number."""
    generator = torch.Generator(learner.device).manual_seed(seed)

    def losses(batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        found = [learner.losses(batch, vector) for vector in learner.read(batch, generator)]
        return (
            torch.cat([each for each, _ in found]),
            torch.cat([chosen.nonzero()[:, 0] for _, chosen in found]),
        )

    return sum_by_document(learner, encoded, plan_inference(encoded, INFERENCE_TOKENS), losses)
