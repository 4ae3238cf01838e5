"""The section on several seeds, prepared from a result: how much of the score is luck."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from feinschliff.report import charts
from feinschliff.report.language import Language
from feinschliff.report.svg import scale
from feinschliff.report.values import View, confidence, ends, part


def luck(result: Mapping[str, Any], words: Language) -> View | None:
    """Prepare the trainings side by side; None where there was one only."""
    facts = part(result, "seeds")
    trials = facts.get("trials") or ()
    primary = result.get("primary_metric") or ""
    found = part(facts, "metrics", primary)
    if len(trials) < 2 or found.get("mean") is None:
        return None
    scores = [part(trial, "test").get(primary) for trial in trials]
    on = scale([*scores, found.get("low"), found.get("high")])
    kept = [str(trial["seed"]) for trial in trials if trial.get("kept")]
    metric = words.find("metrics", primary)
    return {
        "text": words(
            "luck.text",
            count=len(trials),
            metric=metric,
            mean=words.number(found["mean"]),
            spread=words.number(found.get("spread")),
            confidence=words.percent(confidence(result), 0),
            low=words.number(found.get("low")),
            high=words.number(found.get("high")),
        ),
        "kept": words("luck.average" if len(kept) > 1 else "luck.best", seeds=words.enumerate(kept)),
        "metric": metric,
        "rows": [
            {
                "seed": str(trial["seed"]),
                "own": bool(trial.get("kept")),
                "chart": charts.interval({"value": value}, on, "own" if trial.get("kept") else "plain"),
                "dev": words.number(part(trial, "dev").get(primary)),
                "test": words.number(value),
                "time": words.duration(trial.get("seconds")),
            }
            for trial, value in zip(trials, scores, strict=True)
        ],
        "mean": {
            "chart": charts.interval({**found, "value": found["mean"]}, on, "plain"),
            "value": words.number(found["mean"]),
            "ends": ends(found, words),
        },
        "axis": charts.interval_axis(on, words),
    }
