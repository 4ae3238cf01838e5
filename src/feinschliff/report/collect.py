"""Gather what a run measured into the parts of `result.json`."""

from __future__ import annotations

import dataclasses
import math
import platform
import resource
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from feinschliff.config import EvaluateConfig
from feinschliff.data import Dataset, Kind, Records
from feinschliff.data.known import label_counts
from feinschliff.encode import Encoded
from feinschliff.evaluate import (
    Interval,
    Predictions,
    compare,
    confusion,
    holm,
    intervals,
    mistakes,
    per_class,
    requirements,
    slices,
    statistics,
)
from feinschliff.evaluate.grouped import are_drawn, num_groups
from feinschliff.evaluate.requirements import BETTER
from feinschliff.models.catalogue import CATALOGUE
from feinschliff.report.language import Language
from feinschliff.report.verdict import verdict

AUDIT_KINDS = ("exact_duplicates", "near_duplicates", "leaked_into_test", "conflicting_labels")
MAX_CONFUSION = 500
MAX_SCATTER = 2000
PACKAGES = ("torch", "transformers", "tokenizers", "accelerate", "numpy", "scikit-learn", "pyarrow")


@dataclasses.dataclass(frozen=True)
class Contender:
    """A system with its predictions for the test split and its cost in seconds and, if measured, energy."""

    name: str
    title: str
    predictions: Predictions
    seconds: float
    detail: str = ""
    energy_kwh: float | None = None


def data_facts(dataset: Dataset, encoded: Mapping[str, Encoded]) -> dict[str, Any]:
    """Return the `data` part."""
    splits = {"train": dataset.train, "dev": dataset.dev, "test": dataset.test}
    audit = {kind: dataset.count(kind) for kind in AUDIT_KINDS}
    audit["truncated"] = sum(e.cut for e in encoded.values())
    audit["dropped"] = len(dataset.removed)
    facts: dict[str, Any] = {
        "fingerprint": dataset.fingerprint,
        "test_fingerprint": dataset.test_fingerprint,
        "splits": {name: len(records) for name, records in splits.items()},
        "labels": list(dataset.labels),
        "audit": audit,
        "columns": dataclasses.asdict(dataset.columns),
        "findings": [dataclasses.asdict(finding) for finding in dataset.findings],
        "lengths": _lengths(encoded),
        "groups": _group_facts(dataset),
    }
    if dataset.labels:
        facts["class_counts"] = {n: _class_counts(r, dataset.kind, dataset.labels) for n, r in splits.items()}
    return facts


def _group_facts(dataset: Dataset) -> dict[str, Any] | None:
    """Return whose texts stand in test together; None where no group is known."""
    groups = dataset.test.groups
    if groups is None:
        return None
    return {"column": dataset.columns.group, "test": num_groups(groups), "drawn": are_drawn(groups)}


def system_facts(
    contenders: Sequence[Contender], records: Records, settings: EvaluateConfig, metric: str, seed: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the `systems` and `comparisons` parts; the first contender is compared with each other one."""
    targets = records.targets
    stats = [statistics(c.predictions.kind, targets, c.predictions, records.groups) for c in contenders]
    systems = []
    for contender, each in zip(contenders, stats, strict=True):
        found = intervals(each, settings.bootstrap_samples, settings.confidence, seed)
        systems.append(
            {
                "name": contender.name,
                "title": contender.title,
                "detail": contender.detail,
                "metrics": {name: value.as_dict() for name, value in found.items()},
                "seconds": contender.seconds,
                "energy_kwh": contender.energy_kwh,
            }
        )
    tests = [
        compare(stats[0], each, metric, settings.bootstrap_samples, settings.confidence, seed)
        for each in stats[1:]
    ]
    corrected = holm([test.p_value for test in tests]) if tests else []
    comparisons = [
        {"a": contenders[0].name, "b": other.name, **dataclasses.asdict(test), "p_value_corrected": p}
        for other, test, p in zip(contenders[1:], tests, corrected, strict=True)
    ]
    return systems, comparisons


def detail_facts(
    records: Records, predictions: Predictions, confidence: float, max_mistakes: int
) -> dict[str, Any]:
    """Return `per_class`, `slices`, `confusion` or `scatter`, and `mistakes` of the tuned model."""
    targets = records.targets
    facts: dict[str, Any] = {
        "mistakes": _structured(mistakes(records, predictions, max_mistakes), records, predictions)
    }
    if predictions.kind == "regression":
        rows = np.linspace(0, len(targets) - 1, min(len(targets), MAX_SCATTER)).astype(int)
        facts["scatter"] = {
            "true": [targets[i] for i in rows],
            "predicted": [float(predictions.decided[i]) for i in rows],
        }
        return facts
    facts["slices"] = [part.as_dict() for part in slices(records, predictions, confidence=confidence)]
    facts["per_class"] = [row.as_dict() for row in per_class(targets, predictions, confidence)]
    if predictions.kind == "classification" and len(predictions.labels) <= MAX_CONFUSION:
        labels, matrix = confusion(targets, predictions)
        facts["confusion"] = {"labels": list(labels), "matrix": matrix.tolist()}
    return facts


def requirement_facts(
    texts: Sequence[str], scores: Mapping[str, Mapping[str, float]]
) -> list[dict[str, Any]]:
    """Return the `requirements` part: each with whether it was reached; `better` waits for the verdict."""
    found = {name: Interval(**score) for name, score in scores.items()}
    checked = [(wish.text, *wish.check(found)) for wish in requirements(texts)]
    return [{"text": text, "reached": reached, "value": value} for text, reached, value in checked]


def verdict_facts(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return whether `better` was reached, for the `requirements` part."""
    answer = verdict(result, Language("en"))
    return {"text": BETTER, "reached": answer.kind == "use", "value": None, "verdict": answer.kind}


def model_facts(source: str, folder: Path, network: Any, trainable: int, limit: int) -> dict[str, Any]:
    """Return the `model` part."""
    from feinschliff.models.layers import layers

    entry = next((e for e in CATALOGUE if source in (e.name, e.source)), None)
    return {
        "source": source,
        "name": entry.title if entry else Path(source).name,
        "licence": entry.licence if entry else None,
        "languages": list(entry.languages) if entry else None,
        "hub_id": entry.source if entry else None,
        "parameters": sum(p.numel() for p in network.parameters()),
        "trainable_parameters": trainable,
        "size_bytes": sum(f.stat().st_size for f in folder.glob("*.safetensors")),
        "max_length_tokens": limit,
        "layers": len(layers(network)),
        "hidden_size": network.config.hidden_size,
        "vocabulary": network.config.vocab_size,
        "architecture": network.config.model_type,
    }


def environment_facts(device: Any, precision: str) -> dict[str, Any]:
    """Return the `environment` part."""
    import torch

    from feinschliff.train.processes import processes

    return {
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        "precision": precision,
        "threads": torch.get_num_threads(),
        "processes": processes().size,
        "system": f"{platform.system()} {platform.machine()}",
    }


def peak_memory_bytes() -> int:
    """Return the most memory this process ever had resident."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _structured(
    found: list[dict[str, Any]], records: Records, predictions: Predictions
) -> list[dict[str, Any]]:
    """Return mistakes with labels as lists, numbers or spans instead of one text, for drawing."""
    row = {key: i for i, key in enumerate(zip(records.ids, records.table["place"].to_pylist(), strict=True))}
    targets, names = records.targets, predictions.names
    rows = [row[mistake["id"], mistake["place"]] for mistake in found]
    return [m | {"label": targets[i], "prediction": names[i]} for m, i in zip(found, rows, strict=True)]


def _class_counts(records: Records, kind: Kind, labels: Sequence[str]) -> dict[str, int]:
    counts = label_counts(records, kind)
    return {label: counts[label] for label in labels}


def _lengths(encoded: Mapping[str, Encoded]) -> dict[str, Any]:
    lengths = np.concatenate([e.full_lengths for e in encoded.values()])
    limit = max(e.limit for e in encoded.values())
    step = math.ceil(max(16, float(np.quantile(lengths, 0.995))) / 24)
    edges = np.arange(0, 25) * step
    edges[-1] = max(edges[-1], lengths.max() + 1)  # the last bin holds the few that are much longer
    counts, _ = np.histogram(lengths, edges)
    return {
        "tokens": {"bins": edges.tolist(), "counts": counts.tolist()},
        "median": float(np.median(lengths)),
        "p95": float(np.quantile(lengths, 0.95)),
        "max": int(lengths.max()),
        "limit": limit,
        "over_limit": int((lengths > limit).sum()),
        "windowed": sum(e.windowed for e in encoded.values()),
        "unit": "tokens",
    }
