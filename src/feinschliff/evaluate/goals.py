"""Goals for decisions: `precision>=0.95`, costs, the best F1; fitted on dev into the rules of `decide`.

A threshold is chosen so that the goal is reached on data like dev with a given certainty, not only on dev
itself: dev must hold enough examples to show it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from feinschliff.config import DecideConfig
from feinschliff.errors import ConfigError, nearest
from feinschliff.evaluate._labels import indicator, indices, label_names
from feinschliff.evaluate.calibrate import judged
from feinschliff.evaluate.decide import decide
from feinschliff.evaluate.interval import wilson
from feinschliff.evaluate.predictions import Predictions
from feinschliff.evaluate.scaling import fit_span_scale
from feinschliff.evaluate.selective import answer_threshold, bounding_place, conformal_threshold, least_texts

FORM = re.compile(r"\s*(\w+)\s*(?:\((.+)\))?\s*(?:>=\s*([\d.]+))?\s*")
MEASURES = {
    "classification": ("accuracy", "precision", "recall", "f1"),
    "multilabel": ("precision", "recall", "f1"),
    "ner": ("precision",),
    "regression": (),
}
FAILED = {
    "recall": "the most probable label decides",
    "coverage": "no possible answers are named; dev may lack texts of some labels",
}
"""What follows where dev does not show a goal to be reached."""
NEVER = 2.0
"""A least probability that nothing has: the label is not answered."""


@dataclass(frozen=True)
class Goal:
    """One goal: a measure, the label it is asked of (None: every label), and the least it must be."""

    text: str
    measure: str
    label: str | None
    bound: float


def goal(text: str, task: str | None = None, labels: Sequence[str] = ()) -> Goal:
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
    known = MEASURES[task] if task else tuple(dict.fromkeys(m for names in MEASURES.values() for m in names))
    form = "Write precision>=0.95, precision(spam)>=0.95, recall(spam)>=0.9, accuracy>=0.95, or f1"
    if match is None or (measure == "f1") != (bound is None) or not 0 < (bound or 0.5) < 1:
        raise ConfigError(f"'{text}' is not a goal", where="decide.goal", allowed=form)
    if measure not in known:
        reachable = f"For {task} there are: {', '.join(known)}" if known else f"{task} has no goals"
        raise ConfigError(f"there is no goal '{measure}'", where="decide.goal", allowed=reachable)
    label = match[2].strip() if match[2] else None
    if label and (measure in ("accuracy", "f1")):
        raise ConfigError(
            f"{measure} is not asked of one label (in '{text}')", where="decide.goal", allowed=form
        )
    if label and labels and label not in labels:
        close = nearest(label, labels)
        raise ConfigError(
            f"there is no label '{label}' (in '{text}')",
            where="decide.goal",
            hint=f"Did you mean '{close}'?" if close else None,
        )
    if task == "classification" and measure == "recall" and not label:
        raise ConfigError(
            "recall must be asked of one label, for more of one is less of another",
            where="decide.goal",
            allowed="Write recall(LABEL)>=0.9",
        )
    return Goal(text.strip(), measure, label, bound or 0.0)


def require_reachable(settings: DecideConfig, task: str, labels: Sequence[str], dev_texts: int) -> None:
    """Refuse, before anything is trained, what this task, these labels or so few texts of dev cannot have.

    Raises:
        ConfigError: a goal, costs or a coverage without meaning here.
    """
    for text in settings.goal:
        goal(text, task, labels)
    if settings.costs is not None:
        _costs(settings, task, labels)
    elif settings.unsure_cost is not None:
        raise ConfigError("it needs decide.costs, whose unit it has", where="decide.unsure_cost")
    if settings.coverage is not None and task not in ("classification", "regression"):
        raise ConfigError(
            f"sets of possible answers are not made for {task}", where="decide.coverage", hint="Leave it out"
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


def fit_rules(
    predictions: Predictions, targets: Sequence[Any], settings: DecideConfig, unseen: float = 0.0
) -> dict[str, Any]:
    """Return the rules that reach what the settings ask for, fitted on dev.

    Args:
        predictions: Of dev, calibrated; spans with the scores they have before any rule.
        targets: Of dev.
        settings: Goals, costs, coverage.
        unseen: Share of the data, 0 to 1, that has labels which dev holds no text of.

    Returns:
        Rules for `decide`; under `goals` one entry for each goal and label: {"text", "measure", "label",
        "bound", "reached"}, `reached` telling whether dev shows that it is reached.

    Raises:
        ConfigError: a goal or cost that these labels do not have.
    """
    task, labels = predictions.task, predictions.labels
    goals = [goal(text, task, labels) for text in settings.goal]
    rules: dict[str, Any] = {}
    if task == "ner" and settings.calibration != "none":
        confidence, right = judged(targets, predictions)
        if (spans := fit_span_scale(confidence, right)) is not None:
            rules["spans"] = spans
    if settings.costs is not None:
        rules |= _costs(settings, task, labels)
    for wish in goals:
        _reach(wish, decide(predictions, rules), targets, rules, settings.goal_level)
    if len(goals) > 1:
        _recheck(rules, decide(predictions, rules), targets, settings.goal_level)
    if settings.coverage is not None:
        if possible := _possible(predictions, targets, settings, unseen):
            rules["possible"] = possible
        else:
            entry = {"text": f"coverage>={settings.coverage:g}", "measure": "coverage", "label": None}
            rules.setdefault("goals", []).append({**entry, "bound": settings.coverage, "reached": False})
    return rules


def notes(rules: Mapping[str, Any]) -> list[str]:
    """Say which goals dev does not show to be reached, and what follows."""
    missed = [entry for entry in rules.get("goals", ()) if not entry["reached"]]
    found = []
    for text in dict.fromkeys(entry["text"] for entry in missed):
        labels = [entry["label"] for entry in missed if entry["text"] == text and entry["label"]]
        of = f" for {', '.join(labels[:5])}{' and others' if len(labels) > 5 else ''}" if labels else ""
        measure = text.split(">")[0].split("(")[0]
        then = FAILED.get(measure, "no such answers are given")
        if any(entry.get("undone") for entry in missed if entry["text"] == text):
            found.append(
                f"{text} is not reached{of} together with the other goals: one stands against the other."
            )
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


def _reach(
    wish: Goal, predictions: Predictions, targets: Sequence[Any], rules: dict[str, Any], level: float
) -> None:
    """Add to the rules what reaches the goal."""
    labels, task = predictions.labels, predictions.task
    entries = rules.setdefault("goals", [])
    facts = {"text": wish.text, "measure": wish.measure, "bound": wish.bound}
    if wish.measure == "f1":
        if task == "classification":
            rules |= _best_weights(predictions, targets)
        entries.append({**facts, "label": None, "reached": True})
        return
    if wish.measure == "accuracy":
        confidence, right = judged(targets, predictions)
        limit = _surest(confidence, right, wish.bound, level)
        rules["least"] = [NEVER if limit is None else limit] * len(labels)
        entries.append({**facts, "label": None, "reached": limit is not None})
        return
    for number, label in enumerate(labels):
        if wish.label not in (None, label):
            continue
        if wish.measure == "precision":
            limit = _precise(number, predictions, targets, wish.bound, level)
            name = "thresholds" if task == "multilabel" else "least"
        else:
            limit = _found(number, predictions, targets, wish.bound, level)
            name = "thresholds" if task == "multilabel" else "weights"
        start = {"thresholds": 0.5, "least": 0.0, "weights": 1.0}[name]
        values = rules.setdefault(name, [start] * len(labels))
        values[number] = (
            (NEVER if wish.measure == "precision" else values[number]) if limit is None else limit
        )
        entries.append({**facts, "label": label, "reached": limit is not None})


def _recheck(rules: dict[str, Any], predictions: Predictions, targets: Sequence[Any], level: float) -> None:
    """Take back that a goal is reached where another one's rule has undone it."""
    measured = iter(check(rules, predictions, targets, level))
    for entry in rules["goals"]:
        if entry["measure"] != "f1":
            value = next(measured)["value"]
            if entry["reached"] and value is not None and value < entry["bound"]:
                entry |= {"reached": False, "undone": True}


def _precise(
    number: int, predictions: Predictions, targets: Sequence[Any], bound: float, level: float
) -> float | None:
    """Return the least probability from which on answers of a label are right often enough."""
    if predictions.task == "ner":
        of_label = [
            [s for s in row if s["label"] == predictions.labels[number]] for row in predictions.decided
        ]
        confidence, right = judged(targets, Predictions("ner", predictions.labels, of_label))
    else:
        assert predictions.scores is not None
        confidence = predictions.scores[:, number].astype(np.float64)
        true = _truth(predictions, targets)[:, number]
        if predictions.task == "classification":
            rows = np.flatnonzero(predictions.decided == number)
        else:  # far below, where the label is rare, there is nothing to gain
            rows = np.argsort(-confidence, kind="stable")[: 4 * int(true.sum()) + 20]
        confidence, right = confidence[rows], true[rows]
    return _surest(confidence, right, bound, level)


def _surest(confidence: np.ndarray, right: np.ndarray, bound: float, level: float) -> float | None:
    """Return the least confidence that reaches the bound; 0 where all that dev holds reaches it."""
    found = answer_threshold(confidence, right, bound, level)
    if found is None:
        return None
    threshold, share = found
    return 0.0 if share.value == 1 else threshold


def _found(
    number: int, predictions: Predictions, targets: Sequence[Any], bound: float, level: float
) -> float | None:
    """Return the threshold (multilabel) or weight (classification) with which a label is found often enough.

    The k-th best of n true examples bounds a share of all that follows the beta distribution (k, n - k + 1).
    """
    from scipy.stats import beta

    assert predictions.scores is not None
    scores = predictions.scores.astype(np.float64)
    own = scores[:, number]
    if predictions.task == "classification":
        rest = np.delete(scores, number, 1).max(1, initial=0.0)
        own = own / np.maximum(rest, 1e-12)
    own = -np.sort(-own[_truth(predictions, targets)[:, number]])
    places = np.arange(1, len(own) + 1)
    enough = np.flatnonzero(beta.sf(bound, places, len(own) - places + 1) >= level)
    if not len(enough):
        return None
    limit = float(own[enough[0]])
    return limit if predictions.task == "multilabel" else max(1.0, 1.000001 / max(limit, 1e-12))


def _truth(predictions: Predictions, targets: Sequence[Any]) -> np.ndarray:
    """Return bool [N, L], the true labels that the model knows."""
    width = len(predictions.labels)
    if predictions.task == "multilabel":
        return indicator(targets, label_names(targets, predictions))[:, :width]
    return indices(targets, label_names(targets, predictions))[:, None] == np.arange(width)


def _best_weights(predictions: Predictions, targets: Sequence[Any], num_folds: int = 5) -> dict[str, Any]:
    """Return weights with the best macro-F1; none where cross-fitting on dev does not show that they help."""
    scores, width = predictions.scores, len(predictions.labels)
    assert scores is not None
    true = _truth(predictions, targets)
    fold = np.random.default_rng(0).permutation(len(true)) % num_folds
    held = np.empty(len(true), dtype=np.int64)
    for number in range(num_folds):
        inside, outside = fold != number, fold == number
        held[outside] = (scores[outside] * _ascend(scores[inside], true[inside])).argmax(1)
    if _macro_f1(held, true) <= _macro_f1(scores.argmax(1), true):
        return {}
    return {"weights": [round(float(w), 6) for w in _ascend(scores, true)]} if width else {}


def _ascend(scores: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return weights found by trying factors for one label after the other, nearest to 1 first."""
    weights, factors = (
        np.ones(scores.shape[1]),
        np.exp([0, *(s * x for x in np.arange(1, 9) / 4 for s in (1, -1))]),
    )
    best = _macro_f1(scores.argmax(1), true)
    for label in np.argsort(true.sum(0), kind="stable")[:50]:
        for factor in factors[1:]:
            tried = weights.copy()
            tried[label] = factor
            if (now := _macro_f1((scores * tried).argmax(1), true)) > best + 1e-9:
                best, weights = now, tried
    return weights


def _macro_f1(decided: np.ndarray, true: np.ndarray) -> float:
    given = decided[:, None] == np.arange(true.shape[1])
    return float((2 * (given & true).sum(0) / np.maximum(given.sum(0) + true.sum(0), 1)).mean())


def _costs(settings: DecideConfig, task: str, labels: Sequence[str]) -> dict[str, Any]:
    """Return the costs as a matrix; what is not named costs 1, a right answer 0."""
    assert settings.costs is not None
    if task != "classification":
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


def _possible(
    predictions: Predictions, targets: Sequence[Any], settings: DecideConfig, unseen: float
) -> dict[str, Any] | None:
    """Return the rule for what is possible with the promised probability; None where dev cannot promise it.

    Truths of labels that dev has no text of are counted as missed, for nothing is known about them.
    """
    coverage, limit = settings.coverage, None
    assert coverage is not None
    if predictions.task == "regression":
        error = np.sort(np.abs(np.asarray(targets, np.float64) - predictions.decided))
        if place := bounding_place(len(error), coverage, settings.goal_level):
            limit = float(error[place - 1])
    elif unseen < 1 - coverage:
        assert predictions.scores is not None
        true = indices(targets, label_names(targets, predictions))
        limit = conformal_threshold(
            predictions.scores.astype(np.float64),
            np.where(true < len(predictions.labels), true, -1),
            coverage / (1 - unseen),
            settings.goal_level,
        )
    return None if limit is None else {"coverage": coverage, "threshold": limit}


def _measure(
    measure: str, label: str | None, predictions: Predictions, targets: Sequence[Any]
) -> tuple[int, int]:
    """Return how often what the measure counts is right, and how often it is looked at."""
    labels, task = predictions.labels, predictions.task
    if task == "ner":
        of_label = [[s for s in row if s["label"] == label] for row in predictions.decided]
        _, right = judged(targets, Predictions("ner", labels, of_label))
        return int(right.sum()), len(right)
    true = _truth(predictions, targets)
    answered = np.ones(len(true), bool) if predictions.answered is None else predictions.answered
    given = (
        predictions.decided
        if task == "multilabel"
        else predictions.decided[:, None] == np.arange(len(labels))
    )
    given = given & answered[:, None]
    columns = slice(None) if label is None else [labels.index(label)]
    hits = int((given & true)[:, columns].sum())
    return hits, int((true if measure == "recall" else given)[:, columns].sum())
