"""The answer that stands first: use the model, be careful, or do not; derived from the measurements alone.

The rule, in order:
1. A required quality was missed, the rules withhold every answer, a baseline is clearly better, or the
   constant one is not beaten: do not.
2. Nothing was compared: open.
3. Some baseline is not clearly beaten, a goal or a promise of the decisions is not kept, most answers are
   withheld, or training examples also stand in test: be careful.
4. Every baseline is clearly beaten: use it.

"Clearly" means: the corrected paired p-value is below 1 - confidence (without p-value: the interval of the
difference leaves out zero).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from feinschliff.evaluate.grouped import FEWEST_GROUPS
from feinschliff.evaluate.requirements import BETTER
from feinschliff.evaluate.statistics import LOWER_IS_BETTER, OVER_LABELS
from feinschliff.report.excerpts import shorten
from feinschliff.report.language import Language
from feinschliff.report.schema import FINE_TUNED
from feinschliff.report.values import confidence, part, score
from feinschliff.report.values import kind as kind_of

CONSTANT = "majority"
WEAK_F1 = 0.5
SMALL_TEST = 200
FEW_TEXTS = 10
FEW_SHARE = 0.25
"""Share of labels with fewer test texts than that, from which on intervals of averages over labels may be too
narrow (measured in docs/experiments.md)."""
FEW_ANSWERS = 0.5
"""Share of the test texts; a model that answers fewer leaves most of its work to others."""
LARGE_ECE = 0.1
EASIER = ("templates", "group_leakage", "shared_texts")
"""What the audit found and left that makes test easier than new texts will be."""
LONG_SHARE = 0.02
CONFLICT_SHARE = 0.02

Kind = Literal["use", "careful", "reject", "open"]


@dataclass(frozen=True)
class Gain:
    """What the tuned model gained over one baseline, in the direction in which more is better.

    Attributes:
        reading: `better`, `worse` or `unclear`.
        p_value: Corrected where the result holds a corrected one; intervals are not.
        num_comparisons: For which it is corrected.
    """

    name: str
    gain: float | None
    low: float | None
    high: float | None
    p_value: float | None
    reading: Literal["better", "worse", "unclear"]
    num_comparisons: int = 1


@dataclass(frozen=True)
class Caution:
    """Something to know before trusting the model, and the section that shows it."""

    text: str
    section: str


@dataclass(frozen=True)
class Verdict:
    """The answer: its kind, one sentence, how sure it is, and what to watch."""

    kind: str
    word: str
    sentence: str
    support: str
    cautions: list[Caution] = field(default_factory=list)


def gains(result: Mapping[str, Any]) -> list[Gain]:
    """Return the gain in the primary metric over each baseline, in the result's order."""
    primary = result.get("primary_metric")
    sign = -1 if primary in LOWER_IS_BETTER else 1
    found = []
    for row in result.get("comparisons") or ():
        ours = row.get("a") == FINE_TUNED
        name = row.get("b" if ours else "a")
        if row.get("metric") != primary or FINE_TUNED not in (row.get("a"), row.get("b")) or not name:
            continue
        turn = sign if ours else -sign
        ends = [turn * row[key] if row.get(key) is not None else None for key in ("low", "high")]
        low, high = ends if turn > 0 else ends[::-1]
        gain = turn * row["difference"] if row.get("difference") is not None else None
        corrected = row.get("p_value_corrected")
        p_value = corrected if corrected is not None else row.get("p_value")
        reading = _reading(gain, low, high, p_value, 1 - confidence(result))
        num = 1 if corrected is None else len(result["comparisons"])
        found.append(Gain(name, gain, low, high, p_value, reading, num))
    return found


def verdict(result: Mapping[str, Any], words: Language) -> Verdict:
    """Judge a result; see the rule at the top of this file."""
    rows = gains(result)
    asked = [r for r in result.get("requirements") or () if r["text"] != BETTER]  # which reads this verdict
    missed = [r["text"] for r in asked if not r.get("reached", True)]
    better = [row for row in rows if row.reading == "better"]
    worse = [row for row in rows if row.reading == "worse"]
    unclear = [row for row in rows if row.reading == "unclear"]
    leaks, goals, answers = _kept_leaks(result), _missed_goals(result), _answered(result)
    tests = part(result, "data", "splits").get("test")
    on_tests = words("verdict.on_tests", count=tests) if tests and not leaks else ""

    def listed(found: list[Gain]) -> str:
        return words.enumerate([_within(result, row.name, words) for row in found])

    kind: str
    if missed:
        kind, sentence = "reject", words("verdict.missed", requirements=words.enumerate(missed))
    elif answers == 0:
        kind, sentence, on_tests = "reject", words("verdict.silent"), ""
    elif worse:
        kind, sentence = "reject", words("verdict.worse", systems=listed(worse))
    elif CONSTANT in [row.name for row in unclear] and kind_of(result) != "ner":  # there a list of names
        kind, sentence = "reject", words("verdict.constant")
    elif not rows:
        kind, sentence, on_tests = "open", words("verdict.open"), ""
    elif unclear:
        kind, sentence = "careful", words("verdict.unclear", systems=listed(unclear))
    elif goals:
        kind, sentence, on_tests = "careful", words("verdict.goals", goals=words.enumerate(goals)), ""
    elif answers < FEW_ANSWERS:
        kind, sentence, on_tests = "careful", words("verdict.few", share=words.percent(answers)), ""
    elif leaks:
        kind, sentence, on_tests = "careful", words("verdict.leaks", count=leaks), ""
    else:
        kind, sentence = "use", words("verdict.better", count=len(better))
    return Verdict(
        kind,
        words(f"verdict.words.{kind}"),
        f"{sentence}{on_tests}.",
        _support(result, rows, words),
        _cautions(result, words),
    )


def system_title(result: Mapping[str, Any], name: str, words: Language) -> str:
    """Return what a system is called for people."""
    titles = {s.get("name"): s.get("title") for s in result.get("systems") or ()}
    return words.find("systems", of_task("systems", result, name, words), titles.get(name))


def _within(result: Mapping[str, Any], name: str, words: Language) -> str:
    """Return what a system is called within a sentence."""
    within = of_task("systems_within", result, name, words)
    return words.find("systems_within", within, system_title(result, name, words))


def of_task(family: str, result: Mapping[str, Any], name: str, words: Language) -> str:
    """Return the key of a system's text: one of the task, where the system is another one there."""
    key = f"{name}_{kind_of(result)}"
    return key if key in words.texts[family] else name


def _reading(
    gain: float | None, low: float | None, high: float | None, p_value: float | None, level: float
) -> Literal["better", "worse", "unclear"]:
    if p_value is not None:
        clear = p_value < level
    else:
        clear = low is not None and high is not None and (low > 0 or high < 0)
    if not clear or not gain:
        return "unclear"
    return "better" if gain > 0 else "worse"


def _support(result: Mapping[str, Any], rows: list[Gain], words: Language) -> str:
    primary = result.get("primary_metric")
    own = score(part(result, "metrics", "test").get(primary))
    parts = []
    if own["value"] is not None:
        metric = words.find("metrics", primary)
        parts.append(words("verdict.score", metric=metric, value=words.number(own["value"])))
        if own["low"] is not None:
            parts[-1] += " " + words("verdict.interval", **_ends(own, result, words))
        parts[-1] += "."
    known = [row for row in rows if row.gain is not None]
    if known:
        # The smallest gain is the gain over the strongest baseline.
        row = min(known, key=lambda r: r.gain)  # type: ignore[arg-type, return-value]
        key = "verdict.gain" if row.low is not None else "verdict.gain_alone"
        parts.append(
            words(
                key,
                system=_within(result, row.name, words),
                gain=words.signed(row.gain),
                confidence=words.percent(confidence(result), 0),
                low=words.signed(row.low),
                high=words.signed(row.high),
                p=words.p_value(row.p_value, row.num_comparisons),
            )
        )
    return " ".join(parts)


def _ends(own: Mapping[str, float | None], result: Mapping[str, Any], words: Language) -> dict[str, str]:
    return {
        "confidence": words.percent(confidence(result), 0),
        "low": words.number(own["low"]),
        "high": words.number(own["high"]),
    }


def _kept_leaks(result: Mapping[str, Any]) -> int:
    """Count examples of train and dev that also stand in test and were left there."""
    leaked = part(result, "data", "audit").get("leaked_into_test") or 0
    removed = part(result, "config", "data").get("remove")
    return leaked if removed is not None and "leaked_into_test" not in removed else 0


def _missed_goals(result: Mapping[str, Any]) -> list[str]:
    """Return the goals of the decisions that dev does not show to be reached, or test shows to be missed."""
    goals = part(result, "decisions").get("goals") or ()
    missed = dict.fromkeys(str(goal.get("text")) for goal in goals if _is_missed(goal))
    possible = part(result, "decisions", "possible")
    promised, high = possible.get("coverage"), score(possible.get("measured"))["high"]
    if promised is not None and high is not None and high < promised:
        missed[f"coverage>={promised:g}"] = None
    return list(missed)


def _is_missed(goal: Mapping[str, Any]) -> bool:
    high, bound = goal.get("high"), goal.get("bound")
    refuted = bool(goal.get("count")) and high is not None and bound is not None and high < bound
    return refuted or not goal.get("reached", True)


def _answered(result: Mapping[str, Any]) -> float:
    """Return the share of the test texts that the rules let the model answer."""
    share = score(part(result, "decisions").get("answered"))["value"]
    return 1.0 if share is None else share


def _decision_cautions(result: Mapping[str, Any], words: Language) -> list[Caution]:
    found = []
    if goals := _missed_goals(result):
        found.append(Caution(words("caution.goals", goals=words.enumerate(goals)), "calibration"))
    if (answers := _answered(result)) < FEW_ANSWERS:
        found.append(Caution(words("caution.few_answers", share=words.percent(answers)), "better"))
    return found


def _cautions(result: Mapping[str, Any], words: Language) -> list[Caution]:
    data, splits = part(result, "data"), part(result, "data", "splits")
    found = _decision_cautions(result, words)
    if leaks := _kept_leaks(result):
        found.append(Caution(words("caution.leaks", count=leaks), "data"))
    left = [f for f in data.get("findings") or () if str(f.get("action", "kept")).startswith("kept")]
    easier: dict[Any, int] = {}
    for finding in left:  # of shared texts there may be two: of first and of second ones
        easier[finding.get("kind")] = max(easier.get(finding.get("kind"), 0), finding.get("count") or 0)
    found += [
        Caution(words(f"caution.{kind}", count=easier[kind]), "data") for kind in EASIER if easier.get(kind)
    ]
    tests, groups = splits.get("test"), part(data, "groups")
    if tests and groups and not groups.get("drawn") and groups["test"] < FEWEST_GROUPS:
        found.append(
            Caution(words("caution.few_groups", count=groups["test"], column=groups["column"]), "better")
        )
    if tests and tests < SMALL_TEST:
        found.append(Caution(words("caution.small_test", count=tests), "better"))
    rare = [row for row in result.get("per_class") or () if (row.get("support") or 0) < FEW_TEXTS]
    of = len(result.get("per_class") or ())
    if result.get("primary_metric") in OVER_LABELS and rare and len(rare) >= FEW_SHARE * of:
        metric = words.find("metrics", result.get("primary_metric"))
        values = {"count": len(rare), "total": of, "least": FEW_TEXTS, "metric": metric}
        found.append(Caution(words("caution.rare_labels", **values), "better"))
    measured = [row for row in result.get("per_class") or () if row.get("support") != 0]
    scored = [(score(row.get("f1"))["value"], row) for row in measured]
    weak = sorted((f1, row["label"]) for f1, row in scored if f1 is not None and f1 < WEAK_F1)
    if weak:
        labels = words.enumerate([words.quote(shorten(str(label), 40)) for _, label in weak[:3]])
        key = "caution.weak_few" if len(weak) <= 3 else "caution.weak"
        found.append(
            Caution(
                words(key, count=len(weak), total=len(scored), f1=words.number(WEAK_F1, 1), labels=labels),
                "errors",
            )
        )
    ece = part(result, "calibration", "after").get("ece")
    if ece is not None and ece > LARGE_ECE:
        found.append(Caution(words("caution.calibration", ece=words.number(ece)), "calibration"))
    over, total = part(data, "lengths").get("over_limit") or 0, sum(splits.values())
    cut = part(result, "config", "model").get("long_text") == "truncate"
    if total and over / total > LONG_SHARE and cut:
        found.append(Caution(words("caution.truncated", share=words.percent(over / total)), "adapted"))
    conflicts = next((f.get("count") or 0 for f in left if f.get("kind") == "conflicting_labels"), 0)
    if total and conflicts / total > CONFLICT_SHARE:
        share = words.percent(conflicts / total)
        found.append(Caution(words("caution.conflicts", count=conflicts, share=share), "data"))
    return found
