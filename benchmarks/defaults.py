"""Compare settings on several data sets and seeds, without looking at any test split.

    python benchmarks/defaults.py --data reviews,youtube,products,banking77 --seeds 3 \
        --vary train.learning_rate=1e-4,2e-4 --out defaults.jsonl

Each combination of the varied settings is a run as `feinschliff train` makes it, on the train file alone: a
part of it is held out for the score and another for stopping, both anew for each seed, by groups where the
data has them; with few rows to learn from, `--score-rows` takes the score from others of the train file.
One JSON line each, and a table of means and standard deviations.
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from _data import SOURCES, columns, draw, sample, table
from feinschliff.config import load_config
from feinschliff.pipeline import run


def main() -> None:
    """Run the grid, append JSON lines, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="reviews,youtube,products,banking77")
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--multilingual", help="model for the data sets that are not English")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the train file, at most")
    parser.add_argument("--score-rows", type=int, help="rows of the train file for the score, beside --rows")
    parser.add_argument("--set", action="append", default=[], dest="fixed", metavar="NAME=VALUE")
    parser.add_argument("--vary", action="append", default=[], metavar="NAME=VALUE,VALUE")
    parser.add_argument("--out", type=Path, default=Path("defaults.jsonl"))
    options = parser.parse_args()
    axes = []
    for text in options.vary:
        name, _, values = text.partition("=")
        axes.append([f"{name}={value}" for value in values.split(",")])
    for data, combination in itertools.product(options.data.split(","), itertools.product(*axes)):
        found = []
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            row = _run(data, [*options.fixed, *combination], seed, options)
            found.append(row)
            with options.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        cells = [f"{name} {_spread([row['scores'][name] for row in found])}" for name in found[0]["scores"]]
        seconds = statistics.mean(row["seconds"] for row in found)
        print(f"{data:10} {' '.join(combination):60} {'  '.join(cells)}  {seconds:.0f} s", flush=True)


def _run(data: str, settings: list[str], seed: int, options: argparse.Namespace) -> dict[str, Any]:
    whole = table(data)
    assert whole is not None
    german = data in SOURCES and SOURCES[data].multilingual
    folder = Path(tempfile.mkdtemp())
    values = {
        **columns(data),
        "model.source": options.multilingual if german else options.model,
        "seed": seed,
        "output_dir": str(folder / "run"),
        "evaluate.baselines": [],
        "evaluate.bootstrap_samples": 100,
    }
    try:
        begun = time.perf_counter()
        if options.score_rows:
            group = values.get("data.group")
            parts = draw(whole, options.rows, options.score_rows, seed, group)
            tables = dict(zip(("train", "test"), parts, strict=True))
        else:
            tables = {"train": sample(whole, options.rows, seed)}
        result = run(load_config(values=values, overrides=settings), tables=tables)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    names = {"accuracy", "macro_f1", "micro_f1", "entity_f1", result["primary_metric"]}
    scores = {name: value["value"] for name, value in result["metrics"]["test"].items() if name in names}
    return {
        "data": data,
        "seed": seed,
        "rows": result["data"]["splits"]["train"],
        "settings": settings,
        "scores": scores,
        "epochs": result["config"]["train"]["epochs"],
        "best_step": result["training"]["best_step"],
        "tokens_per_second": round(result["cost"]["tokens_per_second"]),
        "seconds": round(time.perf_counter() - begun, 1),
    }


def _spread(values: list[float]) -> str:
    return f"{statistics.mean(values):.4f} ±{statistics.stdev(values) if len(values) > 1 else 0:.4f}"


if __name__ == "__main__":
    main()
