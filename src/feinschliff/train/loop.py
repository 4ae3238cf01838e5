"""The training loop: a generator of Steps. It saves, prints and stops nothing; its consumers do."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator

from feinschliff.config import TrainConfig
from feinschliff.encode import Encoded, collate, plan_epoch
from feinschliff.errors import FeinschliffError, ResourceError
from feinschliff.models.learner import Learner
from feinschliff.train.events import Step
from feinschliff.train.memory import enough_memory, smaller
from feinschliff.train.optimiser import course, set_rate, without_gradients
from feinschliff.train.processes import Processes
from feinschliff.train.reuse import FrozenLayers
from feinschliff.train.sharding import is_sharded, whole
from feinschliff.train.unfreezing import unfreezing
from feinschliff.train.working_copies import WorkingCopies


@dataclass
class Progress:
    """Where training stands; saved with every checkpoint.

    Attributes:
        identity: What the checkpoint belongs to: see `tune.identity_of`.
        tokens: Tokens computed so far, without padding.
        best: Score of the best look at dev; `best_step` is the step of the weights to be kept, see `fit`, 0
            before the first look; `least_loss` is the least loss seen on dev.
        curve: Points for the report.
        scaler: State of the gradient scaler, with float16.
        micro_batch_tokens: What is computed at once since memory ran out; 0 as long as it has not.
    """

    identity: str = ""
    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    best: float = -math.inf
    best_step: int = 0
    looks_without_gain: int = 0
    least_loss: float = math.inf
    curve: list[dict[str, Any]] = field(default_factory=list)
    scaler: dict[str, Any] = field(default_factory=dict)
    micro_batch_tokens: int = 0


@dataclass
class Work:
    """What the loop works on.

    Attributes:
        train: Encoded training records.
        targets: Their targets, see the task.
        objective: Sum of losses from logits and targets, see the task.
        max_windows: Windows of one record per step.
        processes: Those that share the batches.
        frozen: Output of the layers that are not trained; None computes them every time.
        factor: Course of the learning rate over the steps; that of the settings if None.
    """

    learner: Learner
    optimiser: torch.optim.Optimizer
    accelerator: Accelerator
    train: Encoded
    targets: np.ndarray
    objective: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    settings: TrainConfig
    seed: int
    max_windows: int
    processes: Processes = field(default_factory=Processes)
    frozen: FrozenLayers | None = None
    factor: Callable[[int], float] | None = None

    @property
    def sharded(self) -> bool:
        """Whether the processes share the model too, see `sharding`."""
        return is_sharded(self.learner.model)

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps of one pass over the data."""
        assert self.settings.batch_size
        return math.ceil(self.train.num_records / self.settings.batch_size)

    @property
    def num_steps(self) -> int:
        """Optimiser steps of the whole training."""
        assert self.settings.epochs
        return max(1, round(self.steps_per_epoch * self.settings.epochs))


def steps(work: Work, progress: Progress) -> Iterator[Step]:
    """Train, and yield a Step after each update of the weights.

    The order of the data is a function of (seed, epoch), so that training goes on from any `progress.step`
    with the same steps an uninterrupted run makes. A batch's gradient is that of the mean loss over its
    records, however many micro-batches it is computed in.

    When memory runs out, the step is computed again in micro-batches of half the size.

    Raises:
        FeinschliffError: the loss is not a finite number.
        ResourceError: there is not memory enough for one record, or, with sharding, for a micro-batch.
        ProcessLost: another process is gone.
    """
    learner, settings = work.learner, work.settings
    assert settings.batch_size
    peaks = [group["lr"] for group in work.optimiser.param_groups]
    factor = work.factor or course(settings.schedule, work.num_steps, settings.warmup_share)
    per_epoch, num_steps = work.steps_per_epoch, work.num_steps
    parameters = [p for group in work.optimiser.param_groups for p in group["params"]]
    resting = without_gradients(learner.model)
    unfrozen = unfreezing(learner.model, settings.unfreeze_share, num_steps)
    plan: list[list[tuple[np.ndarray, np.ndarray]]] = []
    planned = (-1, 0)
    copies = None
    if learner.precision == "bfloat16" and learner.device.type == "cpu" and not work.sharded:
        copies = WorkingCopies(learner.model)
    begun, earlier = time.perf_counter(), progress.seconds
    while progress.step < num_steps:
        epoch, position = divmod(progress.step, per_epoch)
        budget = progress.micro_batch_tokens or settings.micro_batch_tokens
        assert budget
        if (epoch, budget) != planned:
            rng = np.random.default_rng([work.seed, epoch])
            share = budget * work.processes.size
            plan = plan_epoch(work.train, settings.batch_size, share, work.max_windows, rng)
            planned = epoch, budget
        set_rate(work.optimiser, peaks, factor(progress.step))
        torch.manual_seed(work.seed * 1_000_003 + progress.step + work.processes.rank * 7_919)
        learner.model.train()
        loss, tokens = 0.0, 0.0
        for module in resting:
            module.eval()
        with enough_memory() as memory, unfrozen(progress.step):
            loss, tokens = _step(work, plan[position], copies)
            for parameter in parameters:
                if not parameter.requires_grad:  # sharded ones have a gradient nonetheless
                    parameter.grad = None
        if memory.ran_out and work.sharded:
            raise ResourceError(
                "out of memory; with train.sharding=full a batch cannot be computed again in smaller parts",
                where="training",
                hint=f"Set train.micro_batch_tokens below {budget}",
            )
        if memory.ran_out and learner.WHOLE_BATCHES:
            raise ResourceError(
                "out of memory; each text is compared with all others of a batch, which so cannot be parted",
                where="training",
                hint=f"Set train.batch_size below {settings.batch_size}",
            )
        loss, tokens, short = work.processes.sum((loss, tokens, memory.ran_out))
        if short:
            work.optimiser.zero_grad(set_to_none=True)
            longest = int(work.train.lengths.max())
            progress.micro_batch_tokens = smaller(budget, longest)
            continue
        if not work.sharded:
            work.processes.sum_gradients(parameters)
        check_finite(loss, "loss", progress.step + 1)
        norm = whole(work.accelerator.clip_grad_norm_(parameters, settings.max_grad_norm))
        if work.accelerator.scaler is None:  # which itself leaves out steps whose gradients overflow
            check_finite(float(norm), "gradient's length", progress.step + 1)
        work.optimiser.step()
        work.optimiser.zero_grad(set_to_none=True)
        if copies:
            copies.refresh()
        progress.step += 1
        progress.tokens += int(tokens)
        progress.seconds = earlier + time.perf_counter() - begun
        yield Step(
            step=progress.step,
            num_steps=num_steps,
            epoch=progress.step / per_epoch,
            loss=loss,
            learning_rate=max(group["lr"] for group in work.optimiser.param_groups),
            tokens=progress.tokens,
            seconds=progress.seconds,
        )


def check_finite(value: float, name: str, step: int) -> None:
    """Raise a FeinschliffError when a number shows that training went astray."""
    if not math.isfinite(value):
        raise FeinschliffError(
            f"the {name} is {value} at step {step}",
            where="training",
            hint="Lower train.learning_rate, or set train.precision=float32",
        )


def _step(
    work: Work, micro_batches: list[tuple[np.ndarray, np.ndarray]], copies: WorkingCopies | None
) -> tuple[float, int]:
    """Accumulate the gradients of this process's share of a batch; return its parts of loss and tokens."""
    learner, token_task = work.learner, work.learner.task.UNIT == "token"
    total = _num_targets(work, micro_batches)
    own = work.processes.share(work.train, micro_batches)
    batches = [collate(work.train, windows, learner.pad_id, records) for records, windows in own]
    truths = [
        _token_targets(work, batch.windows, batch.input_ids.shape)
        if token_task
        else work.targets[batch.records]
        for batch in batches
    ]
    loss_sum = torch.zeros((), device=learner.device)
    for batch, truth in zip(batches, truths, strict=True):
        with copies.in_use() if copies else nullcontext():
            logits = (work.frozen or learner).forward(batch)
        loss = work.objective(logits, torch.from_numpy(truth).to(learner.device))
        work.accelerator.backward(loss / max(1, total))
        loss_sum += loss.detach()
    if work.sharded:
        _help(work, micro_batches, len(micro_batches) - len(own))
    return float(loss_sum) / max(1, total), sum(batch.num_tokens for batch in batches)


def _help(work: Work, micro_batches: list[tuple[np.ndarray, np.ndarray]], passes: int) -> None:
    """Take part in passes for which this process has no records of its own; nothing is added to gradients."""
    records, windows = micro_batches[0]
    one = windows[work.train.record[windows] == records[0]]
    for _ in range(passes):
        logits = work.learner.forward(collate(work.train, one, work.learner.pad_id, records[:1]))
        work.accelerator.backward(0 * logits.sum())


def _num_targets(work: Work, micro_batches: list[tuple[np.ndarray, np.ndarray]]) -> int:
    """Return how many targets the loss of a batch is the mean of."""
    if work.learner.task.UNIT != "token":
        return sum(len(records) for records, _ in micro_batches)
    starts = work.train.starts
    return sum(
        int((work.targets[starts[w] : starts[w + 1]] != -100).sum()) for _, ws in micro_batches for w in ws
    )


def _token_targets(work: Work, windows: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    found = np.full(shape, -100, np.int64)
    for row, window in enumerate(windows):
        begin, end = work.train.starts[window], work.train.starts[window + 1]
        found[row, : end - begin] = work.targets[begin:end]
    return found
