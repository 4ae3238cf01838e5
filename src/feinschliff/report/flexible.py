"""The promise `flexible`: what a task holds of its own on top of its base, and other tasks on that base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from feinschliff.errors import FeinschliffError
from feinschliff.report.language import Language
from feinschliff.report.result import read
from feinschliff.report.values import View, ends, part, score

MOST_RUNS = 20
"""Runs beside this one that are looked at, the newest ones."""


def flexible_facts(result: Mapping[str, Any], output: Path, network: Any, adapter: Any) -> dict[str, Any]:
    """Return the `flexible` part.

    Args:
        output: The run's folder; runs on the same base are looked for beside it.
        network: The tuned model.
        adapter: Its `Adapter`; None where all weights were tuned.

    Returns:
        `method`; `base_bytes`, the base on disk; `task_bytes`, the weights only this task has;
        `shared_bytes`, those it shares with every other task on the base; `labelled`, texts it was learnt
        from, those of dev included; `train_seconds`; `others`, tasks tuned from
        the same base, as `_other` describes them.
    """
    from feinschliff.models.layers import head_names

    base = part(result, "model").get("size_bytes")
    if adapter is None:
        own = sum(p.numel() * p.element_size() for p in network.parameters())
    else:
        head = head_names(network)
        own = sum(t.numel() * t.element_size() for t in adapter.tensors.values())
        own += sum(p.numel() * p.element_size() for n, p in network.named_parameters() if n in head)
    splits = part(result, "data", "splits")
    return {
        "method": part(result, "config", "train").get("method"),
        "base_bytes": base,
        "task_bytes": own,
        "shared_bytes": base if adapter is not None else 0,
        "labelled": (splits.get("train") or 0) + (splits.get("dev") or 0),
        "train_seconds": part(result, "cost").get("train_seconds"),
        "others": _others(output, result),
    }


def flexible(result: Mapping[str, Any], words: Language) -> View:
    """Prepare what this task cost on top of its base, and the tasks beside it."""
    model, own = part(result, "model"), part(result, "flexible")
    facts = []
    if name := model.get("name") or model.get("source"):
        facts.append((words("flexible.base"), name))
    if model.get("parameters"):
        facts.append((words("flexible.parameters"), words.count(model["parameters"])))
        if (trained := model.get("trainable_parameters")) is not None:
            share = words.percent(trained / model["parameters"])
            facts.append((words("flexible.trained"), f"{words.count(trained)} ({share})"))
    if model.get("size_bytes"):
        facts.append((words("flexible.size"), words.size(model["size_bytes"])))
    if own.get("task_bytes") is not None:
        facts.append((words("flexible.own_size"), words.size(own["task_bytes"])))
    if own.get("labelled"):
        facts.append((words("flexible.labelled"), words.count(own["labelled"])))
    if (seconds := part(result, "cost").get("train_seconds")) is not None:
        facts.append((words("training.time"), words.duration(seconds)))
    if result.get("duration_seconds") is not None:
        facts.append((words("flexible.time"), words.duration(result["duration_seconds"])))
    if model.get("layers") and model.get("hidden_size"):
        facts.append((words("flexible.layers"), f"{model['layers']} × {words.count(model['hidden_size'])}"))
    for key, family in (("vocabulary", "vocabulary"), ("max_length_tokens", "window")):
        if model.get(key):
            facts.append((words(f"flexible.{family}"), words("flexible.tokens", count=model[key])))
    if model.get("languages"):
        facts.append((words("flexible.languages"), _languages(model["languages"])))
    if model.get("licence"):
        facts.append((words("flexible.licence"), model["licence"]))
    return {"facts": facts, "text": _text(own, model, words), "others": _rows(own.get("others") or (), words)}


def _text(own: Mapping[str, Any], model: Mapping[str, Any], words: Language) -> str:
    task, base, shared = (own.get(f"{key}_bytes") for key in ("task", "base", "shared"))
    if task is None or base is None:
        return ""
    is_tuned_whole = own.get("method") == "full" and model.get("trainable_parameters") == model.get(
        "parameters"
    )
    key = "flexible.adapter" if shared else "flexible.whole" if is_tuned_whole else "flexible.kept_whole"
    return words(key, task=words.size(task), base=words.size(base))


def _rows(others: Sequence[Mapping[str, Any]], words: Language) -> list[View]:
    return [
        {
            "name": str(other.get("name")),
            "task": words.find("tasks", other.get("task")),
            "texts": words.count(other.get("labelled")),
            "metric": words.find("metrics", other.get("metric")),
            "value": words.number(score(other.get("score"))["value"]),
            "ends": ends(score(other.get("score")), words),
            "time": words.duration(other.get("train_seconds")),
            "size": words.size(other.get("task_bytes")),
        }
        for other in others
    ]


def _others(output: Path, result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the finished runs beside this one with the same base and other data, by name."""
    model, learnt = part(result, "model"), part(result, "data").get("fingerprint")
    try:
        files = [f for f in output.parent.glob("*/result.json") if f.parent.resolve() != output.resolve()]
        newest = sorted(files, key=lambda f: f.stat().st_mtime)[-MOST_RUNS:]
    except OSError:  # a folder that may not be listed
        return []
    found = []
    for file in sorted(newest):
        try:
            other = read(file)
        except FeinschliffError:  # an adaptation, an older schema, or not a result at all
            continue
        is_repeated = learnt is not None and part(other, "data").get("fingerprint") == learnt
        if not is_repeated and all(other["model"].get(k) == model.get(k) for k in ("source", "hub_id")):
            found.append(_other(file.parent.name, other))
    return found


def _other(name: str, result: Mapping[str, Any]) -> dict[str, Any]:
    metric, splits = result["primary_metric"], part(result, "data", "splits")
    return {
        "name": name,
        "task": result["task"],
        "labelled": (splits.get("train") or 0) + (splits.get("dev") or 0),
        "metric": metric,
        "score": score(part(result, "metrics", "test").get(metric)),
        "train_seconds": part(result, "cost").get("train_seconds"),
        "task_bytes": part(result, "flexible").get("task_bytes"),
    }


def _languages(codes: Sequence[Any]) -> str:
    """Join language codes; a phrase such as `94 languages` stays as it is."""
    is_code = all(len(str(code)) <= 3 and str(code).isalpha() for code in codes)
    return (", " if is_code else " ").join(str(code) for code in codes)
