"""Goals for decisions: `precision>=0.95`, costs, the best F1: what they say, and whether they are reached."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from feinschliff.config import DecideConfig
from feinschliff.data.dataset import Kind
from feinschliff.errors import ConfigError, did_you_mean
from feinschliff.evaluate._labels import indicator, indices, label_names
from feinschliff.evaluate.calibrate import judged
from feinschliff.evaluate.interval import wilson
from feinschliff.evaluate.predictions import Predictions
from feinschliff.evaluate.selective import least_texts

FORM = re.compile(r"\s*(\w+)\s*(?:\((.+)\))?\s*(?:>=\s*([\d.]+))?\s*")
MEASURES = {
    "classification": ("accuracy", "precision", "recall", "f1"),
    "multilabel": ("precision", "recall", "f1"),
    "ner": ("precision",),
    "regression": (),
}
FAILED = {
    "recall": "what it asks is left out, and the most probable label, or its own threshold, decides",
    "coverage": "no possible answers are named; dev may lack texts of some labels",
}
"""What follows where dev does not show a goal to be reached."""


@dataclass(frozen=True)
class Goal:
    """One goal: a measure, the label it is asked of (None: every label), and the least it must be."""

    text: str
    measure: str
    label: str | None
    bound: float


def goal(text: str, kind: Kind | None = None, labels: Sequence[str] = ()) -> Goal:
    """Read a goal.

    Args:
        text: `measure>=number` or `measure(label)>=number`; `f1` alone.
        task, labels: When known, they must have this measure and label.

    Raises:
        ConfigError: not of this form, or nothing that the task can reach.

    >>> goal("precision(spam) >= 0.99").label
    'spam'
    """
    match = FORM.fullmatch(text)
    measure = match[1] if match else ""
    bound = float(match[3]) if match and match[3] and match[3].count(".") < 2 else None
    known = MEASURES[kind] if kind else tuple(dict.fromkeys(m for names in MEASURES.values() for m in names))
    form = "Write precision>=0.95, precision(spam)>=0.95, recall(spam)>=0.9, accuracy>=0.95, or f1"
    if match is None or (measure == "f1") != (bound is None) or not 0 < (bound or 0.5) < 1:
        raise ConfigError(f"'{text}' is not a goal", where="decide.goal", allowed=form)
    if measure not in known:
        reachable = f"For {kind} there are: {', '.join(known)}" if known else f"{kind} has no goals"
        raise ConfigError(f"there is no goal '{measure}'", where="decide.goal", allowed=reachable)
    label = match[2].strip() if match[2] else None
    if label and (measure in ("accuracy", "f1")):
        raise ConfigError(
            f"{measure} is not asked of one label (in '{text}')", where="decide.goal", allowed=form
        )
    if label and labels and label not in labels:
        raise ConfigError(
            f"there is no label '{label}' (in '{text}')",
            where="decide.goal",
            hint=did_you_mean(label, labels),
        )
    if kind == "classification" and measure == "recall" and not label:
        raise ConfigError(
            "recall must be asked of one label, for more of one is less of another",
            where="decide.goal",
            allowed="Write recall(LABEL)>=0.9",
        )
    return Goal(text.strip(), measure, label, bound or 0.0)


def require_reachable(settings: DecideConfig, kind: Kind, labels: Sequence[str], dev_texts: int) -> None:
    """Refuse, before anything is trained, what this task, these labels or so few texts of dev cannot have.

    Raises:
        ConfigError: a goal, costs or a coverage without meaning here.
    """
    for text in settings.goal:
        goal(text, kind, labels)
    if settings.costs is not None:
        costs(settings, kind, labels)
    elif settings.unsure_cost is not None:
        raise ConfigError("it needs decide.costs, whose unit it has", where="decide.unsure_cost")
    if settings.coverage is not None and kind not in ("classification", "regression"):
        raise ConfigError(
            f"sets of possible answers are not made for {kind}", where="decide.coverage", hint="Leave it out"
        )
    if settings.coverage is not None:
        least = least_texts(settings.coverage, settings.goal_level)
        if dev_texts < least:
            raise ConfigError(
                f"dev has {dev_texts} texts, too few to promise {settings.coverage:g}",
                where="decide.coverage",
                allowed=f"It takes {least} to be {settings.goal_level:.0%} sure (decide.goal_level)",
                hint="Give more labelled texts, a larger data.dev_share, or ask for less",
            )


def notes(rules: Mapping[str, Any]) -> list[str]:
    """Say which goals dev does not show to be reached, and what follows."""
    missed = [entry for entry in rules.get("goals", ()) if not entry["reached"]]
    found = []
    for text in dict.fromkeys(entry["text"] for entry in missed):
        labels = [entry["label"] for entry in missed if entry["text"] == text and entry["label"]]
        of = f" for {', '.join(labels[:5])}{' and others' if len(labels) > 5 else ''}" if labels else ""
        measure = next(entry["measure"] for entry in missed if entry["text"] == text)
        then = FAILED.get(measure, "no such answers are given")
        if any(entry.get("undone") for entry in missed if entry["text"] == text):
            together = "together with the other goals or costs: one stands against the other"
            found.append(f"{text} is not reached{of} {together}.")
            continue
        found.append(
            f"Dev cannot show that {text} is reached{of}: {then}. More dev texts, or decide.goal_level, help."
        )
    return found


def check(
    rules: Mapping[str, Any], predictions: Predictions, targets: Sequence[Any], level: float
) -> list[dict]:
    """Measure the goals on other data, such as test.

    Returns:
        The entries of `rules["goals"]`, each with the measured `value`, its interval `low` and `high`, and
        the number of decisions `count` behind it.
    """
    found = []
    for entry in rules.get("goals", ()):
        if entry["measure"] == "f1":
            continue
        if entry["measure"] == "coverage":
            found.append({**entry, "value": None, "low": None, "high": None, "count": 0})
            continue
        hits, count = _measure(entry["measure"], entry["label"], predictions, targets)
        share = wilson(hits, count, level)
        value = {"value": share.value if count else None, "low": share.low, "high": share.high}
        found.append({**entry, **value, "count": int(count)})
    return found


def truth(predictions: Predictions, targets: Sequence[Any]) -> np.ndarray:
    """Return bool [N, L], the true labels that the model knows."""
    width = len(predictions.labels)
    if predictions.kind == "multilabel":
        return indicator(targets, label_names(targets, predictions))[:, :width]
    return indices(targets, label_names(targets, predictions))[:, None] == np.arange(width)


def costs(settings: DecideConfig, kind: Kind, labels: Sequence[str]) -> dict[str, Any]:
    """Return the costs as a matrix; what is not named costs 1, a right answer 0."""
    assert settings.costs is not None
    if kind != "classification":
        raise ConfigError("only classification decides by costs", where="decide.costs", hint="Leave it out")
    named = [*settings.costs, *(n for row in settings.costs.values() for n in row)]
    unknown = [name for name in named if name not in labels]
    if unknown:
        raise ConfigError(
            f"there is no label '{unknown[0]}'",
            where="decide.costs",
            allowed=f"There are: {', '.join(labels)}",
        )
    matrix = [[settings.costs.get(t, {}).get(d, float(t != d)) for d in labels] for t in labels]
    return {"costs": matrix, "unsure_cost": settings.unsure_cost}


def _measure(
    measure: str, label: str | None, predictions: Predictions, targets: Sequence[Any]
) -> tuple[int, int]:
    """Return how often what the measure counts is right, and how often it is looked at."""
    labels, kind = predictions.labels, predictions.kind
    if kind == "ner":
        of_label = [[s for s in row if s["label"] == label] for row in predictions.decided]
        _, right = judged(targets, Predictions("ner", labels, of_label))
        return int(right.sum()), len(right)
    true = truth(predictions, targets)
    answered = np.ones(len(true), bool) if predictions.answered is None else predictions.answered
    given = (
        predictions.decided
        if kind == "multilabel"
        else predictions.decided[:, None] == np.arange(len(labels))
    )
    given = given & answered[:, None]
    columns = slice(None) if label is None else [labels.index(label)]
    hits = int((given & true)[:, columns].sum())
    return hits, int((true if measure == "recall" else given)[:, columns].sum())
