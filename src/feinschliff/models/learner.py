"""A model, its data on the way to the device, and the two things done with them: a step, a forward pass."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import torch

from feinschliff.encode import Batch, Encoded, collate, window_logits
from feinschliff.errors import ModelError, first_line
from feinschliff.models.attention import choose_attention
from feinschliff.models.first_token import first_token_only, supported
from feinschliff.models.layers import output_layer
from feinschliff.models.precision import autocast
from feinschliff.models.unpadded import unpadded

INFERENCE_TOKENS = 4096
"""Most padded tokens of a batch without gradients; see docs/experiments.md."""
OVERHEAD = 55 * 384**2
"""A batch of a model with 384 numbers a token costs as much as 55 tokens more, see docs/experiments.md; the
work on a token grows with the square of these numbers."""
HIDDEN = 768


@dataclass
class Learner:
    """What a forward pass needs.

    Attributes:
        model: A transformers model with a head.
        task: Module of `feinschliff.tasks`.
        device: Where it computes.
        precision: `float32`, `bfloat16` or `float16`.
        pad_id: Token id of padding.
        unpadded: Compute tokens only, see `models/unpadded.py`; the model must be able to.
    """

    WHOLE_BATCHES: ClassVar[bool] = False
    """Whether the loss of a record depends on the others computed with it."""

    model: Any
    task: ModuleType
    device: torch.device
    precision: str
    pad_id: int
    unpadded: bool = field(default=False, kw_only=True)

    @property
    def vocab_size(self) -> int:
        """Number of token ids the model has vectors for."""
        return self.model.config.vocab_size

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "task": self.task.__name__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, task=importlib.import_module(state["task"]))

    def exact(self) -> Learner:
        """Return a learner of the same model that computes as it will when it is used: all in float32."""
        return replace(self, precision="float32", unpadded=False)

    def forward(self, batch: Batch) -> torch.Tensor:
        """Return float32 logits: [R, L] per record for text tasks, [B, L, K] per token for token tasks."""
        inputs = {"input_ids": self._to(batch.input_ids), "attention_mask": self._to(batch.attention_mask)}
        if batch.token_type_ids is not None:
            inputs["token_type_ids"] = self._to(batch.token_type_ids)
        with autocast(self.device, self.precision), self._attention(inputs["attention_mask"]):
            logits = self.model(**inputs).logits
        logits = logits.float()
        if self.task.UNIT == "token" or len(batch.windows) == len(batch.records):
            return logits
        return pool_windows(logits, self._to(batch.window_record), len(batch.records))

    def _attention(self, mask: torch.Tensor) -> AbstractContextManager[None]:
        """Return the context in which a batch is computed in the way that is fastest for it."""
        if self.unpadded:
            return unpadded(self.model, mask)
        choose_attention(self.model, self.device.type, mask.shape[1])
        return first_token_only(self.model) if supported(self.model) else nullcontext()

    def _overhead_tokens(self) -> float:
        """Return what a batch costs besides its tokens: on a CPU as much as some tokens of a small model."""
        if self.device.type != "cpu" or self.unpadded:
            return 0
        return OVERHEAD / getattr(self.model.config, "hidden_size", HIDDEN) ** 2

    def logits(self, encoded: Encoded, progress: Callable[[int], None] | None = None) -> np.ndarray:
        """Return logits without gradients: float32 [N, L] per record, or [T, K] per token.

        Args:
            encoded: N records.
            progress: Called with the number of windows done, batch by batch.
        """
        self.model.eval()
        with torch.inference_mode():
            return window_logits(
                encoded,
                lambda batch: self.forward(batch).cpu().numpy(),
                pad_id=self.pad_id,
                width=self.model.config.num_labels,
                per_token=self.task.UNIT == "token",
                micro_batch_tokens=INFERENCE_TOKENS,
                overhead_tokens=self._overhead_tokens(),
                progress=progress,
            )

    def logits_and_vectors(
        self, encoded: Encoded, progress: Callable[[int], None] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return logits float32 [N, L] and, from the same pass, what the output layer reads, float32 [N, H].

        For tasks with logits per record. Where the layer reads all tokens, the last one's vector is taken.
        """
        width = self.model.config.num_labels
        layer = output_layer(self.model, width)
        seen: list[torch.Tensor] = []

        def forward(batch: Batch) -> np.ndarray:
            seen.clear()
            logits = self.forward(batch)
            vectors = seen[0].detach().float()
            if vectors.ndim == 3:
                last = self._to(batch.attention_mask.sum(1) - 1)
                vectors = vectors[torch.arange(len(vectors), device=vectors.device), last]
            return torch.cat([logits, vectors], 1).cpu().numpy()

        hook = layer.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
        self.model.eval()
        try:
            with torch.inference_mode():
                both = window_logits(
                    encoded,
                    forward,
                    pad_id=self.pad_id,
                    width=width + layer.in_features,
                    per_token=False,
                    micro_batch_tokens=INFERENCE_TOKENS,
                    overhead_tokens=self._overhead_tokens(),
                    progress=progress,
                )
        finally:
            hook.remove()
        return both[:, :width], both[:, width:]

    def _to(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array).to(self.device, non_blocking=True)


@torch.inference_mode()
def check_reading(learner: Learner, encoded: Encoded) -> None:
    """Make sure that the model reads a text, and reads it alike with padding after it.

    Architectures without an attention mask, or that look at the last position, answer by the batch a text
    is in.

    Args:
        learner: A model that has just been loaded.
        encoded: One short record.

    Raises:
        ModelError: it does not.
    """
    alone = _cut(collate(encoded, np.array([0]), learner.pad_id), int(encoded.lengths[0]))
    room = ((0, 0), (0, min(8, encoded.limit - alone.input_ids.shape[1])))
    types = alone.token_type_ids
    padded = replace(
        alone,
        input_ids=np.pad(alone.input_ids, room, constant_values=learner.pad_id),
        attention_mask=np.pad(alone.attention_mask, room),
        token_type_ids=None if types is None else np.pad(types, room),
    )
    kind = f"its architecture '{learner.model.config.model_type}'"
    learner.model.eval()
    careful = learner.exact()
    try:
        expected, found = careful.forward(alone), careful.forward(padded)
    except (RuntimeError, ValueError, TypeError, LookupError, AttributeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{kind} cannot read a batch of texts ({reason})", where="model.source") from error
    if not bool(expected.isfinite().all()):
        raise ModelError("its weights are damaged: what it computes is not a number", where="model.source")
    difference = (found[tuple(map(slice, expected.shape))] - expected).abs().max()
    if not difference <= 1e-3 * expected.abs().max() + 1e-6:
        raise ModelError(
            f"{kind} reads padding as if it were text, so that its answers change from batch to batch",
            where="model.source",
            hint="Choose another model: feinschliff models",
        )


@torch.inference_mode()
def fault_of_precision(learner: Learner, encoded: Encoded) -> str | None:
    """Return why a model cannot compute in its number format, such as masks too large for it; None if it can.

    Args:
        encoded: One short record, which the model reads in float32.
    """
    learner.model.eval()
    try:
        learner.forward(collate(encoded, np.array([0]), learner.pad_id))
    except RuntimeError as error:
        return first_line(error)
    return None


def _cut(batch: Batch, length: int) -> Batch:
    """Return the batch without the positions from `length` on."""
    types = batch.token_type_ids
    return replace(
        batch,
        input_ids=batch.input_ids[:, :length],
        attention_mask=batch.attention_mask[:, :length],
        token_type_ids=None if types is None else types[:, :length],
    )


def pool_windows(logits: torch.Tensor, window_record: torch.Tensor, num_records: int) -> torch.Tensor:
    """Average the logits of each record's windows: [B, L] -> [R, L]."""
    sums = logits.new_zeros(num_records, logits.shape[1]).index_add_(0, window_record, logits)
    counts = torch.bincount(window_record, minlength=num_records).clamp(min=1)
    return sums / counts[:, None]


def used_ids(pad_id: int, *parts: Encoded) -> np.ndarray:
    """Return the token ids that occur in batches of these parts, ascending."""
    seen = np.zeros(1 + max(pad_id, *(int(p.input_ids.max(initial=0)) for p in parts)), bool)
    seen[pad_id] = True
    for part in parts:
        seen[part.input_ids] = True
    return np.flatnonzero(seen)
