"""Language models with only some rows of their vocabulary, computed only where a prediction is wanted.

Most of a language model's time goes into the products with the embeddings of all word pieces, at every
position. Here they are made for the positions asked for and for the pieces that occur in the texts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from feinschliff.models.vocabulary import ActiveEmbedding

MULTIPLE = 64
"""Numbers of positions at a time are rounded up to multiples of it."""


class ActiveOutput(nn.Module):
    """Some rows of an output layer: [..., H] -> [..., K].

    Args:
        weight: [K, H], shared with the embedding where the whole model shares it.
        bias: [K] or None.
    """

    def __init__(self, weight: nn.Parameter, bias: torch.Tensor | None):
        super().__init__()
        self.weight = weight
        self.bias = None if bias is None else nn.Parameter(bias)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """*Shape:* float [..., H] -> [..., K]."""
        return nn.functional.linear(hidden, self.weight, self.bias)


@contextmanager
def active_rows(model: Any, ids: np.ndarray) -> Iterator[torch.Tensor]:
    """Hold only some rows of the input and output embeddings, until the context ends and all are back.

    Args:
        model: A transformers language model, on its device.
        ids: int [K], ascending: the token ids it will be given and can predict.

    Yields:
        int64 [V], the place of each id among the outputs; -1 for those it cannot predict.
    """
    whole, output = model.get_input_embeddings(), model.get_output_embeddings()
    device = whole.weight.device
    same_size = type(output) is nn.Linear and output.out_features == whole.num_embeddings
    if type(whole) is not nn.Embedding or not same_size:
        rows = (output if output is not None else whole).weight.shape[0]
        yield torch.arange(rows, device=device)
        return
    tied = output.weight is whole.weight
    rows = torch.from_numpy(np.asarray(ids, np.int64)).to(device)
    active = ActiveEmbedding(whole, rows)
    weight = active.weight if tied else nn.Parameter(output.weight.detach()[rows].clone())
    small = ActiveOutput(weight, None if output.bias is None else output.bias.detach()[rows].clone())
    model.set_input_embeddings(active)
    model.set_output_embeddings(small)
    try:
        yield active.lookup
    finally:
        with torch.no_grad():
            whole.weight[rows] = active.weight
            if not tied:
                output.weight[rows] = small.weight
            if output.bias is not None:
                output.bias[rows] = small.bias
        model.set_input_embeddings(whole)
        model.set_output_embeddings(output)


def hidden_states(model: Any, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return what the backbone makes of texts: float [B, L, H]."""
    return model.base_model(**inputs).last_hidden_state


def head_logits(model: Any, hidden: torch.Tensor) -> torch.Tensor:
    """Return the logits of some positions, which the model's own head sees as one text of M tokens.

    On CPUs products are prepared for each size anew, and what was prepared is kept: with as many outputs as a
    vocabulary has, some 20 MB for each number of positions. So the first one is repeated up to a multiple.

    *Shape:* float [M, H] -> [M, K].
    """
    more = -len(hidden) % MULTIPLE if len(hidden) else 0
    rows = torch.cat([hidden, hidden[:1].expand(more, -1)]) if more else hidden
    with _returning(model.base_model, rows[None]):
        found = model(input_ids=torch.zeros(1, 1, dtype=torch.int64, device=hidden.device)).logits[0]
    return found[: len(hidden)]


@contextmanager
def _returning(backbone: Any, hidden: torch.Tensor) -> Iterator[None]:
    """Within the context the backbone returns these hidden states, whatever it is given."""
    from transformers.modeling_outputs import BaseModelOutputWithPastAndCrossAttentions as Output

    backbone.forward = lambda *_, **__: Output(last_hidden_state=hidden)
    try:
        yield
    finally:
        del backbone.forward


def start_head(model: Any, counts: np.ndarray) -> None:
    """Let a new head begin where it must go first: square layers as identity, the bias as log frequencies.

    The output layer shares the input embeddings, so a head that leaves hidden states as they are compares
    them with the embeddings, which they resemble by the residual connections.

    Args:
        model: A transformers language model; what its head lacks of the two stays as it is.
        counts: int [V], occurrences of each token.
    """
    inside = {id(m) for m in model.base_model.modules()}
    for module in model.modules():
        square = isinstance(module, nn.Linear) and module.in_features == module.out_features
        if square and id(module) not in inside:
            nn.init.eye_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    bias = getattr(model.get_output_embeddings(), "bias", None)
    if bias is None:
        return
    padded = np.zeros(len(bias))
    padded[: len(counts)] = counts[: len(bias)]
    with torch.no_grad():
        bias.copy_(torch.from_numpy(np.log((padded + 0.5) / (padded.sum() + 0.5 * len(padded)))))
