"""Qualities that a run must reach: `macro_f1>=0.85`.

`macro_f1.low>=0.85` asks it of the lower end of the interval.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from feinschliff.data.dataset import Kind
from feinschliff.errors import ConfigError, did_you_mean
from feinschliff.evaluate.interval import Interval
from feinschliff.evaluate.statistics import METRICS

FORM = re.compile(r"\s*(\w+)(?:\.(value|low|high))?\s*(>=|<=|>|<)\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*")


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
    match = FORM.fullmatch(text)
    try:
        bound = float(match[4]) if match else None
    except ValueError:
        bound = None
    if match is None or bound is None:
        raise ConfigError(
            f"'{text}' is not a requirement",
            where="--require",
            allowed="Write macro_f1>=0.85, or macro_f1.low>=0.85 for the interval's lower end",
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


def measured(value: float | None) -> str:
    """Say what was measured, for a message.

    >>> measured(0.5), measured(None)
    ('measured 0.5000', 'not defined on these texts')
    """
    return "not defined on these texts" if value is None else f"measured {value:.4f}"
