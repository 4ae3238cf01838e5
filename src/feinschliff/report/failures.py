"""The sections on what the model gets wrong: confusions, scores by label, mistakes, and calibration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from feinschliff.report import charts
from feinschliff.report.excerpts import is_spans, mark, shorten
from feinschliff.report.language import Language
from feinschliff.report.svg import scale
from feinschliff.report.values import View, confidence, ends, kind, part, score

TABLE_CLASSES = 12
"""With up to this many classes the confusions are a table with numbers, with more a heat map."""
MAX_CONFUSIONS = 15
MAX_ROWS = 1000
MAX_LABEL = 120
MAX_SLICES = 40
MAX_MISTAKE_TEXT = 600
MIN_MISTAKE_TEXT = 160
MISTAKES_BUDGET = 200_000
"""Characters of text over all mistakes, so that the page stays small."""


def errors(result: Mapping[str, Any], words: Language) -> View | None:
    """Prepare confusions or scatter, scores by label, and the most confident mistakes."""
    view = {
        "confusion": _confusion(result, words),
        "scatter": charts.scatter(part(result, "scatter"), words),
        "per_class": _per_class(result, words),
        "slices": _slices(result, words),
        "mistakes": _mistakes(result, words),
        "mistakes_kind": "largest" if kind(result) == "regression" else "mistakes",
    }
    shown = ("confusion", "scatter", "per_class", "slices", "mistakes")
    return view if any(view[name] is not None for name in shown) else None


def _confusion(result: Mapping[str, Any], words: Language) -> View | None:
    facts = part(result, "confusion")
    labels = [shorten(str(label), MAX_LABEL) for label in facts.get("labels") or ()]
    matrix = facts.get("matrix") or ()
    if not labels or len(matrix) != len(labels):
        return None
    totals = [sum(row) for row in matrix]
    wrong = [
        (count, i, j)
        for i, row in enumerate(matrix)
        for j, count in enumerate(row)
        if count and i != j and totals[i]
    ]
    wrong.sort(key=lambda item: (-item[0], -item[0] / totals[item[1]], item[1], item[2]))
    small = len(labels) <= TABLE_CLASSES
    return {
        "labels": labels,
        "rows": [
            {
                "label": label,
                "cells": [
                    {
                        "count": words.count(count) if count else "",
                        "share": f"{count / total if total else 0:.2f}",
                        "percent": words.percent(count / total, 0) if total else "",
                        "kind": "hit" if i == j else "miss",
                        "title": words("errors.cell", true=label, predicted=labels[j], count=count),
                    }
                    for j, count in enumerate(row)
                ],
            }
            for i, (label, row, total) in enumerate(zip(labels, matrix, totals, strict=True))
        ]
        if small
        else [],
        "map": None if small else charts.heat_map(labels, matrix, words),
        "top": [
            {
                "true": labels[i],
                "predicted": labels[j],
                "count": words.count(count),
                "share": words.percent(count / totals[i], 0),
            }
            for count, i, j in wrong[:MAX_CONFUSIONS]
        ]
        if len(labels) > 2
        else [],
    }


def _per_class(result: Mapping[str, Any], words: Language) -> View | None:
    found = [row for row in result.get("per_class") or () if row.get("label") is not None]
    if not found:
        return None
    trained_on = part(result, "data", "class_counts", "train")
    on = scale([v for row in found for v in score(row.get("f1")).values()], pad=0.02, include=[1.0])
    rows = []
    for row in found:
        own = {key: score(row.get(key)) for key in ("f1", "precision", "recall")}
        rows.append(
            {
                "label": shorten(str(row["label"]), MAX_LABEL),
                "f1": own["f1"]["value"],
                "chart": charts.interval(own["f1"], on, "own", ticks=False),
                "scores": [
                    {
                        "sort": "" if s["value"] is None else f"{s['value']:.6f}",
                        "value": words.number(s["value"]),
                        "ends": ends(s, words),
                    }
                    for s in own.values()
                ],
                "counts": [
                    {"sort": count, "value": words.count(count)}
                    for count in (row.get("support"), trained_on.get(row["label"]))
                ],
            }
        )
    rows.sort(key=lambda r: (r["f1"] is None, r["f1"] or 0.0))
    return {
        "title": words("errors.per_type" if kind(result) == "ner" else "errors.per_class"),
        "name": words("errors.type" if kind(result) == "ner" else "errors.label"),
        "note": words("errors.per_type_note" if kind(result) == "ner" else "errors.per_class_note"),
        "rows": rows[:MAX_ROWS],
        "trained_on": bool(trained_on),
        "long": len(rows) > TABLE_CLASSES,
        "capped": words("errors.capped", count=MAX_ROWS, total=len(rows)) if len(rows) > MAX_ROWS else "",
    }


def _slices(result: Mapping[str, Any], words: Language) -> list[View]:
    """Prepare the parts of test with the largest differences; `label` has a table of its own."""
    found = [s for s in result.get("slices") or () if s["kind"] != "label" and s.get("errors")]
    found.sort(key=lambda s: -(score(s.get("difference"))["value"] or 0.0))
    level = 1 - confidence(result)
    return [
        {
            "kind": words.find("slices", s["kind"]),
            "name": shorten(str(s["name"]), MAX_LABEL),
            "count": {"sort": s.get("count"), "value": words.count(s.get("count"))},
            "marked": s.get("p_value") is not None and s["p_value"] < level,
            "cells": [
                {
                    "sort": f"{own['value'] or 0:.6f}",
                    "value": write(own["value"]),
                    "ends": words("figures.interval", low=write(own["low"]), high=write(own["high"])),
                }
                for own, write in (
                    (score(s["errors"]), words.percent),
                    (score(s.get("difference")), lambda v: words.signed(v and 100 * v, 1)),
                )
            ],
        }
        for s in found[:MAX_SLICES]
    ]


def _mistakes(result: Mapping[str, Any], words: Language) -> list[View] | None:
    """Prepare the mistakes; None where they were not listed, which does not say that there are none."""
    found = result.get("mistakes")
    if found is None or part(result, "config", "report").get("max_mistakes") == 0:
        return None
    limit = max(MIN_MISTAKE_TEXT, min(MAX_MISTAKE_TEXT, MISTAKES_BUDGET // max(1, len(found))))
    return [_mistake(mistake, limit, words) for mistake in found]


def _mistake(mistake: Mapping[str, Any], limit: int, words: Language) -> View:
    text = "\n".join(str(mistake[key]) for key in ("text", "text_pair") if mistake.get(key))
    labelled, predicted = mistake.get("label"), mistake.get("prediction")
    spans = is_spans(labelled) or is_spans(predicted)
    note = ""
    if mistake.get("confidence") is not None:
        note = words("errors.confidence", value=words.number(mistake["confidence"]))
    elif isinstance(labelled, int | float) and isinstance(predicted, int | float):
        note = words("errors.difference", value=words.signed(predicted - labelled))
    return {
        "pieces": mark(text, labelled, predicted, limit) if spans else [],
        "text": shorten(text, limit),
        "shortened": words("page.shortened", count=len(text)) if len(text) > limit else "",
        "labelled": [] if spans else _chips(labelled, predicted, "true", words),
        "predicted": [] if spans else _chips(predicted, labelled, "wrong", words),
        "spans": spans,
        "note": note,
        "reasons": words.enumerate(
            [words.quote(str(r["text"])) for r in mistake.get("reasons") or () if r.get("text")]
        ),
        "place": str(mistake.get("place") or mistake.get("id") or ""),
    }


def _chips(value: Any, other: Any, kind: str, words: Language) -> list[tuple[str, str]]:
    """Return (kind, name) of each label; of several labels, those that `other` has too are plain."""
    names, others = _names(value, words), _names(other, words)
    several = isinstance(value, list | tuple)
    found = [("" if several and name in others else kind, shorten(name, MAX_LABEL)) for name in names]
    return found or [("wrong" if kind == "wrong" else "", words("errors.nothing"))]


def _names(value: Any, words: Language) -> list[str]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return [words.measure(value)]
    names = value if isinstance(value, list | tuple) else [value]
    return [str(name) for name in names if name not in (None, "")]


def calibration(result: Mapping[str, Any], words: Language) -> View | None:
    """Prepare how confidence agrees with being right."""
    facts, decisions = part(result, "calibration"), part(result, "decisions")
    if not facts and not decisions:
        return None
    before, after = part(facts, "before"), part(facts, "after")
    rows = [
        (words(f"calibration.{key}"), words.number(before.get(key)), words.number(after.get(key)))
        for key in ("ece", "brier")
        if before.get(key) is not None or after.get(key) is not None
    ]
    temperature = facts.get("temperature")
    note = (
        words("calibration.temperature", value=words.number(temperature, 2))
        if temperature is not None
        else ""
    )
    if (method := facts.get("method")) in ("vector", "none"):
        note = words(f"calibration.{method}")
    if facts.get("spans"):
        note += " " + words("calibration.spans")
    chart, coverage = charts.reliability(facts, words), charts.coverage(decisions.get("curve"), words)
    view = {
        "chart": chart,
        "rows": rows,
        "note": note,
        "coverage": coverage,
        "coverage_note": words(
            "calibration.coverage_entities" if kind(result) == "ner" else "calibration.coverage_note"
        ),
        "goals": [
            {
                "text": goal.get("text"),
                "label": goal.get("label") or "",
                "value": words.number(goal.get("value"))
                if goal.get("reached", True)
                else words("calibration.unreached"),
                "ends": ends(score(goal), words),
                "count": words.count(goal.get("count")),
            }
            for goal in decisions.get("goals") or ()
        ],
        "facts": _promised(decisions, words),
    }
    return view if any(view[name] for name in ("chart", "rows", "coverage", "goals", "facts")) else None


def _promised(decisions: Mapping[str, Any], words: Language) -> list[tuple[str, str]]:
    """Return what the rules withhold and what they promised, as measured on test; nothing of no texts."""
    strange, held = part(decisions, "unusual"), part(decisions, "possible")
    rows = [(words(f"calibration.{key}_share"), decisions.get(key)) for key in ("answered", "accuracy")]
    rows += [(words(f"calibration.unusual_{key}"), strange.get(key)) for key in ("share", "accuracy")]
    promised = words("calibration.possible", coverage=words.percent(held.get("coverage")))
    rows.append((promised, held.get("measured")))
    measured = [(name, score(value)) for name, value in rows]
    return [(name, _with_ends(own, words)) for name, own in measured if own["value"] is not None]


def _with_ends(own: Mapping[str, float | None], words: Language) -> str:
    if own["low"] is None or own["high"] is None:
        return words.percent(own["value"])
    between = words("figures.interval", low=words.percent(own["low"]), high=words.percent(own["high"]))
    return f"{words.percent(own['value'])} ({between})"
