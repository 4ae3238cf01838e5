"""Runs in processes of their own, killed again and again, some while they write a checkpoint."""

import os
import random
import signal
import time
from collections.abc import Callable

from feinschliff.config import RunConfig
from feinschliff.train import checkpoint
from feinschliff.train.events import Step
from forks import server

KILLS = int(os.environ.get("FEINSCHLIFF_KILLS", "4"))


def _work(run: Callable, config: RunConfig, resume: bool, flushes: int | None, steps) -> None:
    """Run; die at that many flushes to disk, or tell of every step."""
    if flushes is not None:
        flush, done = checkpoint.flush, []

        def deadly(path):
            done.append(path)
            if len(done) == flushes:
                os.kill(os.getpid(), signal.SIGKILL)
            flush(path)

        checkpoint.flush = deadly

    def tell(event):
        if isinstance(event, Step):
            steps.send(event.step)

    run(config, resume=resume, listen=tell)


def kill_again_and_again(run: Callable, config: RunConfig) -> None:
    """Start a run and go on with it, and kill it each time after some steps or flushes to disk.

    Args:
        run: `pipeline.run` or `adapt.run.run`.
    """
    fork, moments = server(), random.Random(8)
    for index in range(KILLS):
        kind, number = ("flush", moments.randint(1, 15)) if index % 2 else ("step", moments.randint(1, 5))
        told, steps = fork.Pipe(duplex=False)
        flushes = number if kind == "flush" else None
        process = fork.Process(target=_work, args=(run, config, index > 0, flushes, steps))
        process.start()
        steps.close()
        if kind == "step":
            for _ in range(number):
                assert told.poll(100)
                told.recv()
            time.sleep(moments.random() / 20)
            process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
