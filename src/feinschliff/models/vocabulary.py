"""Train only the embedding rows that occur in the data.

Rows that no text uses get zero gradients: AdamW without weight decay leaves them as they are, so leaving them
out of the optimiser changes nothing but its cost. With 250,000 word pieces the rows are four fifths of all
parameters, of which a few thousand occur.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

MAX_LEADING = 1024


class ActiveVocabulary:
    """A model's embedding matrix reduced to some rows, until `restore` puts all of them back.

    Position ids of RoBERTa-like models are counted from the padding id, so ids up to a small padding id keep
    their numbers.

    Args:
        model: A transformers model; its input embeddings are replaced at once.
        used: int [K], token ids that will be given to the model.
        pad_id: Padding id.
    """

    def __init__(self, model: Any, used: np.ndarray, pad_id: int):
        self.model = model
        self.embeddings = model.get_input_embeddings()
        size = self.embeddings.weight.shape[0]
        leading = np.arange(pad_id + 1) if pad_id < MAX_LEADING else np.array([pad_id])
        rows = np.union1d(np.asarray(used, np.int64), leading)
        self.rows = torch.from_numpy(rows[rows < size])
        self.lookup = np.full(size, -1, np.int32)
        self.lookup[self.rows.numpy()] = np.arange(len(self.rows), dtype=np.int32)
        self.pad_id = int(self.lookup[pad_id])
        small = nn.Embedding(len(self.rows), self.embeddings.weight.shape[1], padding_idx=self.pad_id)
        small.weight.data = self.embeddings.weight.data[self.rows].clone()
        model.set_input_embeddings(small)
        self.small = small

    def renumber(self, ids: np.ndarray) -> np.ndarray:
        """Return int32 ids of the reduced matrix; every id must be among the used ones."""
        small = self.lookup[ids]
        assert small.min(initial=0) >= 0, "a token id outside the active vocabulary"
        return small

    def full_weight(self) -> torch.Tensor:
        """Return the full matrix with the tuned rows in it, float [V, H]."""
        weight = self.embeddings.weight.data.clone()
        weight[self.rows] = self.small.weight.data.to(weight.device, weight.dtype)
        return weight

    def restore(self) -> None:
        """Put the full matrix, with the tuned rows, back into the model."""
        device = self.small.weight.device
        self.embeddings.weight.data[self.rows] = self.small.weight.data.to(
            self.embeddings.weight.device, self.embeddings.weight.dtype
        )
        self.embeddings.to(device)
        self.model.set_input_embeddings(self.embeddings)
