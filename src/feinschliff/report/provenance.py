"""The sections on where the numbers come from: the data, the training, and how to repeat the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from feinschliff.report import charts
from feinschliff.report.excerpts import shorten
from feinschliff.report.language import Language
from feinschliff.report.values import View, part, setting

EXAMPLE_LIMIT = 240
COUNTED = {
    "single_examples": "data.labels_count",
    "small_classes": "data.labels_count",
    "label_in_text": "data.labels_count",
    "telling_word": "data.labels_count",
    "inconsistent_types": "data.phrases_count",
}
"""What findings count that do not count rows."""


def data(result: Mapping[str, Any], words: Language) -> View | None:
    """Prepare the splits, the columns, and what the audit found."""
    facts = part(result, "data")
    if not facts:
        return None
    findings = [_finding(finding, words) for finding in facts.get("findings") or ()]
    labels = facts.get("labels") or ()
    return {
        "splits": [
            (words.find("splits", name), words.count(count)) for name, count in part(facts, "splits").items()
        ],
        "columns": [
            (words.find("columns", role), name)
            for role, name in part(facts, "columns").items()
            if isinstance(name, str) and role in words.texts["columns"]
        ],
        "num_labels": words.count(len(labels)) if labels else "",
        "findings": findings,
        "audit": []
        if findings
        else [(words.find("findings", k), words.count(n)) for k, n in part(facts, "audit").items() if n],
        "clean": not findings and not any(part(facts, "audit").values()),
    }


def _finding(finding: Mapping[str, Any], words: Language) -> View:
    severity, kind = finding.get("severity") or "info", finding.get("kind")
    message, action, is_own = words.of_audit(kind, finding.get("message") or "", finding.get("action") or "")
    return {
        "kind": words.find("findings", kind),
        "severity": severity,
        "word": words.find("severity", severity),
        "count": words(COUNTED.get(str(kind), "data.count"), count=finding["count"])
        if finding.get("count")
        else "",
        "message": message,
        "is_english": not is_own,
        "action": words("data.action", action=action) if action else "",
        "examples": [_example(example, kind, words) for example in finding.get("examples") or ()],
    }


def _example(example: Any, kind: str | None, words: Language) -> View:
    fields = example if isinstance(example, Mapping) else {"text": str(example)}
    return {
        "place": fields.get("place") or "",
        "text": shorten(str(fields.get("text") or ""), EXAMPLE_LIMIT),
        "detail": shorten(words.of_row(kind, str(fields.get("detail") or "")), EXAMPLE_LIMIT),
    }


def training(result: Mapping[str, Any], words: Language) -> View | None:
    """Prepare the course of the training and its cost."""
    facts, cost = part(result, "training"), part(result, "cost")
    curve = [p for p in facts.get("curve") or () if p.get("step") is not None]
    epochs = bool(curve) and all(p.get("epoch") is not None for p in curve)
    place = "epoch" if epochs else "step"
    line = {
        key: [(float(p[place]), float(p[key])) for p in curve if p.get(key) is not None]
        for key in ("loss", "dev_loss", "dev_metric")
    }
    best_step = facts.get("best_step")
    best = next((p for p in curve if p["step"] == best_step), None)
    mark = (float(best[place]), words("training.best")) if best else None
    metric = words("training.metric", metric=words.find("metrics", result.get("primary_metric")))
    panels = []
    if line["loss"] or line["dev_loss"]:
        series = {"plain": line["loss"], "own": line["dev_loss"]}
        legend = [("plain", words("training.train_loss"))]
        legend += [("own", words("training.dev_loss"))] if line["dev_loss"] else []
        name = words("training.loss")
        panels.append(
            (name, charts.curve("loss", name, series, words, words(f"training.{place}"), mark), legend)
        )
    notes = []
    if len(line["dev_metric"]) == 1:
        notes.append(words("training.single", metric=metric, value=words.number(line["dev_metric"][0][1])))
    elif line["dev_metric"]:
        chart = charts.curve(
            "dev", metric, {"own": line["dev_metric"]}, words, words(f"training.{place}"), mark, dots=True
        )
        panels.append((metric, chart, []))
    averaged = sum(bool(trial.get("kept")) for trial in part(result, "seeds").get("trials") or ()) > 1
    if best_step is not None and len(line["dev_metric"]) > 1 and not averaged:
        notes.append(words("training.kept", step=best_step))
    looks = [value for _, value in line["dev_metric"]]
    if facts.get("stopped") == "patience":
        notes.append(words("training.patience"))
    elif len(looks) > 1 and looks[-1] > max(looks[:-1]):
        notes.append(words("training.rising"))
    writers = {
        "train_seconds": ("time", words.duration),
        "tokens": ("tokens", words.count),
        "tokens_per_second": ("speed", words.count),
        "peak_memory_bytes": ("memory", words.size),
        "energy_kwh": ("energy", words.energy),
    }
    costs = [
        (words(f"training.{key}"), write(cost[name]))
        for name, (key, write) in writers.items()
        if cost.get(name) is not None
    ]
    if result.get("duration_seconds") is not None:
        costs.insert(1, (words("training.whole"), words.duration(result["duration_seconds"])))
    if costs and cost.get("energy_kwh") is None:
        costs.append((words("training.energy"), words("page.missing")))
    settings = [(key, setting(value)) for key, value in part(facts, "settings").items()]
    if not panels and not costs and not settings:
        return None
    return {"panels": panels, "notes": notes, "costs": costs, "settings": settings}


def repeat(result: Mapping[str, Any], words: Language) -> View:
    """Prepare what is needed to repeat the run."""
    environment = {"feinschliff": result.get("feinschliff"), **part(result, "environment")}
    prints = [
        (words("repeat.data"), part(result, "data").get("fingerprint")),
        (words("repeat.test"), part(result, "data").get("test_fingerprint")),
    ]
    seed = [(words("repeat.seed"), result["seed"])] if result.get("seed") is not None else []
    config = part(result, "config")
    return {
        "command": (result.get("command") or "").replace("NEW_FOLDER", words("repeat.new_folder")),
        "environment": [
            (words.find("environment", key), setting(value))
            for key, value in environment.items()
            if value is not None
        ]
        + seed,
        "fingerprints": [(name, value) for name, value in prints if value],
        "config": yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True) if config else "",
    }
