"""A run killed at any moment, while it writes a checkpoint too, goes on to the same bits."""

import os
import random
import signal
import time
from pathlib import Path

from forks import server

import tiny
from feinschliff.pipeline import run
from feinschliff.train import checkpoint
from feinschliff.train.events import Step

KILLS = int(os.environ.get("FEINSCHLIFF_KILLS", "4"))
SETTINGS = {"train.epochs": KILLS, "train.checkpoint_minutes": 1e-9, "train.dropout": 0.1}


def work(encoder: Path, data: Path, output: Path, resume: bool, flushes: int | None, steps) -> None:
    """Run in a process of its own; kill it at that many flushes to disk, or tell of every step."""
    if flushes is not None:
        flush, done = checkpoint._flush, []

        def deadly(path):
            done.append(path)
            if len(done) == flushes:
                os.kill(os.getpid(), signal.SIGKILL)
            flush(path)

        checkpoint._flush = deadly

    def tell(event):
        if isinstance(event, Step):
            steps.send(event.step)

    run(tiny.config(encoder, data, output, **SETTINGS), resume=resume, listen=tell)


def test_killed_again_and_again(encoder, toy_csv, tmp_path):
    whole, output = tmp_path / "whole", tmp_path / "killed"
    run(tiny.config(encoder("bert"), toy_csv, whole, **SETTINGS))
    fork = server()
    moments, resume = random.Random(8), False
    for index in range(KILLS):
        kind, number = ("flush", moments.randint(1, 15)) if index % 2 else ("step", moments.randint(1, 5))
        told, steps = fork.Pipe(duplex=False)
        flushes = number if kind == "flush" else None
        process = fork.Process(target=work, args=(encoder("bert"), toy_csv, output, resume, flushes, steps))
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
        resume = True
    assert (output / "config.yaml").is_file()
    assert not (output / "model").exists()
    notices = []
    run(tiny.config(encoder("bert"), toy_csv, output, **SETTINGS), resume=True, listen=notices.append)
    assert any(getattr(n, "text", "").startswith("Resumed at step") for n in notices)
    for name in ("model/model.safetensors", "predictions/test.jsonl", "config.yaml"):
        expected = (whole / name).read_bytes().replace(str(whole).encode(), str(output).encode())
        assert (output / name).read_bytes() == expected, name
    assert not (output / "checkpoints").exists()
