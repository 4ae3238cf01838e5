"""Run commands inside the test's process."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from feinschliff.cli import main

QUICK = (
    "--set",
    "train.epochs=1",
    "--set",
    "evaluate.baselines=[majority]",
    "--set",
    "evaluate.bootstrap_samples=100",
    "--set",
    "evaluate.explain_texts=0",
    "--set",
    "evaluate.robustness_texts=0",
)


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Done]]:
    """Give a function that runs a command line and returns exit code, stdout and stderr."""
    hook, handler = sys.excepthook, signal.getsignal(signal.SIGTERM)

    def run(*arguments: object) -> Done:
        capfd.readouterr()
        try:
            code = main([str(a) for a in arguments])
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        out, err = capfd.readouterr()
        return Done(code, out, err)

    yield run
    sys.excepthook = hook
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def train(cli: Callable[..., Done], encoder: Callable[[str], Path]) -> Callable[..., Done]:
    """Give a function that trains a tiny model for one epoch."""

    def run(*arguments: object) -> Done:
        return cli("train", "--model", encoder("bert"), *QUICK, *arguments)

    return run
