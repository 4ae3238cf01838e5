"""Two runs side by side on one page, prepared from what `comparison` found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from feinschliff.evaluate import LOWER_IS_BETTER
from feinschliff.report import charts
from feinschliff.report.comparison import Run, details
from feinschliff.report.excerpts import is_spans, shorten
from feinschliff.report.html import render
from feinschliff.report.language import Language
from feinschliff.report.svg import scale
from feinschliff.report.values import View, ends, score, setting
from feinschliff.report.verdict import Verdict

MAX_TEXT = 400
MAX_LABELS = 200


def page(a: Run, b: Run, found: Mapping[str, Any], language: str = "en") -> str:
    """Return the page of two runs.

    Args:
        a, b: The runs.
        found: What `compare_runs` returned for them, in this order.
        language: `en` or `de`.

    Raises:
        ConfigError: there is no such language.
    """
    words = Language(language)
    names = _names(a, b)
    more = details(a, b, found["confidence"])
    sections = {
        "side_scores": _scores(found, more, names, words),
        "side_labels": _labels(more, names, words),
        "side_texts": _texts(more, names, words),
        "side_runs": _runs(found, names, words),
    }
    return render(
        words,
        title=words("side.title", a=names[0], b=names[1]),
        date="",
        version=a.result.get("feinschliff") or "",
        answer=_answer(found, names, words),
        figures=_figures(found, more, names, words),
        sections={name: view for name, view in sections.items() if view is not None},
    )


def _names(a: Run, b: Run) -> tuple[str, str]:
    """Return what the runs are called: their folders' names, or as much of the paths as tells them apart."""
    short = Path(a.name).resolve().name, Path(b.name).resolve().name
    return short if short[0] != short[1] else (a.name, b.name)


def _test(found: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool, bool]:
    """Return the paired test, whether it is clear, and whether the first run is the better one."""
    row = found["comparisons"][0]
    clear = row["p_value_corrected"] < 1 - found["confidence"] and bool(row["difference"])
    return row, clear, (row["difference"] > 0) == (found["metric"] not in LOWER_IS_BETTER)


def _answer(found: Mapping[str, Any], names: tuple[str, str], words: Language) -> Verdict:
    row, clear, first = _test(found)
    better, other = names if first else names[::-1]
    key = "side.clear" if clear else "side.unclear"
    values = [run["metrics"][found["metric"]]["value"] for run in found["runs"]]
    support = words(
        "side.support",
        metric=words.find("metrics", found["metric"]),
        a=words.number(values[0]),
        b=words.number(values[1]),
        name=words.quote(names[1]),
        gain=words.signed(-row["difference"]),
        confidence=words.percent(found["confidence"], 0),
        low=words.signed(-row["high"]),
        high=words.signed(-row["low"]),
        p=words.p_value(row["p_value_corrected"]),
    )
    return Verdict(
        "use" if clear else "open",
        words("side.word_clear" if clear else "side.word_unclear"),
        words(key, better=words.quote(better), other=words.quote(other), count=found["examples"]),
        support,
    )


def _figures(
    found: Mapping[str, Any], more: Mapping[str, Any], names: tuple[str, str], words: Language
) -> list[View]:
    row, *_ = _test(found)
    metric = words.find("metrics", found["metric"])
    figures = [
        {
            "name": f"{metric} · {shorten(name, 40)}",
            "value": words.number(run["metrics"][found["metric"]]["value"]),
            "detail": ends(score(run["metrics"][found["metric"]]), words),
        }
        for run, name in zip(found["runs"], names, strict=True)
    ]
    figures.append(
        {
            "name": words("side.difference", name=shorten(names[1], 40)),
            "value": words.signed(-row["difference"]),
            "detail": ends({"low": -row["high"], "high": -row["low"]}, words, signed=True),
        }
    )
    if agreement := more.get("agreement"):
        figures.append(
            {
                "name": words("side.disagree"),
                "value": words.count(agreement["a"] + agreement["b"]),
                "detail": words("side.disagree_detail", a=agreement["a"], b=agreement["b"]),
            }
        )
    return figures


def _scores(
    found: Mapping[str, Any], more: Mapping[str, Any], names: tuple[str, str], words: Language
) -> View:
    runs = found["runs"]
    rows = []
    for metric in runs[0]["metrics"]:
        both = [score(run["metrics"].get(metric)) for run in runs]
        on = scale([v for own in both for v in own.values()])
        difference = None
        if both[0]["value"] is not None and both[1]["value"] is not None:
            difference = both[1]["value"] - both[0]["value"]
        rows.append(
            {
                "name": words.find("metrics", metric),
                "own": metric == found["metric"],
                "lower": metric in LOWER_IS_BETTER,
                "charts": [charts.interval(own, on, kind) for own, kind in zip(both, KINDS, strict=True)],
                "cells": [{"value": words.number(s["value"]), "ends": ends(s, words)} for s in both],
                "difference": words.signed(difference),
            }
        )
    note = words("side.method", samples=found["bootstrap_samples"])
    if found.get("groups"):
        note = f"{note} {words('side.grouped', count=found['groups'])}"
    return {
        "names": names,
        "rows": rows,
        "drawn": words("side.drawn", confidence=words.percent(found["confidence"], 0)),
        "note": f"{note} {words('side.withheld_count')}" if more["withheld"] else note,
    }


KINDS = ("plain", "own")
"""How the first and the second run are drawn."""


def _labels(more: Mapping[str, Any], names: tuple[str, str], words: Language) -> View | None:
    found = more.get("per_class") or []
    if not found:
        return None
    on = scale([v for row in found for key in ("a", "b") for v in score(row[key]).values()], include=[1.0])
    return {
        "names": names,
        "long": len(found) > 12,
        "rows": [
            {
                "label": shorten(str(row["label"]), 60),
                "charts": [charts.interval(row[k], on, kind) for k, kind in zip("ab", KINDS, strict=True)],
                "cells": [
                    {"sort": f"{row[k]['value']:.6f}", "value": words.number(row[k]["value"])} for k in "ab"
                ],
                "sort": f"{row['b']['value'] - row['a']['value']:.6f}",
                "difference": words.signed(row["b"]["value"] - row["a"]["value"]),
                "support": row["support"],
                "count": words.count(row["support"]),
            }
            for row in found[:MAX_LABELS]
        ],
    }


def _texts(more: Mapping[str, Any], names: tuple[str, str], words: Language) -> View | None:
    agreement = more.get("agreement")
    if agreement is None:
        return None
    return {
        "facts": [
            (words("side.both"), words.count(agreement["both"])),
            (words("side.only", name=shorten(names[0], 40)), words.count(agreement["a"])),
            (words("side.only", name=shorten(names[1], 40)), words.count(agreement["b"])),
            (words("side.neither"), words.count(agreement["neither"])),
        ],
        "groups": [
            {
                "title": words("side.only", name=shorten(name, 40)),
                "rows": [_text(row, names, words) for row in more[key]],
            }
            for name, key in zip(names, ("only_a", "only_b"), strict=True)
        ],
    }


def _text(row: Mapping[str, Any], names: tuple[str, str], words: Language) -> View:
    said = {key: _label(row[key], row["text"], words) for key in "ab"}
    said |= {key: words("side.withheld", answer=said[key]) for key in row["withheld"]}
    return {
        "text": shorten(str(row["text"]), MAX_TEXT),
        "answers": [
            (words("errors.labelled"), _label(row["label"], row["text"], words)),
            *((shorten(name, 40), said[key]) for name, key in zip(names, "ab", strict=True)),
        ],
    }


def _label(value: Any, text: str, words: Language) -> str:
    """Write a label; of spans, the marked words and their types."""
    if is_spans(value):
        return "; ".join(f"{text[s['start'] : s['end']]} ({s['label']})" for s in value)
    if isinstance(value, list):
        return ", ".join(map(str, value)) or words("errors.nothing")
    return str(value)


def _runs(found: Mapping[str, Any], names: tuple[str, str], words: Language) -> View:
    runs = found["runs"]
    rows = [
        (words("flexible.base"), [run["model"] for run in runs]),
        (words("flexible.parameters"), [words.large(run["parameters"]) for run in runs]),
        (words("splits.train"), [words.count(run["train_examples"]) for run in runs]),
        (words("training.time"), [words.duration(run["train_seconds"]) for run in runs]),
        (words("training.memory"), [words.size(run["peak_memory_bytes"]) for run in runs]),
    ]
    return {
        "names": names,
        "facts": rows,
        "settings": [
            (row["name"], [setting(v) if v is not None else "–" for v in row["values"]])
            for row in found["settings"]
        ],
    }
