"""Requests wait in a queue; one thread computes them, texts of many requests in one batch.

While a batch is computed, requests gather for the next one, so that batches grow with the load and a lone
request does not wait. Requests take turns: a request with many texts is computed in parts, between those of
others.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from feinschliff.serve.engine import Item
from feinschliff.serve.settings import Limits, weight
from feinschliff.serve.shelf import Served

LOG = logging.getLogger(__name__)


class BusyError(Exception):
    """The queue is full.

    Args:
        retry_seconds: When there will be room, as far as can be told.
    """

    def __init__(self, retry_seconds: int):
        self.retry_seconds = retry_seconds
        super().__init__("the queue is full")


class LateError(Exception):
    """The answer was not ready in time."""


@dataclass(frozen=True)
class Answer:
    """Predictions of a request's texts, and what they took.

    Attributes:
        predictions: One per text, or what else the engine makes.
        waited_seconds: From the queue's door to the first batch.
        computed_seconds: From there to the last batch's end.
    """

    predictions: list[Any]
    waited_seconds: float
    computed_seconds: float


@dataclass(eq=False)
class _Job:
    """A request in the queue; `taken` of its items are computed or being computed."""

    served: Served
    items: list[Item]
    weights: list[int]
    future: asyncio.Future[Answer]
    begun: float
    until: float
    taken: int = 0
    first: float = 0.0
    found: list[Any] = field(default_factory=list)


class Batcher:
    """A bounded queue, and the thread that empties it.

    Args:
        limits: Of queue, batch and patience.
        observe: Told of each batch: its texts, its seconds.
    """

    def __init__(self, limits: Limits, observe: Callable[[int, float], None] | None = None):
        self.limits, self.observe = limits, observe
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._queued = 0
        self._stopped = self._loaded = False
        self._speed = 0.0
        self._thread = threading.Thread(target=self._run, name="feinschliff-batches", daemon=True)

    def start(self) -> None:
        """Begin to compute. Call it within the event loop that will wait for answers."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def stop(self) -> None:
        """Compute what is queued, then end the thread; nothing is accepted any more."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join(self.limits.stop_seconds)

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    @property
    def queued(self) -> int:
        """Texts that wait, long ones counted as several."""
        return self._queued

    async def predict(
        self, served: Served, texts: Sequence[str], pairs: Sequence[str] | None, cost: int = 1
    ) -> Answer:
        """Wait for what the model's engine says about texts; each counts `cost` times.

        Raises:
            BusyError: the queue has no room for them.
            LateError: they were not ready within `answer_seconds`.
        """
        seconds: Sequence[str | None] = pairs or [None] * len(texts)
        items = [Item(served.model, text, pair) for text, pair in zip(texts, seconds, strict=True)]
        weights = [cost * weight(item.text, item.pair) for item in items]
        now = time.monotonic()
        until = now + self.limits.answer_seconds
        job = _Job(served, items, weights, self._loop.create_future(), now, until)
        with self._changed:
            total = sum(weights)
            if self._stopped or (self._queued and self._queued + total > self.limits.queued_texts):
                raise BusyError(self._retry_seconds())
            self._jobs.append(job)
            self._queued += total
            self._changed.notify()
        try:
            return await asyncio.wait_for(job.future, self.limits.answer_seconds)
        except TimeoutError:
            raise LateError from None

    def _retry_seconds(self) -> int:
        wait = self._queued / self._speed if self._speed else 1
        return min(60, max(1, math.ceil(wait)))

    def _run(self) -> None:
        while batch := self._next():
            begun = time.monotonic()
            done = self._compute(batch)
            seconds = time.monotonic() - begun
            speed = sum(job.weights[index] for job, index in batch) / max(seconds, 1e-6)
            self._speed = 0.8 * self._speed + 0.2 * speed if self._speed else speed
            if done:
                self._loop.call_soon_threadsafe(_deliver, done)
            if self.observe:
                self.observe(len(batch), seconds)

    def _next(self) -> list[tuple[_Job, int]]:
        """Wait for work and return the next batch, empty at the end: jobs, and which of their items."""
        with self._changed:
            while not self._jobs and not self._stopped:
                self._changed.wait()
            if self._loaded and not self._stopped and self._queued < self.limits.batch_texts:
                self._changed.wait(self.limits.wait_seconds)
            self._drop_late()
            while not self._jobs and not self._stopped:
                self._changed.wait()
            batch = self._take() if self._jobs else []
            self._loaded = len({id(job) for job, _ in batch}) > 1
            return batch

    def _take(self) -> list[tuple[_Job, int]]:
        """Take items of all requests to one engine, turn by turn, as many as fit a batch."""
        engine, room = self._jobs[0].served.engine, self.limits.batch_texts
        turns = deque(job for job in self._jobs if job.served.engine is engine)
        batch: list[tuple[_Job, int]] = []
        now = time.monotonic()
        while turns:
            job = turns.popleft()
            size = job.weights[job.taken]
            if batch and size > room:
                break
            job.first = job.first or now
            batch.append((job, job.taken))
            job.taken += 1
            room -= size
            self._queued -= size
            if job.taken < len(job.items):
                turns.append(job)
        begun = dict.fromkeys(job for job, _ in batch)
        rest = [job for job in begun if job.taken < len(job.items)]
        self._jobs = deque([job for job in self._jobs if job not in begun] + rest)
        return batch

    def _drop_late(self) -> None:
        """Forget requests that nobody waits for any more."""
        now = time.monotonic()
        late = {job for job in self._jobs if job.until <= now or job.future.done()}
        if late:
            self._queued -= sum(sum(job.weights[job.taken :]) for job in late)
            self._jobs = deque(job for job in self._jobs if job not in late)

    def _compute(self, batch: list[tuple[_Job, int]]) -> list[tuple[asyncio.Future[Answer], object]]:
        """Compute a batch; return the requests that are finished by it, with answer or error."""
        try:
            results = batch[0][0].served.engine.predict([job.items[index] for job, index in batch])
        except Exception as error:
            jobs = list(dict.fromkeys(job for job, _ in batch))
            if len(jobs) > 1:  # one request must not spoil the others'
                parts = [[pair for pair in batch if pair[0] is job] for job in jobs]
                return [done for part in parts for done in self._compute(part)]
            LOG.exception("compute_failed", extra={"facts": {"model": jobs[0].served.name}})
            self._forget(jobs[0])
            return [(jobs[0].future, error)]
        now = time.monotonic()
        finished: list[tuple[asyncio.Future[Answer], object]] = []
        for (job, _), prediction in zip(batch, results, strict=True):
            job.found.append(prediction)
            if len(job.found) == len(job.items):
                finished.append((job.future, Answer(job.found, job.first - job.begun, now - job.first)))
        return finished

    def _forget(self, job: _Job) -> None:
        with self._changed:
            if job in self._jobs:
                self._jobs.remove(job)
                self._queued -= sum(job.weights[job.taken :])


def _deliver(done: list[tuple[asyncio.Future[Answer], object]]) -> None:
    for future, result in done:
        if not future.done():
            if isinstance(result, Answer):
                future.set_result(result)
            else:
                assert isinstance(result, Exception)
                future.set_exception(result)
