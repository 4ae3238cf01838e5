"""Train a task from two bases on few labels: does what one of them has learnt help?

Both bases get the same labelled texts, drawn anew for each seed, the same settings and the same seeds, so
that their scores are compared pair by pair. The labels that choose the best weights are counted too.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from feinschliff.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from feinschliff.data import Dataset, Kind, Records
from feinschliff.data.prepare import prepare
from feinschliff.data.split import divide
from feinschliff.evaluate import PRIMARY, Interval, metrics, statistics
from feinschliff.evaluate.bootstrap import resamples
from feinschliff.evaluate.repeats import half_width
from feinschliff.evaluate.statistics import Statistics
from feinschliff.readers import read
from feinschliff.train.events import Event, Listener, Notice, Stage, ignore

DEV_SHARE = 0.2
"""Share of the labelled texts that chooses the best weights and is not learnt from."""
MOST_TEST = 2000
"""Test texts that are scored at most, drawn once: dozens of trainings are to be scored."""
DRAWS = 400
"""Resamples of the test texts, the same ones for all trainings."""


def labelled(config: RunConfig, train: str, test: str | None) -> tuple[RunConfig, Dataset]:
    """Return the configuration and the data of the task.

    Args:
        config: Of the adaptation: seed, device, precision, and the names of columns that the file has too.
        train, test: Sources; without `test` a part of train is kept for it.

    Raises:
        FeinschliffError: as `train` would refuse the data.
    """
    known = set(read(train, DataConfig(format="auto")).columns.column_names)
    roles = ("text", "text_pair", "label", "group")
    columns = {role: name for role in roles if (name := getattr(config.data, role)) in known}
    chosen = RunConfig(
        seed=config.seed,
        data=DataConfig(train=train, test=test, **columns),
        train=TrainConfig(device=config.train.device, precision=config.train.precision),
        evaluate=config.evaluate.model_copy(update={"require": ()}),
    )
    dataset = prepare(chosen)
    return chosen, dataclasses.replace(
        dataset, test=_some(dataset.test, dataset.kind, MOST_TEST, config.seed)
    )


def scored_texts(dataset: Dataset) -> dict[str, str]:
    """Return the texts that the task is tested on, both of pairs, and where each stands."""
    places = dataset.test.table["place"].to_pylist()
    return dict(zip([*dataset.test.texts, *(dataset.test.pairs or ())], places * 2, strict=False))


def probe(
    config: RunConfig,
    dataset: Dataset,
    bases: Mapping[str, str],
    counts: Sequence[int],
    seeds: int,
    kept: Path | None = None,
    listen: Listener = ignore,
) -> dict[str, Any]:
    """Train from each base on each number of labels with each seed, and compare.

    Args:
        config: As `labelled` gave it.
        bases: Sources of two models by their names, `before` and `after`.
        counts: Numbers of labelled texts; 0 and numbers beyond what there is stand for all.
        seeds: Trainings for each number.
        kept: File to note finished trainings in; those noted there are not done again.

    Returns:
        The task, the metric, every trial, and for each count both means and the paired gain.
    """
    from feinschliff.pipeline import tune

    total = len(dataset.train) + len(dataset.dev)
    numbers = sorted({min(n or total, total) for n in counts})
    done = {(t["base"], t["labels"], t["seed"]): t for t in _noted(kept, dataset.fingerprint)}
    metric = PRIMARY[dataset.kind]
    for number in numbers:
        for seed in range(config.seed, config.seed + seeds):
            part = draw(dataset, number, seed)
            for base, source in bases.items():
                if (base, number, seed) in done:
                    continue
                listen(Stage("probe", f"{base}, {number:,} labels, seed {seed}"))
                begun = time.perf_counter()
                one = config.model_copy(update={"seed": seed, "model": ModelConfig(source=source)})
                model = tune(one, part, _quiet(listen))
                stats = statistics(dataset.kind, dataset.test.targets, model.predictions(dataset.test))
                found = metrics(stats)
                trial = {
                    "base": base,
                    "labels": number,
                    "seed": seed,
                    "score": found[metric],
                    "resampled": _resampled(stats, metric, config.seed),
                    "metrics": found,
                    "seconds": time.perf_counter() - begun,
                    "identity": dataset.fingerprint,
                }
                listen(Notice(f"{metric} {trial['score']:.4f} on test."))
                done[base, number, seed] = trial
                if kept:
                    with kept.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(trial) + "\n")
    trials = [trial for key, trial in sorted(done.items(), key=lambda item: item[0][1:]) if key[1] in numbers]
    confidence = config.evaluate.confidence
    return {
        "task": dataset.task,
        "metric": metric,
        "test": len(dataset.test),
        "seeds": seeds,
        "points": [
            compare([t for t in trials if t["labels"] == n], confidence, len(numbers)) for n in numbers
        ],
        "trials": [{key: value for key, value in t.items() if key != "resampled"} for t in trials],
    }


def draw(dataset: Dataset, number: int, seed: int) -> Dataset:
    """Return the data with only `number` labelled texts, the labels in proportion; test stays whole."""
    if number >= len(dataset.train) + len(dataset.dev):
        return dataset
    num_dev = min(len(dataset.dev), max(1, round(DEV_SHARE * number)))
    train = _some(dataset.train, dataset.kind, number - num_dev, seed)
    return dataclasses.replace(dataset, train=train, dev=_some(dataset.dev, dataset.kind, num_dev, seed))


def compare(
    trials: Sequence[Mapping[str, Any]], confidence: float, num_comparisons: int = 1
) -> dict[str, Any]:
    """Return the means of two bases and of their difference, pair by pair, with their intervals.

    They say what another draw of labels, another seed and other test texts of this kind would give, see
    `evaluate.repeats.half_width`.

    Args:
        trials: Of one number of labels; each seed with both bases, `before` and `after`, and with the scores
            on the same resamples of the test texts (`resampled`).
        num_comparisons: Gains that are looked at; their intervals hold all together with this confidence
            (Bonferroni).
    """
    found = {(t["base"], t["seed"]): [t["score"], *t["resampled"]] for t in trials}
    seeds = sorted({t["seed"] for t in trials})
    before, after = (np.array([found[base, seed] for seed in seeds]) for base in ("before", "after"))
    return {
        "labels": trials[0]["labels"],
        "seeds": len(seeds),
        "before": _mean(before, confidence),
        "after": _mean(after, confidence),
        "gain": _mean(after - before, 1 - (1 - confidence) / num_comparisons),
    }


def _mean(values: np.ndarray, confidence: float) -> dict[str, float]:
    """Return the mean of the first column with its interval; the others are of resampled test texts."""
    own, drawn = values[:, 0], values[:, 1:].mean(0)
    mean = float(own.mean())
    if len(own) < 2:
        return Interval(mean, float("nan"), float("nan")).as_dict()
    half = half_width(float(own.std(ddof=1)), len(own), float(np.nanvar(drawn, ddof=1)), confidence)
    return Interval(mean, mean - half, mean + half).as_dict()


def _resampled(stats: Statistics, metric: str, seed: int) -> list[float]:
    drawn = [stats.of(weights)[metric] for weights in resamples(len(stats), DRAWS, seed)]
    return np.concatenate(drawn).round(6).tolist()


def _some(records: Records, kind: Kind, number: int, seed: int) -> Records:
    if number >= len(records):
        return records
    share = number / len(records)
    part = divide(records, kind, [1 - share, share], np.arange(len(records)), seed)
    rows = np.flatnonzero(part == 1)
    rng = np.random.default_rng([seed, number])
    if len(rows) > number:
        rows = rng.choice(rows, number, replace=False)
    elif len(rows) < number:
        others = np.flatnonzero(part != 1)
        rows = np.concatenate([rows, rng.choice(others, number - len(rows), replace=False)])
    return records.take(np.sort(rows))


def _noted(path: Path | None, identity: str) -> Iterator[dict[str, Any]]:
    if path is None or not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            trial = json.loads(line)
        except ValueError:  # the line that was being written when the run was killed
            continue
        if trial["identity"] == identity and "resampled" in trial:
            yield trial


def _quiet(listen: Listener) -> Listener:
    """Pass on the steps; what is said about one small training among many would drown the rest."""

    def pass_on(event: Event) -> None:
        if not isinstance(event, Notice | Stage):
            listen(event)

    return pass_on
