"""Finished runs compared on the same test texts: paired tests, differences in settings, disagreements."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any
from unicodedata import normalize

import numpy as np

from feinschliff.data import Kind
from feinschliff.errors import ConfigError, DataError, did_you_mean
from feinschliff.evaluate import Predictions, compare, holm, intervals, metrics, per_class, statistics
from feinschliff.evaluate.grouped import are_drawn, num_groups
from feinschliff.evaluate.slicing import wrong
from feinschliff.evaluate.tables import wrongness
from feinschliff.report.result import read
from feinschliff.report.values import kind

SCHEMA = 1
IN_SETTINGS = ("model", "train", "data", "seed")
"""Parts of the configuration in which runs that are compared may differ for a reason."""


@dataclass(frozen=True)
class Run:
    """A finished run and what it said about its test texts, in an order that does not depend on the run.

    Attributes:
        name: The folder, as the user gave it.
        result: Its `result.json`.
        rows: Its `predictions/test.jsonl`, sorted by content.
    """

    name: str
    result: Mapping[str, Any]
    rows: list[dict[str, Any]]

    @property
    def targets(self) -> list[Any]:
        """The true labels."""
        return [row["label"] for row in self.rows]

    @property
    def groups(self) -> list[str | None] | None:
        """The groups of the texts; None where the run knew none."""
        return [row.get("group") for row in self.rows] if any("group" in row for row in self.rows) else None

    @property
    def predictions(self) -> Predictions:
        """What the tuned model said."""
        return self.among(self.labels)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels the model knows."""
        return tuple(self.result["data"]["labels"])

    def among(self, labels: tuple[str, ...]) -> Predictions:
        """Return what the tuned model said, with columns for these labels, its own among them."""
        return _predictions(kind(self.result), labels, self.rows)


def read_run(folder: str | Path) -> Run:
    """Read a run's result and its predictions.

    Raises:
        ConfigError: the folder holds no finished run.
        DataError: its files are damaged.
    """
    result = read(folder)
    path = Path(folder) / "predictions" / "test.jsonl"
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
        rows.sort(key=_content)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"damaged ({type(error).__name__}: {error})", where=str(path)) from None
    return Run(str(folder), result, rows)


def compare_runs(
    runs: Sequence[Run],
    metric: str | None = None,
    *,
    same_test: bool = False,
    samples: int = 2000,
    confidence: float = 0.95,
    seed: int = 42,
) -> dict[str, Any]:
    """Compare the tuned models of two or more runs on the test texts they share.

    Every pair is tested (see `evaluate.compare`), with Holm's correction over all pairs. A label that only
    some of the runs know has no probability in the others.

    Args:
        runs: Finished runs on the same data and split.
        metric: What is tested; the primary one if not given.
        same_test: Accept runs that learnt from different data, as long as their test texts are the same.
        samples, confidence, seed: Of the intervals and tests.

    Returns:
        `task`, `metric`, `examples`, `runs` with their scores, `comparisons` as in `result.json`, and the
        `settings` in which the runs differ.

    Raises:
        ConfigError: fewer than two runs, one of them twice, or no such metric.
        DataError: their data or test texts differ.
    """
    _check(runs, same_test)
    first = runs[0].result
    labels = tuple(dict.fromkeys(label for run in runs for label in run.labels))
    stats = [statistics(kind(run.result), run.targets, run.among(labels), run.groups) for run in runs]
    known = list(metrics(stats[0]))
    metric = metric or first["primary_metric"]
    if metric not in known:
        raise ConfigError(
            f"there is no metric '{metric}' for this task",
            where="--metric",
            allowed=f"There are: {', '.join(known)}",
            hint=did_you_mean(metric, known),
        )
    tests = [
        (a, b, compare(stats[a], stats[b], metric, samples, confidence, seed))
        for a, b in combinations(range(len(runs)), 2)
    ]
    corrected = holm([test.p_value for *_, test in tests])
    return {
        "schema": SCHEMA,
        "task": first["task"],
        "primary_metric": first["primary_metric"],
        "metric": metric,
        "examples": len(runs[0].rows),
        "groups": num_groups(runs[0].groups) if are_drawn(runs[0].groups) else None,
        "confidence": confidence,
        "bootstrap_samples": samples,
        "test_fingerprint": first["data"].get("test_fingerprint"),
        "runs": [
            _facts(run, intervals(each, samples, confidence, seed))
            for run, each in zip(runs, stats, strict=True)
        ],
        "comparisons": [
            {"a": runs[a].name, "b": runs[b].name, **dataclasses.asdict(test), "p_value_corrected": p}
            for (a, b, test), p in zip(tests, corrected, strict=True)
        ],
        "settings": differing_settings([run.result.get("config") or {} for run in runs]),
    }


def details(a: Run, b: Run, confidence: float = 0.95, most: int = 10) -> dict[str, Any]:
    """Return how two runs differ below their scores.

    Returns:
        `per_class`: F1 of each label in both, largest differences first; `agreement`: counts of texts by who
        is right (`both`, `a`, `b`, `neither`); `only_a`, `only_b`: texts that only one gets right, those the
        other is surest about first, with both answers, and which of them are `withheld`; `withheld`: whether
        any are, which all else counts as given. For regression, where nothing is exactly right, there are no
        texts.
    """
    one, two = a.predictions, b.predictions
    found: dict[str, Any] = {"withheld": one.answered is not None or two.answered is not None}
    rows = [per_class(run.targets, p, confidence) for run, p in ((a, one), (b, two))]
    others = {row.label: row for row in rows[1]}
    shared = [(row, others[row.label]) for row in rows[0] if row.label in others]
    shared.sort(key=lambda pair: (-abs(pair[0].f1.value - pair[1].f1.value), pair[0].label))
    found["per_class"] = [
        {"label": x.label, "a": x.f1.as_dict(), "b": y.f1.as_dict(), "support": x.support} for x, y in shared
    ]
    if one.kind == "regression":
        return found
    right = [~wrong(a.targets, one), ~wrong(b.targets, two)]
    found["agreement"] = {
        "both": int((right[0] & right[1]).sum()),
        "a": int((right[0] & ~right[1]).sum()),
        "b": int((~right[0] & right[1]).sum()),
        "neither": int((~right[0] & ~right[1]).sum()),
    }
    said = {"a": one.names, "b": two.names}
    for key, chosen, sure in (("only_a", right[0] & ~right[1], b), ("only_b", right[1] & ~right[0], a)):
        surest = wrongness(sure.targets, sure.predictions)[0]
        which = sorted(np.flatnonzero(chosen).tolist(), key=(-surest).__getitem__)
        found[key] = [
            {
                "text": "\n".join(a.rows[i][k] for k in ("text", "text_pair") if a.rows[i].get(k)),
                "label": a.rows[i]["label"],
                **{k: names[i] for k, names in said.items()},
                "withheld": [k for k, run in (("a", a), ("b", b)) if run.rows[i]["prediction"] is None],
            }
            for i in which[:most]
        ]
    return found


def differing_settings(configs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the settings that are not the same everywhere, as {"name", "values"}."""
    flat = [dict(_flatten({k: c.get(k) for k in IN_SETTINGS})) for c in configs]
    names = list(dict.fromkeys(name for each in flat for name in each))
    rows = [{"name": name, "values": [each.get(name) for each in flat]} for name in names]
    return [row for row in rows if any(value != row["values"][0] for value in row["values"])]


def _check(runs: Sequence[Run], same_test: bool) -> None:
    if len(runs) < 2:
        raise ConfigError("one run alone cannot be compared", where="compare", hint="Name two or more runs")
    names = [str(Path(run.name).resolve()) for run in runs]
    if len(set(names)) < len(names):
        raise ConfigError("a run is named twice", where="compare", hint="Name different runs")
    first = runs[0]
    for other in runs[1:]:
        where = f"{first.name} and {other.name}"
        if other.result["task"] != first.result["task"]:
            raise DataError(
                f"their tasks differ: {first.result['task']} and {other.result['task']}", where=where
            )
        one, two = first.result["data"], other.result["data"]
        same = [_content(row) for row in first.rows] == [_content(row) for row in other.rows]
        if not same or one.get("test_fingerprint") != two.get("test_fingerprint"):
            raise DataError(
                f"their test texts differ (fingerprints {one.get('test_fingerprint')} and "
                f"{two.get('test_fingerprint')}), so their scores cannot be compared",
                where=where,
                hint="Train on the same data with the same seed, or score each: feinschliff evaluate",
            )
        if one["fingerprint"] != two["fingerprint"] and not same_test:
            raise DataError(
                f"their data differs (fingerprints {one['fingerprint']} and {two['fingerprint']}), "
                "though the test texts are the same",
                where=where,
                hint="If that is what you want to compare, add --same-test",
            )


def _facts(run: Run, scores: Mapping[str, Any]) -> dict[str, Any]:
    result = run.result
    cost = result["cost"]
    return {
        "run": run.name,
        "title": result.get("title"),
        "created": result.get("created"),
        "model": result["model"].get("name") or result["model"]["source"],
        "parameters": result["model"]["parameters"],
        "seed": result.get("seed"),
        "train_examples": result["data"]["splits"].get("train"),
        "fingerprint": result["data"]["fingerprint"],
        "metrics": {name: value.as_dict() for name, value in scores.items()},
        "train_seconds": cost.get("train_seconds"),
        "tokens_per_second": cost.get("tokens_per_second"),
        "peak_memory_bytes": cost.get("peak_memory_bytes"),
    }


def _content(row: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return what a row is, whatever its place: the texts as the fingerprint sees them, and the label."""
    label = json.dumps(row["label"], sort_keys=True, ensure_ascii=False)
    return normalize("NFC", row["text"]), normalize("NFC", row.get("text_pair") or ""), label


def _predictions(kind: Kind, labels: tuple[str, ...], rows: Sequence[Mapping[str, Any]]) -> Predictions:
    found = [row["prediction"] for row in rows]
    if kind == "regression":
        return Predictions(kind, (), np.array(found, np.float64))
    if kind == "ner":
        return Predictions(kind, labels, [row.get("spans") or row["prediction"] for row in rows])
    column = {name: i for i, name in enumerate(labels)}
    scores = np.array([[row["probabilities"].get(name, 0.0) for name in labels] for row in rows], np.float32)
    if kind == "classification":
        answered = np.array([name is not None for name in found], bool)
        likeliest = scores.argmax(1)  # for files that do not say what was withheld
        decided_names = [row.get("withheld") if n is None else n for row, n in zip(rows, found, strict=True)]
        chosen = [likeliest[row] if n is None else column[n] for row, n in enumerate(decided_names)]
        withheld = None if answered.all() else answered
        return Predictions(kind, labels, np.array(chosen, np.int64), scores, withheld)
    decided = np.zeros((len(rows), len(labels)), bool)
    for row, names in enumerate(found):
        decided[row, [column[name] for name in names]] = True
    return Predictions(kind, labels, decided, scores)


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in tree.items():
        if isinstance(value, Mapping):
            found += _flatten(value, f"{prefix}{name}.")
        else:
            found.append((prefix + name, value))
    return found
