"""What the routes share: the queue before the models, the log, and the watch over drift and new versions."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from fastapi import Request

from feinschliff.bundle import Prediction
from feinschliff.evaluate import drift
from feinschliff.serve.batching import Batcher, BusyError, LateError
from feinschliff.serve.engine import EXPLAINED_AS, Explainer, can_explain
from feinschliff.serve.metrics import Metrics
from feinschliff.serve.query import Query, Refusal
from feinschliff.serve.settings import Limits
from feinschliff.serve.shelf import Served, Shelf

LOG = logging.getLogger(__name__)


@dataclass
class Service:
    """What the routes share.

    Attributes:
        shelf: The models.
        limits: Of requests and patience.
        key: API key, or None.
        reload_seconds: How often folders are looked at; 0 for never.
        log_texts: Whether texts are logged.
        hosts: Names under which it may be addressed, without a port; None for any.
        stopping: Whether the server is about to stop.
    """

    shelf: Shelf
    limits: Limits = field(default_factory=Limits)
    key: str | None = None
    reload_seconds: float = 5.0
    log_texts: bool = False
    hosts: frozenset[str] | None = None
    stopping: bool = False

    def __post_init__(self) -> None:
        self.metrics = Metrics(lambda: self.batcher.queued, lambda: self.shelf.all)
        self.explainer = Explainer()
        self._comparing = asyncio.Lock()
        self._compared: dict[tuple[str, drift.Window, int], dict[str, Any]] = {}
        self._levels: dict[str, str] = {}
        self.batcher: Batcher = Batcher(self.limits, self.metrics.batch)

    async def predict(self, request: Request, served: Served, asked: Query) -> list[Prediction]:
        """Wait for predictions, and note them for log and metrics.

        Raises:
            Refusal: there is no room, or no time.
        """
        found = await self.wait(request, served, asked)
        self.metrics.answered(served, found)
        return found

    async def explain(self, request: Request, served: Served, asked: Query) -> list[Any]:
        """Wait for explanations.

        Raises:
            Refusal: there is no room, no time, or nothing to explain with.
        """
        if not can_explain(served.model):
            raise Refusal(422, "answers of this model cannot be explained here")
        return await self.wait(request, replace(served, engine=self.explainer), asked, EXPLAINED_AS)

    async def wait(self, request: Request, served: Served, asked: Query, cost: int = 1) -> list[Any]:
        """Wait in the queue, and note it for the log.

        Raises:
            Refusal: there is no room, or no time.
        """
        facts = request.scope["facts"]
        facts |= {"model": served.name, "version": served.version, "texts": len(asked.texts)}
        if self.log_texts:
            facts["inputs"] = [asked.texts, asked.pairs] if asked.pairs else asked.texts
        try:
            answer = await self.batcher.predict(served, asked.texts, asked.pairs, cost)
        except BusyError as busy:
            raise Refusal(
                429, "the server is busy; try again later", {"retry-after": str(busy.retry_seconds)}
            ) from None
        except LateError:
            raise Refusal(
                504, f"no answer within {self.limits.answer_seconds:g} seconds; the server is busy"
            ) from None
        facts |= {
            "waited_ms": round(1000 * answer.waited_seconds, 2),
            "computed_ms": round(1000 * answer.computed_seconds, 2),
        }
        return answer.predictions

    async def keep(self, look: Callable[[], Awaitable[None]], seconds: float) -> None:
        """Look at something from time to time until cancelled; what goes wrong once does not end it."""
        while True:
            await asyncio.sleep(seconds)
            try:
                await look()
            except Exception:
                LOG.exception("watching_failed")

    async def watch_drift(self) -> None:
        """Compare what comes in with the training data; say when the answer has changed."""
        for served in self.shelf.all:
            found = await self.drift(served)
            if found is None or found["drift"] == drift.TOO_FEW:
                continue
            if self.shelf.get(served.name).model is not served.model:  # replaced meanwhile
                continue
            level = found["drift"]
            self.metrics.drift.labels(served.name).set(drift.LEVELS.index(level))
            if level != self._levels.get(served.name, drift.LEVELS[0]):
                LOG.warning("drift", extra={"facts": {"model": served.name, **found}})
            self._levels[served.name] = level

    async def drift(self, served: Served) -> dict[str, Any] | None:
        """Return how the texts since the model was loaded differ from training; None if that is not known."""
        watch, profile = served.model.watch, served.model.profile
        if watch is None or profile is None:
            return None
        async with self._comparing:
            sample = watch.sample
            key = served.name, watch, sample.seen
            if key not in self._compared:
                self._compared = {k: v for k, v in self._compared.items() if k[0] != served.name}
                self._compared[key] = await asyncio.to_thread(drift.summary, profile, sample)
            return self._compared[key]

    async def watch(self) -> None:
        """Look for new versions; what came in before them says nothing about their drift."""
        replaced, failed = await asyncio.to_thread(self.shelf.refresh)
        for outcome, names in (("replaced", replaced), ("failed", failed)):
            for name in names:
                self.metrics.reloads.labels(name, outcome).inc()
        for name in replaced:
            self.metrics.drift.remove(name)
            self._levels.pop(name, None)
