"""Measure time and memory of the audit on many short texts.

    FEINSCHLIFF_DATA=folder python benchmarks/audit_scale.py [10000 100000 1000000]

The texts are halves of real ones (SMS, comments, reviews, bank questions) put together at random: some 13
words, each text new, with 3 % exact and 2 % near duplicates planted. Each size is a CSV file, read and
audited in a process of its own, as `feinschliff audit FILE` does; time includes reading and starting
Python.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CORPORA = (
    ("spam/sms.csv", "text"),
    ("reviews/train.csv", "text"),
    ("intents_banking77/train.csv", "text"),
    ("emotions/train.jsonl", "text"),
)
LABELS = ("complaint", "order", "other", "praise", "question")


def write(path: Path, num_rows: int) -> None:
    """Write a CSV file of so many rows."""
    import csv

    from feinschliff.readers import read

    folder, rng = Path(os.environ["FEINSCHLIFF_DATA"]), random.Random(num_rows)
    texts = [
        t.split() for file, column in CORPORA for t in read(str(folder / file)).columns[column].to_pylist()
    ]
    rows: list[tuple[str, str]] = []
    while len(rows) < num_rows:
        first, second = rng.choice(texts), rng.choice(texts)
        words = first[: len(first) // 2 + 1] + second[len(second) // 2 :]
        rows.append((" ".join(words), rng.choice(LABELS)))
        chance = rng.random()
        if chance < 0.03:
            rows.append(rows[-1])
        elif chance < 0.05 and len(words) >= 10:
            words[rng.randrange(len(words))] = rng.choice(rng.choice(texts) or ["or"])
            rows.append((" ".join(words), rows[-1][1]))
    rng.shuffle(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "label"))
        writer.writerows(rows[:num_rows])


def audit(path: str) -> None:
    """Audit one file and print what it took, as JSON."""
    start = time.perf_counter()
    from feinschliff.config import load_config
    from feinschliff.data.prepare import examine

    dataset = examine(load_config(values={"data.train": path}))
    print(
        json.dumps(
            {
                "seconds": time.perf_counter() - start,
                "cpu_seconds": time.process_time(),
                "gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
                "found": {f.kind: f.count for f in dataset.findings},
            }
        )
    )


def main() -> None:
    if not os.environ.get("FEINSCHLIFF_DATA"):
        sys.exit("FEINSCHLIFF_DATA is not set: name the folder with the data sets.")
    for num_rows in map(int, sys.argv[1:] or ("10000", "100000", "1000000")):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "texts.csv"
            write(path, num_rows)
            start = time.perf_counter()
            done = subprocess.run(
                [sys.executable, __file__, "--one", str(path)], check=True, capture_output=True, text=True
            )
            seconds = time.perf_counter() - start
            facts = json.loads(done.stdout.splitlines()[-1])
            print(
                f"{num_rows:9,} rows  {path.stat().st_size / 2**20:6.1f} MiB  {seconds:6.1f} s  "
                f"(processor {facts['cpu_seconds']:6.1f} s)  {facts['gib']:.2f} GiB  {facts['found']}",
                flush=True,
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        audit(sys.argv[2])
    else:
        main()
