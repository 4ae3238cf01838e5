"""Train only the embedding rows that occur in the data.

Rows that no text uses get zero gradients: AdamW without weight decay leaves them as they are, so leaving them
out of the optimiser changes nothing but its cost. With 250,000 word pieces the rows are four fifths of all
parameters, of which a few thousand occur.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from feinschliff.encode.column import LARGE_BYTES


class ActiveEmbedding(nn.Module):
    """Some rows of an embedding matrix, found by the ids of the whole one.

    The model above sees the ids it always sees: those that compare them with the padding or end id, such as
    models that count positions from the padding id, need to know nothing.

    Args:
        whole: The embedding of all V ids.
        rows: int64 [K], the ids that can be looked up; any other is an error.
    """

    lookup: torch.Tensor

    def __init__(self, whole: nn.Embedding, rows: torch.Tensor):
        super().__init__()
        lookup = torch.full((whole.num_embeddings,), -1, device=rows.device)
        lookup[rows] = torch.arange(len(rows), device=rows.device)
        padding = -1 if whole.padding_idx is None else int(lookup[whole.padding_idx])
        self.padding_idx = padding if padding >= 0 else None
        self.register_buffer("lookup", lookup, persistent=False)
        self.weight = nn.Parameter(whole.weight.detach()[rows].clone())

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """*Shape:* int64 [B, L] -> [B, L, H]."""
        return nn.functional.embedding(self.lookup[ids], self.weight, self.padding_idx)


@contextmanager
def active_vocabulary(model: Any, used: np.ndarray) -> Iterator[None]:
    """Hold only the rows in use, until the context ends and all rows are back, the tuned ones among them.

    A model whose embeddings are of their own kind, or are shared with another part of it, keeps all rows.

    Args:
        model: A transformers model, on its device.
        used: int [K], all token ids it will be given, padding included.
    """
    whole = model.get_input_embeddings()
    if type(whole) is not nn.Embedding or len(used) >= whole.num_embeddings:
        yield
        return
    device = whole.weight.device
    rows = torch.from_numpy(np.asarray(used, np.int64)).to(device)
    model.set_input_embeddings(active := ActiveEmbedding(whole, rows))
    if any(parameter is whole.weight for parameter in model.parameters()):
        model.set_input_embeddings(whole)
        yield
        return
    whole.cpu()
    resting = _put_aside(whole.weight)
    try:
        yield
    finally:
        whole.weight.data = resting()
        with torch.no_grad():
            whole.weight[rows.cpu()] = active.weight.cpu()
        model.set_input_embeddings(whole.to(device))


def _put_aside(weight: torch.Tensor) -> Callable[[], torch.Tensor]:
    """Empty a weight on the CPU into a file, where it is large; return what reads it again."""
    kept = weight.data
    if kept.nbytes > LARGE_BYTES:
        try:
            file = tempfile.TemporaryFile(prefix="feinschliff-")  # noqa: SIM115
            file.write(kept.view(torch.uint8).numpy().data)
            file.flush()
        except OSError:  # no room: it stays in memory
            return lambda: kept
        shape, dtype = kept.shape, kept.dtype
        weight.data = kept = kept.new_empty(0)

        def read() -> torch.Tensor:
            file.seek(0)
            with file:
                return torch.from_numpy(np.fromfile(file, np.uint8)).view(dtype).view(shape)

        return read
    return lambda: kept
