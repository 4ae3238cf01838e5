"""Contrastive learning: two neighbouring pieces of a document are to have vectors more alike than any others.

Each block is cut in two, at a place drawn anew for each batch; the other half of the same block is to be
found among the other halves of the batch. Both vectors of a text take part: the mean over its tokens, by
which sentence encoders are used, and that of its first token, which transformers' classification heads read.

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
"""Blocks among which the other half is sought when a loss is measured."""


@dataclass
class ContrastiveLearner(Learner):
    """Give the loss of finding each block's other half.

    Attributes:
        prefix, suffix: int64, the special tokens around a text.
    """

    WHOLE_BATCHES: ClassVar[bool] = True

    prefix: torch.Tensor
    suffix: torch.Tensor

    def forward(self, batch: Batch) -> torch.Tensor:
        """Return float32 [B]."""
        return self.losses(batch, LEAST + (MOST - LEAST) * float(torch.rand(())))

    def losses(self, batch: Batch, share: float) -> torch.Tensor:
        """Return the losses where blocks are cut at this share of their length: float32 [B]."""
        ids, attention = self._to(batch.input_ids), self._to(batch.attention_mask)
        begin = len(self.prefix)
        cut = max(begin + 1, round(share * ids.shape[1]))
        ones = attention.new_ones(len(ids), 1)
        halves = (
            (
                torch.cat([ids[:, :cut], self.suffix.expand(len(ids), -1)], 1),
                attention[:, :cut],
                self.suffix,
                1,
            ),
            (
                torch.cat([self.prefix.expand(len(ids), -1), ids[:, cut:]], 1),
                attention[:, cut:],
                self.prefix,
                0,
            ),
        )
        found = []
        choose_attention(self.model, self.device.type, ids.shape[1])
        with autocast(self.device, self.precision):
            for tokens, mask, added, after in halves:
                more = ones.expand(-1, len(added))
                mask = torch.cat([mask, more] if after else [more, mask], 1)
                states = self.model(input_ids=tokens, attention_mask=mask).last_hidden_state
                found.append([torch.nn.functional.normalize(v, dim=1) for v in vectors(states, mask)])
        truth = torch.arange(len(ids), device=self.device)
        both = []
        for one, other in zip(*found, strict=True):
            alike = one @ other.T / TEMPERATURE
            both += [torch.nn.functional.cross_entropy(a, truth, reduction="none") for a in (alike, alike.T)]
        return torch.stack(both).mean(0)


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

    ends = (torch.from_numpy(ids.astype(np.int64)).to(parts.device) for ids in frame(parts.tokenizer))
    return ContrastiveLearner(*parts.of_learner(__name__), *ends)


def measure(learner: ContrastiveLearner, encoded: Encoded, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return float64 [N] each: the losses of each document's blocks, cut in the middle, and their number."""
    order = np.random.default_rng(seed).permutation(len(encoded.lengths))
    plan = np.split(order, range(MEASURED_AT_ONCE, len(order), MEASURED_AT_ONCE))

    def losses(batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        return learner.losses(batch, 0.5), torch.arange(len(batch.windows))

    return sum_by_document(learner, encoded, plan, losses)
