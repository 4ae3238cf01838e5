"""Integrated gradients of weighted sums of logits, with a check of their sum.

Source: M. Sundararajan, A. Taly, Q. Yan, "Axiomatic Attribution for Deep Networks", ICML 2017;
computed by captum (N. Kokhlikyan et al., "Captum: A unified and generic model interpretability library for
PyTorch", 2020).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from feinschliff.encode import Batch, Encoded, collate
from feinschliff.errors import ConfigError, MissingExtraError
from feinschliff.models.attention import choose_attention
from feinschliff.models.layers import still

STEPS = (8, 16, 32, 64, 128)
"""Points on the way from no text to the text; the next number is tried where the sum is off by too much."""
FIRST_STEPS = 16
TOLERANCE = 0.05
"""Largest error of the sum, as a share of the sum of the weights' sizes, that is not tried to be mended."""
ROW_TOKENS = 512
"""Most tokens of a batch before it is multiplied by the steps."""
PASS_TOKENS = 2048
"""Most tokens of one forward and backward pass; see docs/experiments.md."""


@dataclass(frozen=True)
class Question:
    """A weighted sum of the logits of one record.

    Attributes:
        record: Its index.
        label: What the sum speaks for.
        weights: float32 [K] for tasks with logits per record; float32 [U, K] for `tokens`.
        tokens: int64 [U], the tokens that are asked about, for tasks with logits per token.
    """

    record: int
    label: Any
    weights: np.ndarray
    tokens: np.ndarray | None = None


@dataclass(frozen=True)
class Answer:
    """The sum shared out among the tokens of the record.

    Attributes:
        tokens: float64 [T], tokens of all windows of the record.
        total: The sum with the text, minus the sum without it.
        error: What the shares miss of it, in size.
    """

    tokens: np.ndarray
    total: float
    error: float


def attribute(
    learner: Any, encoded: Encoded, questions: Sequence[Question], most_steps: int = STEPS[-1]
) -> Iterator[Answer]:
    """Yield the answer to each question.

    Args:
        learner: A `models.learner.Learner`.
        encoded: The records, with the characters of every token: those without any are never blotted out.
        questions: By record, ascending.
        most_steps: Where to stop trying more steps, one of `STEPS`.

    Raises:
        ConfigError: the model cannot be differentiated.
        MissingExtraError: captum is not installed.
    """
    if not isinstance(getattr(learner, "model", None), torch.nn.Module):
        raise ConfigError(
            "an exported model has no gradients to explain by",
            where="explain",
            hint="Explain with the model it was exported from",
        )
    rows = [
        (number, window, weights)
        for number, question in enumerate(questions)
        for window, weights in _windows(encoded, question)
    ]
    lengths = encoded.lengths
    order = sorted(range(len(rows)), key=lambda i: int(lengths[rows[i][1]]))
    found: list[tuple[np.ndarray, float, float]] = [(np.zeros(0), 0.0, 0.0)] * len(rows)
    learner.model.eval()
    for part in _batches([int(lengths[rows[i][1]]) for i in order]):
        chosen = [order[i] for i in part]
        with still(learner.model.parameters()):
            answers = _integrate(learner, encoded, [rows[i][1:] for i in chosen], most_steps)
        for i, answer in zip(chosen, answers, strict=True):
            found[i] = answer
    for number, question in enumerate(questions):
        windows = np.arange(*encoded.first_window[question.record : question.record + 2])
        pieces = {window: np.zeros(lengths[window]) for window in windows.tolist()}
        own = [(window, found[i]) for i, (n, window, _) in enumerate(rows) if n == number]
        pieces |= {window: tokens for window, (tokens, _, _) in own}
        total, error = (sum(answer[i] for _, answer in own) for i in (1, 2))
        yield Answer(np.concatenate(list(pieces.values())), float(total), abs(float(error)))


def _windows(encoded: Encoded, question: Question) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the windows a question looks at, with its weights there: [K], or [L, K] per token.

    The logits of a record are the means of its windows', so each window has its share of the weights.
    """
    first, last = encoded.first_window[question.record : question.record + 2].tolist()
    for window in range(first, last):
        if question.tokens is None:
            yield window, question.weights / np.float32(last - first)
            continue
        begin, end = encoded.starts[window : window + 2]
        here = (question.tokens >= begin) & (question.tokens < end)
        if here.any():
            weights = np.zeros((end - begin, question.weights.shape[1]), np.float32)
            weights[question.tokens[here] - begin] = question.weights[here]
            yield window, weights


def _batches(lengths: Sequence[int]) -> Iterator[range]:
    """Yield stretches of rows, ascending by length, under the budget."""
    begin = 0
    for i, length in enumerate(lengths):
        if i > begin and (i + 1 - begin) * length > ROW_TOKENS:
            yield range(begin, i)
            begin = i
    if begin < len(lengths):
        yield range(begin, len(lengths))


def _integrate(
    learner: Any, encoded: Encoded, rows: Sequence[tuple[int, np.ndarray]], most_steps: int
) -> list[tuple[np.ndarray, float, float]]:
    """Return the weights of the tokens, the total and its error (with its sign) of each row."""
    try:
        from captum.attr import IntegratedGradients
    except ImportError:
        raise MissingExtraError("An explanation", "explain") from None
    windows = np.array([window for window, _ in rows])
    batch = collate(encoded, windows, learner.pad_id, of_windows=True)
    inputs = _Inputs(learner, batch, [weights for _, weights in rows])
    embed = learner.model.get_input_embeddings()
    with torch.no_grad():
        given = embed(inputs.ids)
        blotted = torch.where(inputs.is_text(encoded, windows)[..., None], _blot(learner, embed), given)
    method = IntegratedGradients(inputs.quantity)
    found: list[tuple[np.ndarray, float, float]] = [(np.zeros(0), 0.0, 0.0)] * len(rows)
    left = torch.arange(len(rows))
    for steps in (s for s in STEPS if min(FIRST_STEPS, most_steps) <= s <= most_steps):
        extra = inputs.take(left)
        weights, delta = method.attribute(
            given[left],
            baselines=blotted[left],
            additional_forward_args=extra,
            n_steps=steps,
            internal_batch_size=max(len(left), PASS_TOKENS // inputs.ids.shape[1]),
            return_convergence_delta=True,
        )
        tokens, error = weights.sum(-1).double().cpu().numpy(), delta.double().cpu().numpy()
        for row, own, off in zip(left.tolist(), tokens, error, strict=True):
            found[row] = own[: encoded.lengths[windows[row]]], float(own.sum() - off), float(off)
        left = left[np.abs(error) > TOLERANCE * np.maximum(np.abs(tokens).sum(1), 1e-6)]
        if not len(left):
            break
    return found


def _blot(learner: Any, embed: Any) -> torch.Tensor:
    """Return the vector that stands for no word: that of padding."""
    return embed(torch.tensor(learner.pad_id, device=learner.device))


class _Inputs:
    """What a forward pass needs beside the vectors of the tokens.

    Legend: B windows of L tokens.
    """

    def __init__(self, learner: Any, batch: Batch, weights: Sequence[np.ndarray]):
        self.learner, device = learner, learner.device
        self.ids = torch.from_numpy(batch.input_ids).to(device)
        self.mask = torch.from_numpy(batch.attention_mask).to(device)
        types = batch.token_type_ids
        self.types = None if types is None else torch.from_numpy(types).to(device)
        if weights[0].ndim == 2:
            room = self.ids.shape[1]
            weights = [np.pad(w, ((0, room - len(w)), (0, 0))) for w in weights]
        self.weights = torch.from_numpy(np.stack(weights)).to(device)
        choose_attention(learner.model, device.type, self.ids.shape[1])

    def take(self, rows: torch.Tensor) -> tuple[Any, ...]:
        """Return the inputs of some rows as arguments of `quantity`."""
        types = None if self.types is None else self.types[rows]
        return self.ids[rows], self.mask[rows], types, self.weights[rows]

    def is_text(self, encoded: Encoded, windows: np.ndarray) -> torch.Tensor:
        """Return bool [B, L], the tokens that stand for characters of the text."""
        assert encoded.offsets is not None
        found = torch.zeros(self.ids.shape, dtype=torch.bool)
        for row, window in enumerate(windows):
            begin, end = encoded.starts[window : window + 2]
            found[row, : end - begin] = torch.from_numpy(encoded.offsets[begin:end, 1] > 0)
        return found.to(self.ids.device)

    def quantity(self, vectors: torch.Tensor, ids: Any, mask: Any, types: Any, weights: Any) -> torch.Tensor:
        """Return the weighted sums of logits, [B], with `vectors` [B, L, E] in place of the tokens' own."""
        model = self.learner.model
        more = {} if types is None else {"token_type_ids": types}
        hook = model.get_input_embeddings().register_forward_hook(lambda *_: vectors)
        try:
            logits = model(input_ids=ids, attention_mask=mask, **more).logits.float()
        finally:
            hook.remove()
        return (logits * weights).flatten(1).sum(1)
