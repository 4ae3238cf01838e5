"""Contrastive learning: two neighbouring pieces of a document are to have vectors more alike than any others.

Each block is cut in two, at a share of its length drawn anew for each batch; the other half of the same
block is to be found among the other halves of the batch. Both vectors of a text take part: the mean over its
tokens, by which sentence encoders are used, and that of its first token, which transformers' classification
heads read.

Source: Gao et al., "SimCSE", EMNLP 2021 (loss and temperature); Giorgi et al., "DeCLUTR", ACL 2021 (pieces of
one document as positives).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from feinschliff.encode import Batch, Encoded
from feinschliff.models import load as loading
from feinschliff.models.attention import choose_attention
from feinschliff.models.learner import Learner
from feinschliff.models.precision import autocast
from feinschliff.objectives._parts import Parts, sum_by_document
from feinschliff.objectives.anchored import vectors

TITLE = "contrastive learning of neighbouring pieces"
UNIT = "block"
PERPLEXITY = False
AUTO_CLASS = "AutoModel"
TEMPERATURE = 0.05
LEAST, MOST = 0.3, 0.7
"""Where a block is cut, as shares of it."""
MEASURED_AT_ONCE = 32
"""Blocks, at most, among which the other half is sought when a loss is measured."""


@dataclass
class ContrastiveLearner(Learner):
    """Give the loss of finding each block's other half.

    Attributes:
        prefix, suffix: int32, the special tokens around a text.
    """

    WHOLE_BATCHES: ClassVar[bool] = True

    prefix: np.ndarray
    suffix: np.ndarray

    def forward(self, batch: Batch) -> torch.Tensor:
        """Return float32 [B]."""
        return self.losses(batch, LEAST + (MOST - LEAST) * float(torch.rand(())))

    def losses(self, batch: Batch, share: float) -> torch.Tensor:
        """Return the losses where each block is cut at this share of its own length: float32 [B]."""
        found = []
        for ids, attention in self._halves(batch, share):
            choose_attention(self.model, self.device.type, ids.shape[1])
            with autocast(self.device, self.precision):
                states = self.model(input_ids=ids, attention_mask=attention).last_hidden_state
                found.append([torch.nn.functional.normalize(v, dim=1) for v in vectors(states, attention)])
        truth = torch.arange(len(batch.windows), device=self.device)
        both = []
        for one, other in zip(*found, strict=True):
            alike = one @ other.T / TEMPERATURE
            both += [torch.nn.functional.cross_entropy(a, truth, reduction="none") for a in (alike, alike.T)]
        return torch.stack(both).mean(0)

    def _halves(self, batch: Batch, share: float) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield the first pieces of all blocks, then the other ones: ids and attention, int64 [B, L] each."""
        pieces = []
        for ids, length in zip(batch.input_ids, batch.attention_mask.sum(1), strict=True):
            last = length - len(self.suffix) - 1
            cut = max(len(self.prefix) + 1, min(round(share * length), last))
            pieces.append(
                (np.concatenate([ids[:cut], self.suffix]), np.concatenate([self.prefix, ids[cut:length]]))
            )
        for side in zip(*pieces, strict=True):
            lengths = np.array([len(piece) for piece in side])
            mask = np.arange(lengths.max()) < lengths[:, None]
            filled = np.full(mask.shape, self.pad_id, np.int64)
            filled[mask] = np.concatenate(side)
            yield self._to(filled), self._to(mask.astype(np.int64))


def load(folder: Path, tokenizer: Any, dropout: float, seed: int) -> tuple[Any, bool]:
    """Load a model without a head, which this objective does not need."""
    return loading.load_model(folder, AUTO_CLASS, dropout=dropout, seed=seed), False


@contextmanager
def vocabulary(network: Any, ids: np.ndarray) -> Iterator[torch.Tensor]:
    """Do nothing: without an output layer, `fit` alone holds the rows in use."""
    yield torch.arange(network.config.vocab_size)


def learner(parts: Parts) -> ContrastiveLearner:
    """Return what learns."""
    from feinschliff.encode.blocks import frame

    return ContrastiveLearner(*parts.of_learner(__name__), *frame(parts.tokenizer))


def measure(learner: ContrastiveLearner, encoded: Encoded, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return float64 [N] each: the losses of each document's blocks, cut in the middle, and their number."""
    order = np.random.default_rng(seed).permutation(len(encoded.lengths))
    plan = np.array_split(order, max(1, -(-len(order) // MEASURED_AT_ONCE)))  # no rest: alone it has no loss

    def losses(batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        return learner.losses(batch, 0.5), torch.arange(len(batch.windows))

    return sum_by_document(learner, encoded, plan, losses)
