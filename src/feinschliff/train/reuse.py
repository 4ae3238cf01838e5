"""Compute frozen lower layers once and read their output in every pass over the data.

What comes out of layers that are not trained is the same in every epoch. It is computed when it is first
needed, in batches that do not depend on the training's order, so that a resumed run reads the same numbers.

Cost: a vector per token, in memory up to 256 MiB, beyond that in a mapped file that has no name and vanishes
with the process. With half of the layers frozen, an epoch takes 3/4 of the products it takes otherwise: the
forward pass of the lower half is left out, one part in four.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from feinschliff.encode import Batch, Encoded, collate, plan_inference
from feinschliff.encode.column import LARGE_BYTES
from feinschliff.errors import ResourceError
from feinschliff.models.layers import layers
from feinschliff.models.learner import INFERENCE_TOKENS, Learner

ROOM_SHARE = 0.5
"""Most of a disk's free space that the vectors take."""


class FrozenLayers:
    """The output of the frozen lower layers for every window of the training data.

    Args:
        learner: Its model's lowest `depth` layers and its embeddings are not trained.
        train: What the vectors are kept of; they are computed when the first are needed.
        depth: At least 1, and less than there are layers.

    Raises:
        ResourceError: there is no room for the vectors.
    """

    def __init__(self, learner: Learner, train: Encoded, depth: int):
        self.learner, self.train = learner, train
        self.padded = replace(learner, unpadded=False)
        self.stack: list[Any] = list(layers(learner.model))[:depth]
        dtype = getattr(torch, learner.precision)
        self.vectors = _room(len(train.input_ids), learner.model.config.hidden_size, dtype)
        self.filled = False
        self.extras = 0

    def forward(self, batch: Batch) -> torch.Tensor:
        """Return what the learner does for windows of the training data, the frozen layers left out."""
        if not self.filled:
            self._fill()
        mask = torch.from_numpy(batch.attention_mask).bool()
        hidden = torch.zeros(*mask.shape, self.vectors.shape[-1], dtype=self.vectors.dtype)
        hidden[mask] = self.vectors[self._tokens(batch)]
        with self._replaced(hidden.to(self.learner.device)):
            return self.learner.forward(batch)

    @torch.enable_grad()
    def is_constant(self) -> bool:
        """Tell whether nothing trained has a say in the frozen layers, as shared relative positions have."""
        return not self._compute(collate(self.train, np.array([0]), self.learner.pad_id)).requires_grad

    @torch.no_grad()
    def _fill(self) -> None:
        before = {module: module.training for module in self.learner.model.modules()}
        self.learner.model.eval()
        for windows in plan_inference(self.train, INFERENCE_TOKENS):
            batch = collate(self.train, windows, self.learner.pad_id)
            hidden = self._compute(batch).to(self.vectors)
            self.vectors[self._tokens(batch)] = hidden[torch.from_numpy(batch.attention_mask).bool()]
        for module, training in before.items():
            module.training = training
        self.filled = True

    def _tokens(self, batch: Batch) -> torch.Tensor:
        """Return the places of a batch's tokens among those of all windows, int64."""
        starts = self.train.starts
        return torch.from_numpy(np.concatenate([np.arange(starts[w], starts[w + 1]) for w in batch.windows]))

    def _compute(self, batch: Batch) -> torch.Tensor:
        """Return the output of the last frozen layer, [B, L, H]."""
        found: list[torch.Tensor] = []

        def stop(module: nn.Module, inputs: Any, output: Any) -> None:
            hidden, *more = output if isinstance(output, tuple) else (output,)
            found.append(hidden)
            self.extras = len(more) if isinstance(output, tuple) else -1
            raise _Stop

        handle = self.stack[-1].register_forward_hook(stop)
        try:
            self.padded.forward(batch)
        except _Stop:
            return found[0]
        finally:
            handle.remove()
        raise AssertionError("the layers of the stack are not used")

    @contextmanager
    def _replaced(self, hidden: torch.Tensor) -> Iterator[None]:
        """Within the context the frozen layers compute nothing, and the last of them gives `hidden`."""
        output = hidden if self.extras < 0 else (hidden, *[None] * self.extras)
        for layer in self.stack:
            layer.forward = lambda *_, **__: output
        try:
            yield
        finally:
            for layer in self.stack:
                del layer.forward


class _Stop(Exception):  # noqa: N818  (no error)
    """A forward pass has come as far as it must."""


def frozen_depth(learner: Learner, freeze_layers: int, epochs: float) -> int:
    """Return how many of the lowest layers need to be computed only once, 0 where that saves nothing.

    The top layer is always computed: what it gives may depend on what the head reads.
    """
    model = learner.model
    if epochs <= 1 or type(learner) is not Learner or model.config.is_encoder_decoder:
        return 0
    return min(freeze_layers, len(layers(model)) - 1)


def _room(tokens: int, width: int, dtype: torch.dtype) -> torch.Tensor:
    """Return room for a vector per token, [T, H]: in memory, or in an unnamed file when it is large."""
    size = tokens * width * dtype.itemsize
    if size <= LARGE_BYTES:
        return torch.empty(tokens, width, dtype=dtype)
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if size > free * ROOM_SHARE:
        raise ResourceError(
            f"the output of frozen layers takes {size / 2**30:.1f} GiB of {free / 2**30:.1f} GiB free",
            where=tempfile.gettempdir(),
        )
    with tempfile.TemporaryFile(prefix="feinschliff-") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:  # macOS
            file.truncate(size)
        mapped = np.memmap(file, np.uint8, mode="r+", shape=(size,))
    return torch.from_numpy(mapped).view(dtype).view(tokens, width)
