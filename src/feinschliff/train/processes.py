"""Several processes that train one model together, each on its share of every batch.

All of them read the same data and plan the same steps. In each step a process computes the gradient of its
share of the records; the gradients are summed once, after all micro-batches, so that every process makes the
same update and a step is that of one process with the whole batch, to rounding. Only the first process looks
at dev, chooses and writes.

`torchrun` and `accelerate launch` start the processes and say by environment variables who is who.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from feinschliff.encode import Encoded
from feinschliff.errors import ConfigError, ProcessLost, ResourceError, first_line

BUCKET_NUMBERS = 25_000_000
"""Gradients summed at once: 100 MB in float32."""
WAIT_HOURS = 6
"""How long a process waits for the others, of which the first fits baselines and writes the report alone."""

ACCELERATE_FSDP = "ACCELERATE_USE_FSDP"
SIGNS = ("gloo/transport", "NCCL")
"""In what torch says of a broken connection."""


@dataclass(frozen=True)
class Processes:
    """The processes of a run, seen from one of them.

    Attributes:
        rank: Which one this is, from 0.
        size: How many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def share(
        self, encoded: Encoded, micro_batches: Sequence[tuple[np.ndarray, np.ndarray]]
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return this process's records and windows of each micro-batch: of like length for each process."""
        if self.size == 1:
            return list(micro_batches)
        found = []
        for records, windows in micro_batches:
            own = records[self.rank :: self.size]
            if len(own):
                found.append((own, windows[np.isin(encoded.record[windows], own)]))
        return found

    def sum(self, numbers: Sequence[float]) -> list[float]:
        """Add up each number over the processes.

        Raises:
            ProcessLost: a process is gone.
        """
        if self.size == 1:
            return list(numbers)
        total = torch.tensor(numbers, dtype=torch.float64)
        with _or_lost():
            dist.all_reduce(total)
        return total.tolist()

    def sum_gradients(self, parameters: Sequence[torch.nn.Parameter]) -> None:
        """Add up the gradients of all processes, in place; one that no process has stays None.

        Raises:
            ProcessLost: a process is gone.
        """
        if self.size == 1:
            return
        present = self.sum([float(p.grad is not None) for p in parameters])
        used = [p for p, count in zip(parameters, present, strict=True) if count]
        for parameter in used:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        for bucket in _buckets(used):
            gradients = [p.grad for p in bucket if p.grad is not None]
            flat = torch.cat([g.flatten().float() for g in gradients])
            with _or_lost():
                dist.all_reduce(flat)
            for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
                gradient.copy_(part.view_as(gradient))

    def broadcast(self, value: Any = None) -> Any:
        """Return what the first process gives; the others give nothing.

        Raises:
            ProcessLost: a process is gone.
        """
        if self.size == 1:
            return value
        box = [value]
        with _or_lost():
            dist.broadcast_object_list(box, src=0, device=torch.device("cpu"))
        return box[0]

    def broadcast_tensors(self, tensors: dict[str, torch.Tensor]) -> Iterator[tuple[str, torch.Tensor]]:
        """Yield what the first process gives by name, on the CPU, one after the other; the others give none.

        Raises:
            ProcessLost: a process is gone.
        """
        for name in self.broadcast(list(tensors)):
            yield name, self.broadcast(tensors.get(name))

    def broadcast_weights(self, model: torch.nn.Module) -> None:
        """Give every process the weights of the first."""
        if self.size == 1:
            return
        with torch.no_grad(), _or_lost():
            for parameter in model.parameters():
                dist.broadcast(parameter.data, src=0)


_ALONE = ContextVar("alone", default=False)
_SHARDING = ContextVar("sharding", default=False)


def processes() -> Processes:
    """Return the processes that have joined; a single one where none has, or while this one works `alone`."""
    if not _ALONE.get() and dist.is_available() and dist.is_initialized():
        return Processes(dist.get_rank(), dist.get_world_size())
    return Processes()


@contextmanager
def together() -> Iterator[Processes]:
    """Join the processes that a launcher started with this one, until the context ends.

    Raises:
        ResourceError: they cannot be reached.
    """
    with _wish_of_launcher():
        if asked() == 1 or processes().size > 1:
            yield processes()
            return
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        try:
            dist.init_process_group(backend, timeout=timedelta(hours=WAIT_HOURS))
        except (RuntimeError, ValueError) as error:
            raise ResourceError(
                f"the other processes cannot be reached: {first_line(error)}", where="several processes"
            ) from None
        try:
            yield processes()
        finally:
            dist.destroy_process_group()


@contextmanager
def _wish_of_launcher() -> Iterator[None]:
    """Note what `accelerate launch` says, and hide it from libraries that would act on it too."""
    value = os.environ.pop(ACCELERATE_FSDP, None)
    token = _SHARDING.set(_SHARDING.get() or (value or "").lower() in ("true", "1"))
    try:
        yield
    finally:
        _SHARDING.reset(token)
        if value is not None:
            os.environ[ACCELERATE_FSDP] = value


def sharding_asked() -> bool:
    """Tell whether the processes were started by `accelerate launch --use_fsdp`; see `sharding`."""
    return _SHARDING.get()


@contextmanager
def alone() -> Iterator[None]:
    """Let one of several processes work by itself, until the context ends; the others need not wait."""
    token = _ALONE.set(True)
    try:
        yield
    finally:
        _ALONE.reset(token)


def asked() -> int:
    """Return how many processes the launcher started; 1 without one."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def refuse_several(what: str) -> None:
    """Raise a ConfigError when a launcher started several processes for what runs in one."""
    if asked() > 1:
        raise ConfigError(f"{what} runs in one process", where="several processes", hint="Start it plainly")


def is_lost(error: RuntimeError) -> bool:
    """Tell whether an error says that another process cannot be reached."""
    return isinstance(error, dist.DistError) or any(sign in str(error) for sign in SIGNS)


def _buckets(parameters: Sequence[torch.nn.Parameter]) -> Iterator[list[torch.nn.Parameter]]:
    bucket: list[torch.nn.Parameter] = []
    for parameter in parameters:
        if bucket and sum(p.numel() for p in bucket) + parameter.numel() > BUCKET_NUMBERS:
            yield bucket
            bucket = []
        bucket.append(parameter)
    if bucket:
        yield bucket


@contextmanager
def _or_lost() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # what torch raises when a connection breaks
        raise ProcessLost from error
