"""The queue is bounded and fair; nobody waits for ever."""

from __future__ import annotations

import asyncio
import threading
import time
from types import SimpleNamespace

import pytest

from feinschliff.bundle import Prediction
from feinschliff.serve.batching import Batcher, BusyError, LateError
from feinschliff.serve.settings import Limits


class Engine:
    """Answers each text with itself, when it is let; fails on texts that say so."""

    def __init__(self, gated=False):
        self.gate, self.batches, self.entered = threading.Semaphore(0 if gated else 10**6), [], 0

    def predict(self, items):
        self.entered += 1
        self.gate.acquire()
        self.batches.append([item.text for item in items])
        if any(item.text == "fail" for item in items):
            raise ZeroDivisionError("as asked")
        return [Prediction(item.text) for item in items]


def served(engine, name="m"):
    return SimpleNamespace(name=name, model=None, engine=engine)


def play(limits, scene):
    """Run a coroutine function with a started batcher."""

    async def main():
        batcher = Batcher(Limits(**limits))
        batcher.start()
        try:
            return await asyncio.wait_for(scene(batcher), 20)
        finally:
            await asyncio.to_thread(batcher.stop)

    return asyncio.run(main())


def labels(answer):
    return [p.label for p in answer.predictions]


async def until(condition):
    while not condition():
        await asyncio.sleep(0.001)


def test_a_lone_request_is_computed_at_once_and_a_crowd_together():
    engine = Engine(gated=True)

    async def scene(batcher):
        first = asyncio.create_task(batcher.predict(served(engine), ["a"], None))
        await until(lambda: engine.entered)
        rest = [asyncio.create_task(batcher.predict(served_later, [t], None)) for t in "bcdefg"]
        await until(lambda: batcher.queued == 6)
        engine.gate.release(10)
        return [labels(await task) for task in (first, *rest)]

    served_later = served(engine)
    assert play({"batch_texts": 4, "wait_seconds": 0}, scene) == [[t] for t in "abcdefg"]
    assert engine.batches == [["a"], ["b", "c", "d", "e"], ["f", "g"]]


def test_models_do_not_share_batches_and_take_turns():
    one, two = Engine(gated=True), Engine(gated=True)
    two.batches, two.gate = one.batches, one.gate

    async def scene(batcher):
        a, b = served(one), served(two)
        tasks = [asyncio.create_task(batcher.predict(a, ["first"], None))]
        await until(lambda: one.entered)
        tasks.append(asyncio.create_task(batcher.predict(a, [f"a{i}" for i in range(6)], None)))
        tasks.append(asyncio.create_task(batcher.predict(b, ["b"], None)))
        await until(lambda: batcher.queued == 7)
        one.gate.release(10)
        return [labels(await task) for task in tasks]

    found = play({"batch_texts": 3, "wait_seconds": 0}, scene)
    assert found == [["first"], [f"a{i}" for i in range(6)], ["b"]]
    assert one.batches == [["first"], ["a0", "a1", "a2"], ["b"], ["a3", "a4", "a5"]]


def test_a_long_request_does_not_hold_up_a_short_one():
    engine = Engine(gated=True)

    async def scene(batcher):
        who = served(engine)
        first = asyncio.create_task(batcher.predict(who, ["x"], None))
        await until(lambda: engine.entered)
        long = asyncio.create_task(batcher.predict(who, [str(i) for i in range(8)], None))
        await until(lambda: batcher.queued == 8)
        short = asyncio.create_task(batcher.predict(who, ["short"], None))
        await until(lambda: batcher.queued == 9)
        engine.gate.release(2)
        assert labels(await short) == ["short"]
        assert not long.done()
        engine.gate.release(10)
        assert labels(await long) == [str(i) for i in range(8)]
        await first

    play({"batch_texts": 4, "wait_seconds": 0}, scene)
    assert "short" in engine.batches[1]


def test_a_full_queue_refuses_and_says_when_to_come_back():
    engine = Engine(gated=True)

    async def scene(batcher):
        who = served(engine)
        tasks = [asyncio.create_task(batcher.predict(who, ["x"], None))]
        await until(lambda: engine.entered)
        tasks += [asyncio.create_task(batcher.predict(who, ["y"] * 3, None)) for _ in range(2)]
        await until(lambda: batcher.queued == 6)
        with pytest.raises(BusyError) as busy:
            await batcher.predict(who, ["z"] * 3, None)
        assert 1 <= busy.value.retry_seconds <= 60
        with pytest.raises(BusyError):
            await batcher.predict(who, ["z" * 2500], None)  # counts as three
        tasks.append(asyncio.create_task(batcher.predict(who, ["z"] * 2, None)))
        await until(lambda: batcher.queued == 8)
        engine.gate.release(20)
        await asyncio.gather(*tasks)
        assert batcher.queued == 0
        return labels(await batcher.predict(who, ["after"], None))

    assert play({"queued_texts": 8, "wait_seconds": 0}, scene) == ["after"]


def test_what_is_late_is_given_up_and_never_computed():
    engine = Engine(gated=True)

    async def scene(batcher):
        who = served(engine)
        first = asyncio.create_task(batcher.predict(who, ["slow"], None))
        await until(lambda: engine.entered)
        second = asyncio.create_task(batcher.predict(who, ["late"], None))
        for task in (first, second):
            with pytest.raises(LateError):
                await task
        engine.gate.release(20)
        assert labels(await batcher.predict(who, ["next"], None)) == ["next"]
        assert batcher.queued == 0

    play({"answer_seconds": 1.0, "wait_seconds": 0}, scene)
    assert engine.batches == [["slow"], ["next"]]


def test_a_request_that_fails_spoils_no_other():
    engine = Engine(gated=True)

    async def scene(batcher):
        who = served(engine)
        first = asyncio.create_task(batcher.predict(who, ["x"], None))
        await until(lambda: engine.entered)
        tasks = [asyncio.create_task(batcher.predict(who, t, None)) for t in (["a"], ["fail", "b"], ["c"])]
        await until(lambda: batcher.queued == 4)
        engine.gate.release(20)
        found = await asyncio.gather(first, *tasks, return_exceptions=True)
        assert batcher.alive
        return [type(f) if isinstance(f, Exception) else labels(f) for f in found]

    assert play({"wait_seconds": 0}, scene) == [["x"], ["a"], ZeroDivisionError, ["c"]]


def test_stopping_finishes_what_was_accepted_and_accepts_nothing_more():
    engine = Engine(gated=True)

    async def scene(batcher):
        who = served(engine)
        tasks = [asyncio.create_task(batcher.predict(who, [str(i)], None)) for i in range(9)]
        await asyncio.sleep(0.01)
        stopping = asyncio.create_task(asyncio.to_thread(batcher.stop))
        await until(lambda: batcher._stopped)
        with pytest.raises(BusyError):
            await batcher.predict(who, ["z"], None)
        engine.gate.release(20)
        found = [labels(await task) for task in tasks]
        await stopping
        assert not batcher.alive
        return found

    assert play({"batch_texts": 2}, scene) == [[str(i)] for i in range(9)]


def test_a_batch_under_load_waits_a_moment_for_company():
    engine = Engine()

    async def scene(batcher):
        who = served(engine)
        batcher._loaded = True
        begun = time.monotonic()
        tasks = [asyncio.create_task(batcher.predict(who, ["a"], None))]
        await asyncio.sleep(0.5)
        tasks.append(asyncio.create_task(batcher.predict(who, ["b"], None)))
        await asyncio.gather(*tasks)
        return time.monotonic() - begun

    assert play({"wait_seconds": 5.0}, scene) < 4
    assert engine.batches == [["a", "b"]]
