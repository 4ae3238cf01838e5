"""Two processes as a launcher starts them, and what they are told and say."""

import contextlib
import itertools
import json
import os
import socket
import sys
import time
from pathlib import Path

from feinschliff import cli
from feinschliff.cli import _progress
from feinschliff.config import dump_config
from feinschliff.train.events import Step
from forks import server


class Told:
    """Notes the steps a process is told of, in place of showing them."""

    file: Path

    def __init__(self, quiet):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def __call__(self, event):
        if isinstance(event, Step):
            with self.file.open("a") as file:
                print(json.dumps([event.step, event.loss, event.tokens]), file=file)


def member(rank: int, port: int, folder: Path, arguments: list[str]) -> None:
    """Be one of two processes as a launcher starts them."""
    shared = {
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    os.environ.update(shared, RANK=str(rank), LOCAL_RANK=str(rank))
    Told.file = folder / f"steps-{rank}.jsonl"
    _progress.Display = Told
    with (
        (folder / f"said-{rank}").open("w") as said,
        contextlib.redirect_stderr(said),
        contextlib.redirect_stdout(said),
    ):
        code = cli.main(arguments)
    sys.exit(code)


_PORTS = itertools.count(20_000 + os.getpid() * 97 % 12_000)


def free_port() -> int:
    """Return a port for another process: one that the system gives to nobody who asks for any."""
    for port in _PORTS:
        with contextlib.suppress(OSError), socket.socket() as free:
            free.bind(("127.0.0.1", port))
            return port
    raise AssertionError("a count has no end")


class Pair:
    """Two processes that train together."""

    def __init__(self, folder: Path, *arguments):
        self.folder, fork = folder, server()
        port = free_port()
        words = [str(a) for a in arguments]
        self.processes = [fork.Process(target=member, args=(rank, port, folder, words)) for rank in (0, 1)]
        for process in self.processes:
            process.start()

    def steps(self, rank: int = 0) -> list[list[float]]:
        file = self.folder / f"steps-{rank}.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def wait_for_step(self, number: int) -> None:
        while not any(step[0] >= number for step in self.steps()):
            assert self.processes[0].is_alive(), (self.folder / "said-0").read_text()
            time.sleep(0.02)

    def end(self) -> tuple[list[int], list[str]]:
        for process in self.processes:
            process.join(120)
        said = [(self.folder / f"said-{rank}").read_text() for rank in (0, 1)]
        return [process.exitcode for process in self.processes], said


def arguments(config, path: Path, command: str = "train") -> list:
    """Write a configuration and return the arguments of a run with it."""
    path.write_text(dump_config(config))
    return [command, "--config", path]
