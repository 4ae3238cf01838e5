"""Put load on the server, and in the same run on a plain FastAPI service around `transformers.pipeline`.

    python benchmarks/serve_load.py RUN [--export RUN/onnx-int8] [--clients 1,8,64,256] [--requests 2000]

RUN is the folder of a finished run; the texts are those of its test split. Each client sends one text per
request over a connection of its own and waits for the answer before it sends the next, so that as many
requests are under way as there are clients. Every answer is compared with what the model predicts offline.
A level ends after `--requests` requests or `--seconds` seconds. Servers, peer and offline prediction run one
after the other, each in a process of its own with `--threads` threads; the load comes from another process.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil

PEER = """
import sys, transformers, uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

class Request(BaseModel):
    inputs: str

app = FastAPI()
classify = transformers.pipeline("text-classification", model=sys.argv[1], top_k=None)

@app.post("/")
def infer(request: Request):
    return classify(request.inputs)

uvicorn.run(app, port=int(sys.argv[2]), log_level="warning")
"""
OFFLINE = """
import json, sys, time
import feinschliff

texts = json.load(open(sys.argv[2], encoding="utf-8"))
model = feinschliff.load(sys.argv[1])
model.predict(texts[:64])
begun, used = time.perf_counter(), time.process_time()
found = model.predict(texts)
seconds, used = time.perf_counter() - begun, time.process_time() - used
print(json.dumps({"seconds": seconds, "cpu": used, "probabilities": [p.probabilities for p in found]}))
"""
CLOSE = 2e-3
"""Largest difference of a probability; batches of other lengths round otherwise."""
FAST_CLOSE = 2e-2
"""The same with `--serve=--fast`, where the most probable label must be the same, too."""


def main() -> None:
    """Measure and print; append one JSON line per level."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--export", type=Path, help="folder of an export of the model, served as well")
    parser.add_argument("--clients", default="1,8,64,256")
    parser.add_argument("--requests", type=int, default=2000, help="per level")
    parser.add_argument("--seconds", type=float, default=30, help="per level")
    parser.add_argument("--threads", type=int, default=1, help="of each process that computes")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--peer", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument(
        "--serve", action="append", default=[], metavar="OPTION", help="for feinschliff serve"
    )
    parser.add_argument("--out", type=Path, default=Path("serve_load.jsonl"))
    options = parser.parse_args()
    with (options.run / "predictions" / "test.jsonl").open(encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in file]
    texts = (texts * (1 + options.requests // len(texts)))[: options.requests]
    os.environ.update(
        OMP_NUM_THREADS=str(options.threads), HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false"
    )
    systems = {"feinschliff serve": options.run} | ({"export": options.export} if options.export else {})
    for name, folder in systems.items():
        expected, per_second, cpu_ms = offline(folder, texts)
        facts = {"offline_per_second": round(per_second, 1), "cpu_ms": round(cpu_ms, 2)}
        report({"system": name, **facts}, options.out)
        command = [sys.executable, "-m", "feinschliff", "serve", str(folder), "--port", str(options.port)]
        command += ["--log-level", "warning", *options.serve]
        with started(command, options.port) as server:
            for clients in map(int, options.clients.split(",")):
                row = level(options, texts, expected, clients, server)
                row["of_offline"] = round(row["per_second"] / per_second, 3)
                row["of_offline_cpu"] = round(cpu_ms / row["cpu_ms"], 3)
                report({"system": name, **row}, options.out)
    if options.peer:
        expected, _, _ = offline(options.run, texts)
        command = [sys.executable, "-c", PEER, str(options.run / "model"), str(options.port)]
        with started(command, options.port) as server:
            for clients in map(int, options.clients.split(",")):
                row = level(options, texts, expected, clients, server)
                report({"system": "plain FastAPI", **row}, options.out)


def offline(folder: Path, texts: list[str]) -> tuple[list[dict[str, float]], float, float]:
    """Return what the model predicts in a process of its own, its texts per second, its CPU ms per text."""
    path = Path(f"{folder.name}.texts.json")
    path.write_text(json.dumps(texts), encoding="utf-8")
    try:
        command = [sys.executable, "-c", OFFLINE, str(folder), str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    finally:
        path.unlink()
    found = json.loads(done.stdout)
    return found["probabilities"], len(texts) / found["seconds"], 1000 * found["cpu"] / len(texts)


@contextlib.contextmanager
def started(command: list[str], port: int) -> Iterator[psutil.Process]:
    """Run a server within the context and yield its process."""
    with Path(os.devnull).open("w") as nowhere:
        process = subprocess.Popen(command, stdout=nowhere, stderr=nowhere)
    try:
        while not asyncio.run(answers(port)):
            if process.poll() is not None:
                raise SystemExit(f"the server ended with {process.returncode}")
            time.sleep(0.2)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(60)


async def answers(port: int) -> bool:
    """Return whether somebody listens on a port and answers."""
    try:
        return bool(await Client(port).ask("warm up"))
    except OSError:
        return False


class Client:
    """A connection that stays open, and little else: the load must not cost more than the work."""

    def __init__(self, port: int):
        self.port, self.reader, self.writer = port, None, None

    async def ask(self, text: str) -> list[dict[str, object]] | None:
        """Return the labels with scores for a text; None if the server refuses.

        Raises:
            OSError: the connection broke.
        """
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        body = json.dumps({"inputs": text}).encode()
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self.writer.write(head % len(body) + body)
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            found = json.loads(await self.reader.readexactly(length))
        except asyncio.IncompleteReadError:
            raise ConnectionError("the server closed the connection") from None
        if head[9:12] != b"200":
            return None
        return found[0] if isinstance(found[0], list) else found

    def close(self) -> None:
        """Close the connection."""
        if self.writer is not None:
            self.writer.close()


def level(
    options: argparse.Namespace,
    texts: list[str],
    expected: list[dict[str, float]],
    clients: int,
    server: psutil.Process,
) -> dict[str, object]:
    """Let some clients ask until the texts or the time are used up; return the facts."""
    before = server.cpu_times()
    found = asyncio.run(_level(options, texts, expected, clients))
    after = server.cpu_times()
    used = after.user + after.system - before.user - before.system
    return {**found, "cpu_ms": round(1000 * used / found["requests"], 2)}


async def _level(
    options: argparse.Namespace, texts: list[str], expected: list[dict[str, float]], clients: int
) -> dict[str, object]:
    seconds: list[float] = []
    errors = wrong = 0
    places = iter(range(len(texts)))
    until = time.perf_counter() + options.seconds

    async def one() -> None:
        nonlocal errors, wrong
        client = Client(options.port)
        for place in places:
            begun = time.perf_counter()
            if begun > until:
                break
            try:
                found = await client.ask(texts[place])
            except OSError:
                client.close()
                client, found = Client(options.port), None
            seconds.append(time.perf_counter() - begun)
            if found is None:
                errors += 1
            else:
                scores = {entry["label"]: entry["score"] for entry in found}
                wrong += not same(scores, expected[place])
        client.close()

    begun = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(clients)))
    took = time.perf_counter() - begun
    p50, p95, p99 = np.percentile(np.array(seconds) * 1000, [50, 95, 99])
    return {
        "clients": clients,
        "requests": len(seconds),
        "per_second": round((len(seconds) - errors) / took, 1),
        "p50_ms": round(p50, 1),
        "p95_ms": round(p95, 1),
        "p99_ms": round(p99, 1),
        "errors": errors,
        "wrong": wrong,
    }


def same(found: dict[str, float], expected: dict[str, float]) -> bool:
    """Return whether two answers are the same up to rounding."""
    close = FAST_CLOSE if "--serve=--fast" in sys.argv else CLOSE
    same_best = max(found, key=found.__getitem__) == max(expected, key=expected.__getitem__)
    return (
        found.keys() == expected.keys()
        and same_best
        and all(abs(found[k] - expected[k]) <= close for k in expected)
    )


def report(row: dict[str, object], out: Path) -> None:
    """Print a row and append it to the file."""
    print(", ".join(f"{name} {value}" for name, value in row.items()), flush=True)
    with out.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
