"""The answer's figures and the promises `better` and `adapted`, prepared from a result: texts and drawings.

Each function takes the result and the language and returns the values its template needs, or None when the
result holds nothing for it. Absent keys leave out what they would have shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from feinschliff.evaluate.statistics import LOWER_IS_BETTER
from feinschliff.report import charts
from feinschliff.report.language import Language
from feinschliff.report.schema import FINE_TUNED
from feinschliff.report.svg import Scale, scale
from feinschliff.report.values import View, confidence, ends, part, score
from feinschliff.report.verdict import CONSTANT, gains, of_task, system_title


def figures(result: Mapping[str, Any], words: Language) -> list[View]:
    """Prepare the few numbers that stand under the answer."""
    primary = result.get("primary_metric")
    own = score(part(result, "metrics", "test").get(primary))
    known = [row for row in gains(result) if row.gain is not None]
    least = min(known, key=lambda row: row.gain or 0.0) if known else None
    cost, model = part(result, "cost"), part(result, "model")
    found = [
        {
            "name": words.find("metrics", primary),
            "value": words.number(own["value"]),
            "detail": ends(own, words),
        },
        {
            "name": words("figures.gain"),
            "value": words.signed(least.gain) if least else words.number(None),
            "detail": ends({"low": least.low, "high": least.high}, words, signed=True)
            if least
            else words("figures.no_gain"),
        },
    ]
    if cost.get("train_seconds") is not None:
        detail = ""
        if cost.get("tokens_per_second"):
            detail = words("figures.training_detail", speed=words.count(cost["tokens_per_second"]))
        found.append(
            {
                "name": words("figures.training"),
                "value": words.duration(cost["train_seconds"]),
                "detail": detail,
            }
        )
    if model.get("parameters"):
        share = (model.get("trainable_parameters") or 0) / model["parameters"]
        found.append(
            {
                "name": words("figures.size"),
                "value": words.large(model["parameters"]),
                "detail": words("figures.size_detail", share=words.percent(share, 0 if share > 0.1 else 1)),
            }
        )
    return found


def better(result: Mapping[str, Any], words: Language) -> View | None:
    """Prepare the systems side by side, the paired tests, and the required qualities."""
    primary = result.get("primary_metric") or ""
    systems = [s for s in result.get("systems") or () if s.get("name")]
    test = part(result, "metrics", "test")
    if test and FINE_TUNED not in [s["name"] for s in systems]:
        systems = [{"name": FINE_TUNED, "metrics": test}, *systems]
    if not systems:
        return None
    scores = [score(part(s, "metrics").get(primary)) for s in systems]
    on = _scale({s["name"]: own for s, own in zip(systems, scores, strict=True)})
    rows = [
        {
            "title": system_title(result, s["name"], words),
            "own": s["name"] == FINE_TUNED,
            "detail": _detail(result, s, words),
            "value": words.number(own["value"]),
            "ends": ends(own, words),
            "chart": charts.interval(own, on, _kind(s["name"])),
        }
        for s, own in zip(systems, scores, strict=True)
    ]
    metric = words.find("metrics", primary)
    names = list(dict.fromkeys(name for s in systems for name in part(s, "metrics")))
    return {
        "rows": rows,
        "axis": charts.interval_axis(on, words),
        "metric": metric,
        "note": _metric_note(
            primary,
            metric,
            any(s["value"] is not None and not on.low <= s["value"] <= on.high for s in scores),
            words,
        ),
        "drawn": words("better.interval", metric=metric, confidence=words.percent(confidence(result), 0)),
        "comparisons": _comparisons(result, words),
        "alone": len(systems) == 1,
        "crossed": crossed(result, words),
        "left_out": _left_out(result, [s["name"] for s in systems], words),
        "withheld": _withheld(result, words),
        "all_names": [words.find("metrics", name) for name in names],
        "all_rows": [
            {
                "title": row["title"],
                "own": row["own"],
                "cells": [
                    {"value": words.number(own["value"]), "ends": ends(own, words)}
                    for own in (score(part(s, "metrics").get(name)) for name in names)
                ],
            }
            for s, row in zip(systems, rows, strict=True)
        ],
        "requirements": [
            {
                "text": r.get("text", ""),
                "value": words.number(r.get("value")),
                "kind": "better" if r.get("reached") else "worse",
                "outcome": words("better.reached" if r.get("reached") else "better.missed"),
            }
            for r in result.get("requirements") or ()
        ],
    }


def adapted(result: Mapping[str, Any], words: Language) -> View:
    """Prepare how well vocabulary and window fit the texts."""
    lengths, fit = part(result, "data", "lengths"), part(result, "adaptation")
    facts = []
    for key, write in (
        ("tokens_per_word", words.measure),
        ("test_tokens_per_word", words.measure),
        ("new_words_share", words.percent),
        ("unknown_share", lambda v: words.percent(v, 2)),
    ):
        if fit.get(key) is not None:
            facts.append((words(f"adapted.{key}"), write(fit[key])))
    split = [
        {"word": str(row["word"]), "count": words.count(row["count"]), "pieces": " · ".join(row["pieces"])}
        for row in fit.get("split_words") or ()
    ]
    return {
        "chart": charts.histogram(lengths, words),
        "text": _window(result, words),
        "facts": facts,
        "split": split,
    }


def _withheld(result: Mapping[str, Any], words: Language) -> str:
    """Say how many answers the model withholds, and how good those are that it gives."""
    facts, primary = part(result, "decisions"), result.get("primary_metric") or ""
    share, own = score(facts.get("answered")), score(part(facts, "metrics").get(primary))
    if share["value"] is None:
        return ""
    if own["value"] is None:
        return words("better.withheld_all")
    return words(
        "better.withheld",
        share=words.percent(1 - share["value"]),
        metric=words.find("metrics", primary),
        value=words.number(own["value"]),
        ends=ends(own, words),
    )


def crossed(result: Mapping[str, Any], words: Language) -> str:
    """Say what the cross-validation found."""
    facts, primary = part(result, "cross_validation"), result.get("primary_metric") or ""
    own = score(part(facts, "metrics").get(primary))
    alone = [row[primary] for row in facts.get("alone") or () if row.get(primary) is not None]
    if own["value"] is None or not alone:
        return ""
    return words(
        "better.crossed",
        count=facts.get("folds") or len(alone),
        texts=facts.get("texts") or 0,
        metric=words.find("metrics", primary),
        value=words.number(own["value"]),
        ends=ends(own, words),
        low=words.number(min(alone)),
        high=words.number(max(alone)),
    )


def _comparisons(result: Mapping[str, Any], words: Language) -> View | None:
    rows = gains(result)
    if not rows:
        return None
    on = _scale({r.name: {"value": r.gain, "low": r.low, "high": r.high} for r in rows}, include=[0.0])
    samples = part(result, "config", "evaluate").get("bootstrap_samples")
    groups = part(result, "data", "groups")
    corrected = any(row.get("p_value_corrected") is not None for row in result.get("comparisons") or ())
    return {
        "rows": [
            {
                "title": system_title(result, row.name, words),
                "value": words.signed(row.gain),
                "ends": ends({"low": row.low, "high": row.high}, words, signed=True),
                "p": words.p_value(row.p_value),
                "kind": row.reading,
                "reading": words(f"better.readings.{row.reading}"),
                "chart": charts.interval(
                    {"value": row.gain, "low": row.low, "high": row.high}, on, row.reading, zero=True
                ),
            }
            for row in rows
        ],
        "axis": charts.interval_axis(on, words, signed=True),
        "drawn": words("better.difference_drawn", confidence=words.percent(confidence(result), 0)),
        "method": words(
            "better.method",
            samples=words("better.samples", count=samples) if samples else "",
            corrected=words("better.corrected" if corrected else "better.uncorrected")
            if len(rows) > 1
            else "",
            grouped=words("better.grouped", count=groups["test"], column=groups["column"])
            if groups.get("drawn")
            else "",
        ),
    }


def _left_out(result: Mapping[str, Any], names: Sequence[str], words: Language) -> str:
    """Say which baselines were asked for and are not made for this kind of task."""
    asked = part(result, "config", "evaluate").get("baselines") or ()
    missing = [system_title(result, name, words) for name in asked if name not in names]
    return words("better.left_out", count=len(missing), systems=words.enumerate(missing)) if missing else ""


def _metric_note(primary: str, metric: str, off_scale: bool, words: Language) -> str:
    help_text = words.texts["metric_help"].get(primary)
    notes = [words("better.primary", metric=metric, help=help_text)] if help_text else []
    notes += [words("better.lower")] if primary in LOWER_IS_BETTER else []
    notes += [words("better.off_scale")] if off_scale else []
    return " ".join(notes)


def _scale(scores: Mapping[str, Mapping[str, float | None]], include: Sequence[float] = ()) -> Scale:
    """Return a scale for the systems, the constant answer aside: next to it all others would look alike."""
    shown = (
        [own for name, own in scores.items() if name != CONSTANT]
        if len(scores) > 2
        else list(scores.values())
    )
    return scale([v for own in shown for v in own.values()], include=include)


def _detail(result: Mapping[str, Any], system: Mapping[str, Any], words: Language) -> str:
    key = of_task("system_help", result, system["name"], words)
    explained = system.get("detail") or words.texts["system_help"].get(key)
    seconds = system.get("seconds")
    return " · ".join(
        text for text in (explained, words.duration(seconds) if seconds is not None else "") if text
    )


def _window(result: Mapping[str, Any], words: Language) -> str:
    lengths = part(result, "data", "lengths")
    limit = lengths.get("limit")
    if not limit:
        return ""
    over = lengths.get("over_limit") or 0
    unit = words.find("units", lengths.get("unit") or "tokens")
    total = sum(part(lengths, "tokens").get("counts") or ()) or sum(part(result, "data", "splits").values())
    long_text = part(result, "config", "model").get("long_text")
    key = f"adapted.over_{long_text}" if long_text in ("windows", "truncate") else "adapted.over"
    return words(
        key if over else "adapted.within",
        over=over,
        share=words.percent(over / total if total else None),
        limit=limit,
        unit=unit,
        median=words.count(lengths.get("median")),
        p95=words.count(lengths.get("p95")),
    )


def _kind(name: str) -> str:
    return "own" if name == FINE_TUNED else "plain"
