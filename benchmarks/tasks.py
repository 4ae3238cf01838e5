"""Score Feinschliff, its baselines and the stock `Trainer` on the test split of every data set.

    python benchmarks/tasks.py --multilingual FOLDER --seeds 3
    python benchmarks/tasks.py --table          # write the table into docs/results.md

Feinschliff runs with its defaults. The Trainer gets its own defaults, all rows of the same train file
(Feinschliff removes leaked rows and holds out a part for stopping), as many epochs, and the same base model.
Each run is a process of its own; finished ones are skipped, so that the benchmark can go on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from _data import SOURCES, columns, table

RESULTS = Path(__file__).parent / "results" / "tasks.jsonl"
PAGE = Path(__file__).parents[1] / "docs" / "results.md"
MARKS = "<!-- tasks: begin -->", "<!-- tasks: end -->"
METRICS = {
    "reviews": ("accuracy", "macro_f1"),
    "youtube": ("accuracy", "macro_f1"),
    "sms": ("macro_f1", "accuracy"),
    "products": ("accuracy", "macro_f1"),
    "banking77": ("accuracy", "macro_f1"),
    "clauses": ("macro_f1", "accuracy"),
    "unfair": ("micro_f1", "macro_f1"),
    "unfair_de": ("micro_f1", "macro_f1"),
    "wnut17": ("entity_f1",),
    "ler_de": ("entity_f1",),
    "emotions": ("macro_f1", "micro_f1"),
}
SYSTEMS = {
    "feinschliff": "Feinschliff",
    "tfidf": "TF-IDF + LR",
    "frozen": "frozen + LR",
    "trainer": "stock Trainer",
    "trainer_bf16": "stock Trainer, bf16",
}


def main() -> None:
    """Run what is missing, or write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default=",".join(METRICS))
    parser.add_argument("--systems", default="feinschliff,trainer")
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--multilingual", help="folder of the model for the data sets that are not English")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="write the table of what was measured")
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    if options.table:
        _write_table(_done(options.out))
        return
    context = multiprocessing.get_context("spawn")
    for seed in range(options.seeds):
        for data in options.data.split(","):
            model = options.multilingual if SOURCES[data].multilingual else options.model
            if model is None:
                parser.error(f"{data} is not English: name a model with --multilingual")
            for system in options.systems.split(","):
                done = _done(options.out)
                if (system, data, seed) in done:
                    continue
                ours = done.get(("feinschliff", data, seed))
                epochs = ours["epochs"] if ours else None
                if system != "feinschliff" and epochs is None:
                    print(f"{data}, seed {seed}: run feinschliff first, the Trainer takes its epochs")
                    continue
                worker = context.Process(target=_run, args=(system, data, seed, model, epochs, options.out))
                worker.start()
                worker.join()
                if worker.exitcode:
                    print(f"{system} on {data}, seed {seed}: failed")


def _run(system: str, data: str, seed: int, model: str, epochs: float | None, out: Path) -> None:
    begun = time.perf_counter()
    row = (
        _feinschliff(data, seed, model)
        if system == "feinschliff"
        else _trainer(system, data, seed, model, epochs)
    )
    row |= {
        "system": system,
        "data": data,
        "seed": seed,
        "seconds": round(time.perf_counter() - begun, 1),
        "peak_memory_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
    }
    with out.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    scores = {name: round(row["metrics"][name]["value"], 4) for name in METRICS[data]}
    print(
        f"{system:13} {data:10} seed {seed}  {scores}  {row['train_seconds']:.0f} s of training", flush=True
    )


def _config(data: str, seed: int, model: str, **more: Any) -> Any:
    from feinschliff.config import load_config

    return load_config(values={**columns(data), "model.source": model, "seed": seed, **more})


def _tables(data: str) -> dict[str, Any]:
    return {part: found for part in ("train", "dev", "test") if (found := table(data, part)) is not None}


def _feinschliff(data: str, seed: int, model: str) -> dict[str, Any]:
    from feinschliff.pipeline import run

    with tempfile.TemporaryDirectory() as folder:
        result = run(_config(data, seed, model, output_dir=f"{folder}/run"), tables=_tables(data))
    systems = {s["name"]: {m: s["metrics"][m] for m in METRICS[data]} for s in result["systems"]}
    return {
        "metrics": systems.pop("fine-tuned"),
        "baselines": systems,
        "epochs": result["config"]["train"]["epochs"],
        "train_seconds": round(result["cost"]["train_seconds"], 1),
        "test_rows": result["data"]["splits"]["test"],
    }


def _trainer(system: str, data: str, seed: int, model: str, epochs: float | None) -> dict[str, Any]:
    import torch

    from _trainer import tune_and_predict
    from feinschliff.data.prepare import prepare
    from feinschliff.evaluate import intervals, statistics
    from feinschliff.models.locate import locate

    tables = _tables(data)
    keep = {} if "test" not in tables else {"data.remove": []}
    config = _config(data, seed, model, **keep)
    dataset = prepare(config, tables["train"], tables.get("test"), tables.get("dev"))
    parts = [dataset.train] if "dev" in tables else [dataset.train, dataset.dev]
    assert epochs
    flags = {"bf16": True, "use_cpu": not torch.cuda.is_available()} if system.endswith("bf16") else {}
    predictions, seconds = tune_and_predict(
        dataset.task, parts, dataset.test, dataset.labels, str(locate(model)), epochs, seed, **flags
    )
    settings = config.evaluate
    found = intervals(
        statistics(dataset.kind, dataset.test.targets, predictions, dataset.test.groups),
        settings.bootstrap_samples,
        settings.confidence,
        seed,
    )
    return {
        "metrics": {name: found[name].as_dict() for name in METRICS[data]},
        "epochs": epochs,
        "train_seconds": round(seconds, 1),
        "test_rows": len(dataset.test),
    }


def _done(out: Path) -> dict[tuple[str, str, int], dict[str, Any]]:
    if not out.exists():
        return {}
    rows = map(json.loads, out.read_text(encoding="utf-8").splitlines())
    return {(row["system"], row["data"], row["seed"]): row for row in rows}


def _write_table(done: dict[tuple[str, str, int], dict[str, Any]]) -> None:
    for (_, data, seed), row in list(done.items()):
        for name, metrics in row.get("baselines", {}).items():
            done[name, data, seed] = {"metrics": metrics}
    lines = [
        "| data (test rows) | metric | "
        + " | ".join(SYSTEMS.values())
        + " | seconds of training, ours / stock |",
        "|---" * (3 + len(SYSTEMS)) + "|",
    ]
    for data, metrics in METRICS.items():
        for metric in metrics:
            means = {system: _mean(done, system, data, metric) for system in SYSTEMS}
            best = max(mean for mean in means.values() if mean is not None)
            cells = [_cell(done, s, data, metric, bold=mean == best) for s, mean in means.items()]
            rows = [r["test_rows"] for (s, d, _), r in done.items() if d == data and "test_rows" in r]
            if not rows:
                continue
            times = {system: _seconds(done, system, data) for system in SYSTEMS}
            stock = times["trainer"] if times["trainer"] != "-" else f"{times['trainer_bf16']} (bf16)"
            shown = f"{times['feinschliff']} / {stock if stock != '- (bf16)' else '-'}"
            mark = "†" if SOURCES[data].multilingual else ""
            lines.append(f"| {data}{mark} ({rows[0]:,}) | {metric} | {' | '.join(cells)} | {shown} |")
    table_text = "\n".join(lines)
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    PAGE.write_text(f"{before}{MARKS[0]}\n{table_text}\n{MARKS[1]}{after}", encoding="utf-8")
    print(table_text)


def _values(done: dict[Any, dict[str, Any]], system: str, data: str, metric: str) -> list[dict[str, float]]:
    return [r["metrics"][metric] for (s, d, _), r in sorted(done.items()) if (s, d) == (system, data)
            and metric in r["metrics"]]  # fmt: skip


def _mean(done: dict[Any, dict[str, Any]], system: str, data: str, metric: str) -> float | None:
    found = _values(done, system, data, metric)
    return round(statistics.mean(v["value"] for v in found), 3) if found else None


def _cell(done: dict[Any, dict[str, Any]], system: str, data: str, metric: str, *, bold: bool) -> str:
    """Mean over the seeds, the mean ends of their intervals, and the number of seeds."""
    found = _values(done, system, data, metric)
    if not found:
        return "-"
    value, low, high = (statistics.mean(v[k] for v in found) for k in ("value", "low", "high"))
    text = f"{value:.3f} [{low:.3f}, {high:.3f}]".replace("0.", ".")
    text = f"**{text}**" if bold else text
    return text + ("" if len(found) > 2 else f" ({len(found)} seed{'s' * (len(found) > 1)})")


def _seconds(done: dict[Any, dict[str, Any]], system: str, data: str) -> str:
    """Median over the seeds; runs that were halted meanwhile have none."""
    found = [r.get("train_seconds") for (s, d, _), r in done.items() if (s, d) == (system, data)]
    found = [seconds for seconds in found if seconds is not None]
    return f"{statistics.median(found):.0f}" if found else "-"


if __name__ == "__main__":
    main()
