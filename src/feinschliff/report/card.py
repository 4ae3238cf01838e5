"""The model card: `README.md` of the model's folder, with metadata the Hub understands.

It names no file of the user's machine and quotes no text of the data, for cards are published.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import Any

import jinja2

from feinschliff import registry
from feinschliff.readers.hub import repository
from feinschliff.report import cheaper, failures, flexible, luck, promises
from feinschliff.report.excerpts import shorten
from feinschliff.report.language import Language
from feinschliff.report.schema import FINE_TUNED
from feinschliff.report.values import confidence, ends, kind, part, score, setting
from feinschliff.report.verdict import system_title, verdict

HUB_METRICS = {
    "macro_f1": "f1",
    "micro_f1": "f1",
    "weighted_f1": "f1",
    "entity_f1": "f1",
    "entity_precision": "precision",
    "entity_recall": "recall",
    "macro_precision": "precision",
    "macro_recall": "recall",
    "mcc": "matthews_correlation",
    "pearson": "pearsonr",
    "spearman": "spearmanr",
    "brier": "brier_score",
    "r2": "r_squared",
}
"""The Hub's names of metrics, where they differ from ours."""
LICENCES = re.compile(
    r"apache-2\.0|mit|bsd(-[23]-clause)?|cc0-1\.0|cc-by(-nc)?(-sa|-nd)?-[34]\.0|[al]?gpl-[23]\.0|mpl-2\.0|openrail"
)
"""Licences the Hub knows by these names; any other is `other` with its name."""
MAX_LABELS = 100
MAX_SLICES = 10
QUOTABLE = ("length", "label")
"""Kinds of slices whose names are no words or columns of the user's data; labels are published anyway."""
FOLDER = '"path/to/this/folder"'
"""Stands in the card's code for the place of the model."""


def card(result: Mapping[str, Any]) -> str:
    """Return the model card of a result: YAML metadata, then Markdown in English."""
    words = Language("en")
    primary = result.get("primary_metric") or ""
    test = part(result, "metrics", "test")
    systems = [s for s in result.get("systems") or () if s.get("name")]
    own = next((s for s in systems if s["name"] == FINE_TUNED), None)
    names = [primary, *(name for name in test if name != primary)] if primary in test else list(test)
    labels = [str(label) for label in part(result, "data").get("labels") or ()]
    model = part(result, "model")
    base = model.get("hub_id") or model.get("name") or model.get("source") or ""
    answer = verdict(result, words)
    flexibility = flexible.flexible(result, words)
    template = _templates().get_template("card.md.j2")
    text = template.render(
        metadata=metadata(result),
        title=_name(result),
        answer=answer,
        task=_task(result).TITLE.lower(),
        kind=kind(result),
        pipeline=_task(result).PIPELINE_TAG,
        pairs=bool(part(result, "data", "columns").get("text_pair")),
        base=public_name(str(base)),
        licence=model.get("licence"),
        labels=labels[:MAX_LABELS],
        more_labels=max(0, len(labels) - MAX_LABELS),
        splits=part(result, "data", "splits"),
        fingerprint=part(result, "data").get("fingerprint"),
        confidence=words.percent(confidence(result), 0),
        scores=[
            (words.find("metrics", name), words.number(s["value"]), ends(s, words))
            for name in names
            if (s := score(test[name]))["value"] is not None
        ],
        metric=words.find("metrics", primary),
        systems=[
            (
                system_title(result, s["name"], words),
                words.number(value["value"]),
                ends(value, words),
                s is own,
            )
            for s in systems
            if (value := score(part(s, "metrics").get(primary)))["value"] is not None
        ],
        cheaper=cheaper.cheaper(result, words),
        adapted=promises.adapted(result, words),
        flexible=[(name, value) for name, value in flexibility["facts"] if name != words("flexible.base")],
        flexible_text=flexibility["text"],
        luck=luck.luck(result, words),
        certainty=failures.calibration(result, words),
        decide=_decide(result),
        thresholds=_thresholds(result),
        written=repr,
        slices=_worse(result, words),
        device=part(result, "environment").get("device"),
        words=words,
        version=result.get("feinschliff") or "",
    )
    return re.sub(r"\n{3,}", "\n\n", text)


def _decide(result: Mapping[str, Any]) -> list[str]:
    """Return the settings by which the model decides, as asked for, and whether dev shows them to be kept."""
    asked, decisions = part(result, "config", "decide"), part(result, "decisions")
    missed = {g.get("text") for g in decisions.get("goals") or () if not g.get("reached", True)}
    goals = [str(text) for text in asked.get("goal") or ()]
    level, found = f"{asked.get('goal_level', 0.95):.0%}", []
    for text in goals:
        shown = "not shown to be reached by dev" if text in missed else f"shown by dev with {level} certainty"
        found.append(text if text == "f1" else f"{text} ({shown})")
    if asked.get("costs"):
        found.append(f"least expected cost, with the costs {setting(asked['costs'])}")
    if asked.get("unsure_cost") is not None:
        found.append(f"no answer where it costs less ({asked['unsure_cost']:g})")
    if asked.get("coverage") and decisions.get("possible"):
        found.append(f"the possible answers hold the truth in {asked['coverage']:.0%} of texts")
    return found


def _thresholds(result: Mapping[str, Any]) -> dict[str, float]:
    """Return from which probability on each label is given; none where there are too many for a card."""
    found = part(result, "decisions").get("thresholds") or {}
    return {label: round(value, 6) for label, value in found.items()} if len(found) <= MAX_LABELS else {}


def _worse(result: Mapping[str, Any], words: Language) -> list[tuple[str, str, str, str]]:
    """Return the parts of test where the model errs clearly more often; only such as quote no text."""
    level = 1 - confidence(result)
    found = [
        s
        for s in result.get("slices") or ()
        if s["kind"] in QUOTABLE and s.get("errors") and (s.get("p_value") or 0.0) < level
    ]
    found = [s for s in found if (score(s.get("difference"))["value"] or 0.0) > 0]
    found.sort(key=lambda s: -score(s["difference"])["value"])  # type: ignore[operator]
    return [
        (
            f"{words.find('slices', s['kind'])} {shorten(str(s['name']), 60)}",
            words.count(s.get("count")),
            words.percent(score(s["errors"])["value"]),
            words.percent(s.get("rest")),
        )
        for s in found[:MAX_SLICES]
    ]


def metadata(result: Mapping[str, Any]) -> str:
    """Return the YAML the Hub reads, without its fences."""
    from huggingface_hub import EvalResult, ModelCardData

    task = result.get("task") or ""
    model = part(result, "model")
    pipeline = _task(result).PIPELINE_TAG
    licence = str(model.get("licence") or "").strip().lower()
    base = next(
        (
            str(n)
            for n in (model.get("hub_id"), model.get("name"), model.get("source"))
            if n and _is_hub_id(str(n))
        ),
        None,
    )
    sources = part(result, "config", "data")
    known = [repository(sources.get(split)) for split in ("train", "dev", "test")]
    tested = known[2] if sources.get("test") else known[0]
    scored = [HUB_METRICS.get(name, name) for name in part(result, "metrics", "test")]
    results = [
        EvalResult(
            task_type=pipeline,
            task_name=task,
            dataset_type=tested or "custom",
            dataset_name=_name(result),
            dataset_split="test",
            metric_type=HUB_METRICS.get(name, name),
            metric_name=name,
            metric_value=round(value, 4),
        )
        for name, interval in part(result, "metrics", "test").items()
        if (value := score(interval)["value"]) is not None
    ]
    languages = [
        str(code)
        for code in model.get("languages") or ()
        if re.fullmatch(r"[a-z]{2,3}|multilingual", str(code))
    ]
    data = ModelCardData(
        language=languages or None,
        license=(licence if LICENCES.fullmatch(licence) else "other") if licence else None,
        license_name=licence if licence and not LICENCES.fullmatch(licence) else None,
        base_model=base,
        datasets=list(dict.fromkeys(filter(None, known))) or None,
        metrics=list(dict.fromkeys(scored)) or None,
        library_name="transformers",
        pipeline_tag=pipeline,
        tags=["feinschliff", *([task] if task else [])],
        model_name=_name(result) if results else None,
        eval_results=results or None,
    )
    return data.to_yaml().strip()


def _task(result: Mapping[str, Any]) -> ModuleType:
    return registry.load("tasks", result.get("task") or "classification")


def at_hub(text: str, repo: str, branch: str | None = None) -> str:
    """Let the code in a card load the model from the Hub."""
    branch = None if branch == "main" else branch
    address = f"{repo}@{branch}" if branch else repo
    text = text.replace(f"feinschliff.load({FOLDER})", f'feinschliff.load("{address}")')
    return text.replace(FOLDER, f'"{repo}", revision="{branch}"' if branch else f'"{repo}"')


def _name(result: Mapping[str, Any]) -> str:
    return shorten(" ".join(str(result.get("title") or "Fine-tuned model").split()), 120)


def _is_hub_id(name: str) -> bool:
    return bool(re.fullmatch(r"[A-Za-z0-9][\w.-]*/[\w.-]+", name)) and ".." not in name


def public_name(name: str) -> str:
    """Return the name of a base model, without the folders of a local path."""
    return name if _is_hub_id(name) else re.split(r"[/\\]", name.rstrip("/\\"))[-1]


def _markdown(value: Any) -> str:
    """Make a text harmless within a line or a table cell of Markdown."""
    text = " ".join(str(value).split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]|#!~])", r"\\\1", text)


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("feinschliff.report"),
        autoescape=False,  # Markdown: texts pass through the filter `markdown`
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["markdown"] = _markdown
    return environment
