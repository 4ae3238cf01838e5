"""Qualities that a run must reach: `macro_f1>=0.85`.

`macro_f1.low>=0.85` asks it of the lower end of the interval; `better` asks that the verdict on the run is to
use the model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from feinschliff.data.dataset import Kind
from feinschliff.errors import ConfigError, did_you_mean
from feinschliff.evaluate.interval import Interval
from feinschliff.evaluate.statistics import METRICS

FORM = re.compile(r"\s*(\w+)(?:\.(value|low|high))?\s*(>=|<=|>|<)\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*")

BETTER = "better"
"""The requirement that reads no metric but the verdict, see `report/verdict.py`."""


@dataclass(frozen=True)
class Requirement:
    """One parsed requirement.

    Attributes:
        text: As the user wrote it.
        metric: Name of a metric.
        end: What is compared: `value`, or the interval's `low` or `high` end.
        sign: `>=`, `>`, `<=` or `<`.
        bound: The number to reach.
    """

    text: str
    metric: str
    end: str
    sign: str
    bound: float

    def check(self, found: Mapping[str, Interval]) -> tuple[bool, float | None]:
        """Return whether the metrics reach it, and the number that was compared.

        What these texts leave undefined, such as `roc_auc` of a single class, is None and not reached.

        Raises:
            ConfigError: there is no such metric.
        """
        if self.metric not in found:
            if any(self.metric in names for names in METRICS.values()):
                return False, None
            raise _unknown(self.text, self.metric, found)
        value: float = getattr(found[self.metric], self.end)
        reached = {
            ">=": value >= self.bound,
            ">": value > self.bound,
            "<=": value <= self.bound,
            "<": value < self.bound,
        }[self.sign]
        return reached, value


def requirement(text: str, kind: Kind | None = None, num_labels: int = 2) -> Requirement:
    """Read a requirement.

    Args:
        text: `metric>=number`; also `>`, `<=`, `<`; `.low` or `.high` after the metric takes that end of its
            interval.
        task: When known, the metric must be one of this task's.
        num_labels: Of the data; `roc_auc` takes two.

    Raises:
        ConfigError: not of this form, or no such metric.

    >>> requirement("macro_f1.low >= 0.85").end
    'low'
    """
    if asks_verdict([text]):
        raise ConfigError(
            f"'{BETTER}' compares with simpler systems, which only a training does",
            where="--require",
            allowed="Write macro_f1>=0.85",
        )
    match = FORM.fullmatch(text)
    try:
        bound = float(match[4]) if match else None
    except ValueError:
        bound = None
    if match is None or bound is None:
        raise ConfigError(
            f"'{text}' is not a requirement",
            where="--require",
            allowed="Write macro_f1>=0.85, or macro_f1.low>=0.85 for the interval's lower end; "
            f"when training also {BETTER}: than every simpler system, with no goal missed",
        )
    known = METRICS[kind] if kind else tuple(dict.fromkeys(m for names in METRICS.values() for m in names))
    known = tuple(name for name in known if name != "roc_auc" or num_labels == 2)
    if match[1] not in known:
        raise _unknown(text, match[1], known)
    return Requirement(text.strip(), match[1], match[2] or "value", match[3], bound)


def _unknown(text: str, metric: str, known: Iterable[str]) -> ConfigError:
    names = list(known)
    return ConfigError(
        f"there is no metric '{metric}' for this task (in '{text}')",
        where="--require",
        allowed=f"There are: {', '.join(names)}",
        hint=did_you_mean(metric, names),
    )


def requirements(texts: Iterable[str], kind: Kind | None = None, num_labels: int = 2) -> list[Requirement]:
    """Read the requirements of a run that name a metric; `better` is left to its verdict."""
    return [requirement(text, kind, num_labels) for text in texts if not asks_verdict([text])]


def asks_verdict(texts: Iterable[str]) -> bool:
    """Return whether `better` is among the requirements."""
    return any(text.strip() == BETTER for text in texts)


def require_compared(texts: Iterable[str], baselines: Sequence[str]) -> None:
    """Refuse, before anything is trained, to ask for a better model than none.

    Raises:
        ConfigError: `better` is asked for without baselines.
    """
    if asks_verdict(texts) and not baselines:
        raise ConfigError(
            f"'{BETTER}' compares with simpler systems, but evaluate.baselines is empty",
            where="--require",
            hint="Name baselines, or ask for a metric: macro_f1>=0.85",
        )


def not_reached(checks: Iterable[Mapping[str, Any]]) -> str:
    """Name the requirements that were not reached and what was found, for a message; empty where all were.

    >>> not_reached([{"text": "mcc>=0.6", "reached": False, "value": 0.5}])
    'mcc>=0.6 (measured 0.5000)'
    """
    return "; ".join(f"{check['text']} ({_found(check)})" for check in checks if not check["reached"])


def _found(check: Mapping[str, Any]) -> str:
    if "verdict" in check:
        return f"the verdict is '{check['verdict']}'"
    value = check["value"]
    return "not defined on these texts" if value is None else f"measured {value:.4f}"
