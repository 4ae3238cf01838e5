"""The report of an adaptation: what was learnt, what was forgotten, and whether a task gains by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from feinschliff.report import charts
from feinschliff.report.html import render
from feinschliff.report.language import Language
from feinschliff.report.svg import scale
from feinschliff.report.values import View, confidence, ends, part, setting
from feinschliff.report.verdict import Caution, Verdict

MEASURED = ("test", "general")
FEW_DOCUMENTS = 20
"""With fewer held-out documents, resampling them tells too little of what others would show."""


def page(result: Mapping[str, Any], language: str = "en") -> str:
    """Return the report of an adaptation as one page.

    Args:
        result: What `adapt.run` wrote into `result.json`.
        language: `en` or `de`.

    Raises:
        ConfigError: there is no such language.
    """
    words = Language(language)
    sections = {
        "learnt": _learnt(result, words),
        "probe": _probe(result, words),
        "alike": _alike(result, words),
        "split": _split(result, words),
        "adapting": _training(result, words),
    }
    return render(
        words,
        title=result.get("title") or words("adaptation.title"),
        date=words.date(result.get("created")),
        version=result.get("feinschliff") or "",
        answer=answer(result, words),
        figures=_figures(result, words),
        sections={name: view for name, view in sections.items() if view is not None or name == "probe"},
    )


def answer(result: Mapping[str, Any], words: Language) -> Verdict:
    """Judge an adaptation: use it only where a task is shown to gain, on enough held-out documents."""
    documents = part(result, "losses", "test")["documents"]
    fell = part(result, "losses", "test", "difference")
    points = part(result, "probe").get("points") or ()
    better = [p["labels"] for p in points if (p["gain"]["low"] or 0) > 0]
    worse = [p["labels"] for p in points if (p["gain"]["high"] or 0) < 0]
    counts: list[int] = []
    if few := documents < FEW_DOCUMENTS:
        kind, key = "open", "few"
    elif not fell["high"] < 0:
        kind, key = "reject", "not_learnt"
    elif worse:
        kind, key, counts = "careful", "worse", worse
    elif better:
        kind, key, counts = "use", "better", better
    else:
        kind, key = "open", "unclear" if points else "unprobed"
    labels = words.enumerate([words.count(n) for n in counts])
    return Verdict(
        kind,
        words(f"adaptation.words.{key}"),
        words(f"adaptation.{key}", labels=labels) + ".",
        words(
            "adaptation.support",
            difference=words.signed(fell["value"]),
            confidence=words.percent(confidence(result), 0),
            low=words.signed(fell["low"]),
            high=words.signed(fell["high"]),
            count=documents,
        ),
        [Caution(words("adaptation.few_documents", count=documents), "learnt")] if few else [],
    )


def _figures(result: Mapping[str, Any], words: Language) -> list[View]:
    found = []
    for name in MEASURED:
        losses = part(result, "losses", name)
        if losses:
            found.append(
                {
                    "name": words(f"adaptation.change_{name}"),
                    "value": words.signed(losses["difference"]["value"]),
                    "detail": ends(losses["difference"], words, signed=True),
                }
            )
    points = part(result, "probe").get("points") or ()
    if points:
        best = max(points, key=lambda p: p["gain"]["value"])
        found.append(
            {
                "name": words("adaptation.gain", labels=words.count(best["labels"])),
                "value": words.signed(best["gain"]["value"]),
                "detail": ends(best["gain"], words, signed=True),
            }
        )
    cost = part(result, "cost")
    found.append(
        {
            "name": words("figures.training"),
            "value": words.duration(cost.get("train_seconds")),
            "detail": words("adaptation.tokens", tokens=words.large(cost.get("tokens"))),
        }
    )
    return found


def _learnt(result: Mapping[str, Any], words: Language) -> View:
    measured = [(name, part(result, "losses", name)) for name in MEASURED]
    measured = [(name, losses) for name, losses in measured if losses]
    on = scale(
        [losses["difference"][end] for _, losses in measured for end in ("low", "high")], include=[0.0]
    )
    rows = [
        {
            "name": words(f"adaptation.texts_{name}"),
            "documents": words("adaptation.documents", count=losses["documents"]),
            "chart": charts.interval(losses["difference"], on, "own" if name == "test" else "plain", True),
            "difference": words.signed(losses["difference"]["value"]),
            "difference_ends": ends(losses["difference"], words, signed=True),
            **{
                when: {"value": words.number(losses[when]["value"]), "ends": ends(losses[when], words)}
                for when in ("before", "after")
            },
            "perplexity": _perplexity(losses, words),
        }
        for name, losses in measured
    ]
    curve = part(result, "training").get("curve") or ()
    begun = part(result, "losses", "dev", "before").get("value")
    line = [] if begun is None else [(0, begun)]
    line += [(p["step"], p["dev_loss"]) for p in curve if p.get("dev_loss") is not None]
    chart = None
    if line:
        name, steps = words("adaptation.dev_loss"), words("adaptation.steps")
        chart = charts.curve("loss", name, {"own": line}, words, steps, dots=True)
    return {
        "rows": rows,
        "axis": charts.interval_axis(on, words, signed=True),
        "chart": chart,
        "forgetting": _forgetting(result, words),
        "method": words("adaptation.method", confidence=words.percent(confidence(result), 0)),
    }


def _perplexity(losses: Mapping[str, Any], words: Language) -> str:
    if "perplexity_before" not in losses:
        return ""
    return words(
        "adaptation.perplexity",
        before=words.measure(losses["perplexity_before"]["value"]),
        after=words.measure(losses["perplexity_after"]["value"]),
    )


def _forgetting(result: Mapping[str, Any], words: Language) -> str:
    losses = part(result, "losses", "general")
    if not losses:
        return words("adaptation.not_watched")
    change = losses["difference"]
    key = "forgot" if change["low"] > 0 else "gained" if change["high"] < 0 else "kept"
    if key != "forgot" and part(result, "model").get("head_is_new"):
        key = "new_head"
    return words(f"adaptation.{key}", change=words.signed(change["value"]))


def _probe(result: Mapping[str, Any], words: Language) -> View | None:
    found = part(result, "probe")
    points = found.get("points") or ()
    if not points:
        return None
    metric = words.find("metrics", found["metric"])
    titles = {name: words(f"adaptation.{name}") for name in ("after", "before")}
    drawn = [
        {"system": name, "labels": point["labels"], "score": point[name]}
        for point in points
        for name in ("after", "before")
    ]
    on = scale([p["gain"][end] for p in points for end in ("low", "high")], include=[0.0])
    return {
        "metric": metric,
        "chart": charts.learning(drawn, metric, titles, words),
        "legend": [("own", titles["after"]), ("plain", titles["before"])],
        "rows": [
            {
                "labels": words.count(point["labels"]),
                "seeds": words.count(point["seeds"]),
                "before": {
                    "value": words.number(point["before"]["value"]),
                    "ends": ends(point["before"], words),
                },
                "after": {
                    "value": words.number(point["after"]["value"]),
                    "ends": ends(point["after"], words),
                },
                "chart": charts.interval(point["gain"], on, "own", True),
                "gain": {
                    "value": words.signed(point["gain"]["value"]),
                    "ends": ends(point["gain"], words, signed=True),
                },
            }
            for point in points
        ],
        "axis": charts.interval_axis(on, words, signed=True),
        "note": words(
            "adaptation.probe_note",
            confidence=words.percent(confidence(result), 0),
            count=found["test"],
        ),
    }


def _alike(result: Mapping[str, Any], words: Language) -> View | None:
    rows: Sequence[Mapping[str, Any]] = result.get("neighbours") or ()
    if not rows:
        return None
    return {
        "rows": [
            {
                "word": row["word"],
                "before": [("" if w in row["after"] else "gone", w) for w in row["before"]],
                "after": [("" if w in row["before"] else "new", w) for w in row["after"]],
            }
            for row in rows
        ]
    }


def _split(result: Mapping[str, Any], words: Language) -> View:
    found = part(result, "vocabulary")
    facts = [
        (words("adapted.tokens_per_word"), words.measure(found.get("pieces_per_word"))),
        (words("adaptation.whole"), words.percent(found.get("whole_share"))),
        (words("adapted.unknown_share"), words.percent(found.get("unknown_share"), 2)),
    ]
    added = found.get("added") or ()
    if added:
        later = part(found, "after").get("pieces_per_word")
        facts += [
            (words("adaptation.added"), words.count(len(added))),
            (words("adaptation.tokens_per_word_after"), words.measure(later)),
        ]
    return {
        "facts": facts,
        "rows": [
            {"word": row["word"], "count": words.count(row["count"]), "pieces": " · ".join(row["pieces"])}
            for row in found.get("split") or ()
        ],
        "added": ", ".join(added[:60]) + (" …" if len(added) > 60 else ""),
    }


def _training(result: Mapping[str, Any], words: Language) -> View:
    data, cost = part(result, "data"), part(result, "cost")
    documents, tested = part(data, "documents"), data.get("probe_tests")
    facts = [
        (
            words("adaptation.objective"),
            words.find(
                "objectives", part(result, "config", "adapt").get("objective"), result.get("objective")
            ),
        ),
        (words("flexible.base"), str(part(result, "model").get("source"))),
        (words("adaptation.learnt_from"), words("adaptation.documents", count=documents.get("train", 0))),
        (words("adaptation.blocks"), words.count(data.get("blocks"))),
        (
            words("adaptation.left_out"),
            words.count((data.get("exact_duplicates") or 0) + (data.get("near_duplicates") or 0)),
        ),
        *([(words("adaptation.tested"), words.count(tested))] if tested else []),
        (words("adaptation.read"), words("flexible.tokens", count=cost.get("tokens") or 0)),
        (words("training.time"), words.duration(cost.get("train_seconds"))),
    ]
    config = part(result, "config")
    rows = [
        (f"{name}.{key}", setting(value))
        for name in ("adapt", "train")
        for key, value in part(config, name).items()
        if value not in (None, "", [], ())
    ]
    return {"facts": facts, "settings": rows}
