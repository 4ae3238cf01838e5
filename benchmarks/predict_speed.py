"""Texts per second of Feinschliff against `transformers.pipeline`, on the same texts, in one run.

    python benchmarks/predict_speed.py runs/quickstart --rows 1066 --rounds 3

The texts are sentences of Rotten Tomatoes that `feinschliff quickstart` does not use. Systems take turns, as
other work on the machine should meet all of them; shown is the median over rounds, and the median of ratios
within a round, by the clock and by processor time, which other work changes less. Exports are those beside
the run, else they are made. `--memory` also predicts files of 1,000 and of many rows and compares the peak
memory.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from feinschliff.cli.quickstart import FILE, PACKAGE, SENTENCES, SOURCE

BATCH_SIZES = (8, 32, 128)


def main() -> None:
    """Measure, print one table, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="Folder of a run of the quickstart.")
    parser.add_argument("--rows", type=int, default=1066)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", type=int, default=0, metavar="ROWS", help="Rows of the large file.")
    parser.add_argument("--out", type=Path, default=Path("predict_speed.json"))
    options = parser.parse_args()
    texts = sentences()[: options.rows]
    with tempfile.TemporaryDirectory() as folder:
        found = speeds(systems(options.run, Path(folder)), texts, options.rounds)
        if options.memory:
            found["memory"] = {n: peak(options.run, texts, n) for n in (1000, options.memory)}
    options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"{'':24} {'by the clock':>32} {'by processor time':>32}")
    columns = f"{'texts/s':>8} {'x defaults':>11} {'x best batch':>12}"
    print(f"{'system':24}{columns} {columns} {'equal labels':>13}")
    for name, row in found["systems"].items():
        both = [row["clock"], row["processor"]]
        cells = [
            f"{by['texts_per_second']:8.0f} {by['times_defaults']:11.2f} {by['times_best_batch']:12.2f}"
            for by in both
        ]
        print(f"{name:24}{cells[0]} {cells[1]} {row['equal']:13.2%}")
    for rows, memory in found.get("memory", {}).items():
        print(f"{rows:>9,} rows: {memory / 2**20:,.0f} MiB at most")


def sentences() -> list[str]:
    """Return the packaged sentences that the quickstart leaves out."""
    package = find_spec(PACKAGE)
    assert package is not None
    assert package.submodule_search_locations
    path = Path(package.submodule_search_locations[0]) / FILE
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row["text"] for row in csv.DictReader(file) if row["source"] == SOURCE]
    return sorted(rows, key=lambda text: hashlib.sha256(text.encode()).digest())[SENTENCES:]


def systems(run: Path, folder: Path) -> dict[str, Callable[[list[str]], list[str]]]:
    """Return what is measured: functions from texts to labels, pipelines first."""
    from transformers import pipeline

    from feinschliff import bundle

    pipe = pipeline("text-classification", model=str(bundle.find(run)), device="cpu")

    def piped(**more: int) -> Callable[[list[str]], list[str]]:
        return lambda texts: [found["label"] for found in pipe(texts, **more)]

    made = {"pipeline, defaults": piped()}
    made |= {f"pipeline, batches of {n}": piped(batch_size=n) for n in BATCH_SIZES}
    tuned: dict[str, Any] = {
        "torch": bundle.load(run, "cpu"),
        "torch --fast": bundle.load(run, "cpu", fast=True),
    }
    for name, flag in (("onnx", []), ("onnx int8", ["--int8"])):
        target = run / name.replace(" ", "-")
        if not target.is_dir():
            command = [sys.executable, "-m", "feinschliff", "export", str(run), *flag]
            target = folder / target.name
            subprocess.run([*command, "-o", str(target), "--max-loss", "1"], check=True, capture_output=True)
        tuned[name] = bundle.load(target)
    for name, model in tuned.items():
        made[name] = lambda texts, model=model: [p.label for p in model.predict(texts)]
    return made


def speeds(
    systems: dict[str, Callable[[list[str]], list[str]]], texts: list[str], rounds: int
) -> dict[str, Any]:
    """Let the systems take turns."""
    clocks = {"clock": time.perf_counter, "processor": time.process_time}
    seconds: dict[str, dict[str, list[float]]] = {by: {name: [] for name in systems} for by in clocks}
    labels = {}
    for predict in systems.values():
        predict(texts[:32])
    for _ in range(rounds):
        for name, predict in systems.items():
            begun = {by: now() for by, now in clocks.items()}
            labels[name] = predict(texts)
            for by, now in clocks.items():
                seconds[by][name].append(now() - begun[by])
    plain, *batched = [name for name in systems if name.startswith("pipeline")]

    def rates(by: str, name: str) -> dict[str, Any]:
        took = seconds[by]
        best = min(batched, key=lambda name: statistics.median(took[name]))

        def times(other: str) -> float:
            return statistics.median(a / b for a, b in zip(took[other], took[name], strict=True))

        return {
            "texts_per_second": len(texts) / statistics.median(took[name]),
            "times_defaults": times(plain),
            "times_best_batch": times(best),
            "seconds": took[name],
        }

    def row(name: str) -> dict[str, Any]:
        same = [a == b for a, b in zip(labels[name], labels[plain], strict=True)]
        return {**{by: rates(by, name) for by in clocks}, "equal": statistics.mean(same)}

    return {
        "texts": len(texts),
        "rounds": rounds,
        "threads": os.environ.get("OMP_NUM_THREADS") or os.cpu_count(),
        "load": os.getloadavg()[0],
        "systems": {name: row(name) for name in systems},
    }


def peak(run: Path, texts: list[str], rows: int) -> int:
    """Return the peak memory in bytes of `feinschliff predict` on a file of that many rows."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "in.csv"
        with source.open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(["text"])
            table.writerows([texts[i % len(texts)]] for i in range(rows))
        command = [sys.executable, "-m", "feinschliff", "predict", str(run), str(source)]
        process = subprocess.Popen([*command, "-o", str(Path(folder) / "out.csv")], stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        assert status == 0
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
