"""The promise `cheaper`: what the architecture reaches from random weights, and what each system took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from feinschliff.evaluate.statistics import LOWER_IS_BETTER
from feinschliff.report import charts
from feinschliff.report.language import Language
from feinschliff.report.schema import FINE_TUNED
from feinschliff.report.values import View, ends, part, score
from feinschliff.report.verdict import system_title


def cheaper(result: Mapping[str, Any], words: Language) -> View:
    """Prepare the comparison with the same architecture from random weights."""
    primary = result.get("primary_metric") or ""
    metric = words.find("metrics", primary)
    systems = {s.get("name"): s for s in result.get("systems") or ()}
    own, scratch = part(systems, FINE_TUNED), part(systems, "scratch")
    points = [
        p
        for p in result.get("learning_curve") or ()
        if p.get("system") and p.get("labels") and score(p.get("score"))["value"] is not None
    ]
    texts = []
    reached = [
        score(part(s, "metrics").get(primary) if s else _last(points, name))["value"]
        for s, name in ((own if scratch else {}, FINE_TUNED), (scratch, "scratch"))
    ]
    if None not in reached:
        texts.append(
            words(
                "cheaper.scores",
                metric=metric,
                own=words.number(reached[0]),
                scratch=words.number(reached[1]),
            )
        )
    if own.get("seconds") is not None and scratch.get("seconds") is not None:
        times = {"own": words.duration(own["seconds"]), "scratch": words.duration(scratch["seconds"])}
        texts.append(words("cheaper.seconds", **times))
        if trials := len(part(result, "seeds").get("trials") or ()):
            texts.append(words("cheaper.trainings", count=trials))
    if own.get("energy_kwh") and scratch.get("energy_kwh"):
        used = {"own": words.energy(own["energy_kwh"]), "scratch": words.energy(scratch["energy_kwh"])}
        texts.append(words("cheaper.energy", **used))
    if primary not in LOWER_IS_BETTER:
        texts += _labels_needed(points, words) + _read_from_fits(part(result, "learning_fit"), words)
    chart = None
    if points:
        names = sorted({p["system"] for p in points}, key=lambda name: name != FINE_TUNED)
        titles = {name: system_title(result, name, words) for name in names}
        chart = charts.learning(points, metric, titles, words)
        legend = [(("own" if name == FINE_TUNED else "plain"), title) for name, title in titles.items()]
    return {
        "texts": texts,
        "chart": chart,
        "metric": metric,
        "legend": legend if chart else [],
        "points": _curve_rows(points, result, words),
        "costs": _costs(result, words),
        "missing": words("cheaper.missing"),
    }


def _curve_rows(
    points: Sequence[Mapping[str, Any]], result: Mapping[str, Any], words: Language
) -> list[View]:
    """Return the learning curves as rows, by system and number of labels."""
    ordered = sorted(points, key=lambda p: (p["system"] != FINE_TUNED, p["labels"]))
    return [
        {
            "system": system_title(result, point["system"], words),
            "labels": words.count(point["labels"]),
            "value": words.number(score(point["score"])["value"]),
            "ends": ends(score(point["score"]), words),
            "time": words.duration(point.get("seconds")),
        }
        for point in ordered
    ]


def _costs(result: Mapping[str, Any], words: Language) -> View | None:
    """Return what each system took to be fitted; energy where it was measured for one of them."""
    systems = [s for s in result.get("systems") or () if s.get("name") and s.get("seconds") is not None]
    if not systems:
        return None
    return {
        "energy": any(s.get("energy_kwh") is not None for s in systems),
        "rows": [
            {
                "title": system_title(result, s["name"], words),
                "own": s["name"] == FINE_TUNED,
                "time": words.duration(s["seconds"]),
                "energy": words.energy(s.get("energy_kwh")),
            }
            for s in systems
        ],
    }


def _labels_needed(points: Sequence[Mapping[str, Any]], words: Language) -> list[str]:
    """Say what the learning curves show about numbers of labels; nothing is extrapolated."""
    lines = {
        name: sorted(
            ((p["labels"], score(p["score"])) for p in points if p["system"] == name), key=lambda p: p[0]
        )
        for name in (FINE_TUNED, "scratch")
    }
    own, scratch = lines[FINE_TUNED], lines["scratch"]
    if not own or not scratch:
        return []
    texts = []
    most, reached = scratch[-1]
    enough = [labels for labels, s in own if (s["value"] or 0.0) >= (reached["value"] or 0.0)]
    if enough and enough[0] < most:
        texts.append(words("cheaper.fewer", few=enough[0], all=most))
    low, high = own[-1][1]["low"], reached["high"]
    if low is not None and high is not None and low > high:
        texts.append(words("cheaper.more", all=most))
    if len(own) > 1 and own[-1][0] >= 1.8 * own[-2][0]:
        (_, before), (_, after) = own[-2:]
        gain = (after["value"] or 0.0) - (before["value"] or 0.0)
        apart = None not in (after["low"], before["high"]) and (after["low"] or 0.0) > (before["high"] or 0.0)
        worse = None not in (after["high"], before["low"]) and (after["high"] or 0.0) < (before["low"] or 0.0)
        key = "doubling" if apart else "doubling_worse" if worse else "doubling_unclear"
        texts.append(words(f"cheaper.{key}", gain=words.signed(gain)))
    return texts


def _read_from_fits(fits: Mapping[str, Any], words: Language) -> list[str]:
    """Say what the fitted curves would have, with how loose that is."""
    texts = []
    needed, most = part(fits, "needed"), fits.get("most")
    low, high, limit = (needed.get(key) for key in ("low", "high", "limit"))
    if needed and most and limit:
        if low is None:
            texts.append(words("cheaper.needed_never", limit=limit))
        elif high is not None and high <= most:
            texts.append(words("cheaper.needed_fewer", high=max(high, 1)))
        elif high is not None and needed.get("labels"):
            values = {"labels": needed["labels"], "low": low, "high": high}
            texts.append(words("cheaper.needed", **values, times=words.measure(needed["labels"] / most)))
        elif low:
            texts.append(words("cheaper.needed_least", low=low, times=words.measure(low / most)))
    gain = score(fits.get("doubling"))
    if gain["value"] is not None and gain["low"] is not None and gain["high"] is not None:
        between = words("figures.interval", low=words.signed(gain["low"]), high=words.signed(gain["high"]))
        texts.append(words("cheaper.twice", gain=words.signed(gain["value"]), ends=between))
    return texts


def _last(points: Sequence[Mapping[str, Any]], system: str) -> Any:
    """Return the score of a learning curve at its largest number of labels."""
    own = [p for p in points if p.get("system") == system]
    return max(own, key=lambda p: p["labels"])["score"] if own else None
