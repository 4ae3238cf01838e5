"""Measure how well planted label errors are found.

    FEINSCHLIFF_DATA=folder python benchmarks/label_errors.py [data ...] [--share 0.05 --rows 0 --seeds 1]

Of the labels of train and dev a share is replaced by another label, drawn at random. Every training record is
then predicted by a system trained without it (5 folds): logistic regression on the vectors of the untuned
encoder, on TF-IDF, and the mean of both. Records are ranked by how much their label looks like a mistake, by
the package's own rule and, where cleanlab is installed, by its scores. Printed for each: average precision
(by chance: the share planted), and, as a curve, the share of the planted errors among the first records.

The data may hold errors of its own; they count against every method alike.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.metrics import average_precision_score

from _data import SOURCES, columns, sample, table
from feinschliff import registry
from feinschliff.baselines._cross import cross_predict
from feinschliff.config import load_config
from feinschliff.data import Dataset, Records, prepare
from feinschliff.encode import tokenise
from feinschliff.evaluate import Predictions
from feinschliff.evaluate.confident import label_issues

DATA = ("reviews", "banking77")
LOOKED_AT = (0.01, 0.02, 0.05, 0.1, 0.2)
"""Shares of the records, most suspicious first, that a person would look through."""


def planted(records: Records, labels: tuple[str, ...], share: float, seed: int) -> tuple[Records, np.ndarray]:
    """Return records with some labels replaced, and which, bool [N]."""
    random = np.random.default_rng(seed)
    flipped = random.random(len(records)) < share
    index = {label: i for i, label in enumerate(labels)}
    given = [
        labels[(index[target] + int(random.integers(1, len(labels)))) % len(labels)] if wrong else target
        for target, wrong in zip(records.targets, flipped, strict=True)
    ]
    place = records.table.column_names.index("target")
    return Records(records.table.set_column(place, "target", pa.array(given))), flipped


class Embedder:
    """Vectors of the untuned encoder, each split computed once, by its texts."""

    def __init__(self, source: str):
        from feinschliff.models import load as loading
        from feinschliff.models.locate import locate

        folder = locate(source, None)
        self.tokenizer = loading.load_tokenizer(folder)
        self.network = loading.load_model(folder, "AutoModelForSequenceClassification", num_labels=2)
        self.known: dict[tuple[str, ...], np.ndarray] = {}

    def __call__(self, records: Records) -> np.ndarray:
        """Return float32 [N, H]."""
        from contextlib import nullcontext

        import torch

        from feinschliff.models.embed import embed

        key = tuple(records.texts)
        if key not in self.known:
            encoded = tokenise(self.tokenizer, records.texts, max_length_tokens=256)
            pad = self.tokenizer.pad_token_id
            self.known[key] = embed(self.network.base_model, encoded, torch.device("cpu"), pad, nullcontext())
        return self.known[key]


def rankings(dataset: Dataset, found: Predictions) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name of each rule and how suspicious it finds each record, float [N]."""
    yield "own", label_issues(dataset.train.targets, found).suspicion
    try:
        from cleanlab.rank import get_label_quality_scores
    except ImportError:
        return
    index = {label: i for i, label in enumerate(dataset.labels)}
    given = np.array([index[target] for target in dataset.train.targets])
    scores = np.asarray(found.scores, np.float64)
    scores /= scores.sum(1, keepdims=True)
    for method, adjust in (
        ("self_confidence", False),
        ("normalized_margin", False),
        ("self_confidence", True),
    ):
        quality = get_label_quality_scores(given, scores, method=method, adjust_pred_probs=adjust)
        yield f"cleanlab {method}{' adjusted' if adjust else ''}", -quality


def measure(name: str, share: float, rows: int, seed: int, embed: Embedder) -> None:
    """Print what is found in one data set."""
    config = load_config(values=columns(name))
    whole = table(name)
    assert whole is not None
    dataset = prepare(config, sample(whole, rows, seed) if rows else whole)
    train, flipped = planted(dataset.train, dataset.labels, share, seed)
    dev, _ = planted(dataset.dev, dataset.labels, share, seed + 1)
    noisy = dataclasses.replace(dataset, train=train, dev=dev)
    said: dict[str, Predictions] = {}
    for features in ("frozen", "tfidf"):
        begun = time.perf_counter()
        said[features] = cross_predict(registry.load("baselines", features), noisy, config, embed)
        print(
            f"# {name} {features}: {len(train):,} records in {time.perf_counter() - begun:.0f} s", flush=True
        )
    both: Any = (said["frozen"].scores + said["tfidf"].scores) / 2  # type: ignore[operator]
    said["both"] = Predictions("classification", dataset.labels, both.argmax(1), both)
    for features, found in said.items():
        for rule, suspicion in rankings(noisy, found):
            order = np.argsort(-suspicion, kind="stable")
            caught = [flipped[order[: round(part * len(order))]].sum() / flipped.sum() for part in LOOKED_AT]
            curve = " ".join(f"{part:.0%}:{value:.2f}" for part, value in zip(LOOKED_AT, caught, strict=True))
            precision = average_precision_score(flipped, suspicion)
            print(
                f"{name:10} {features:7} {rule:36} AP {precision:.3f} "
                f"({precision / flipped.mean():.1f} x {flipped.mean():.3f})  found {curve}",
                flush=True,
            )
        issues = label_issues(train.targets, found)
        hits = flipped[issues.suspect].mean() if issues.suspect.any() else 0.0
        print(
            f"{name:10} {features:7} listed {int(issues.suspect.sum()):,}, of them planted {hits:.2f}, "
            f"of the planted listed {issues.suspect[flipped].mean():.2f}",
            flush=True,
        )


def main() -> None:
    """Measure the data sets named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", nargs="*", default=DATA, choices=[*SOURCES, *DATA])
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--rows", type=int, default=0, help="Random rows of train; 0 for all.")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--model", default="minilm")
    options = parser.parse_args()
    embed = Embedder(options.model)
    for name in options.data:
        for seed in range(options.seeds):
            measure(name, options.share, options.rows, seed, embed)


if __name__ == "__main__":
    main()
