"""What baselines have in common: the value they return, and the choice of settings on dev."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

import numpy as np

from feinschliff.data.dataset import Records
from feinschliff.evaluate import LOWER_IS_BETTER, PRIMARY, Predictions, metrics, statistics

Embed = Callable[[Records], np.ndarray]
"""Gives float32 [N, H], the mean-pooled output of the pretrained encoder as it came."""

Model = TypeVar("Model", bound="Fitted")


class Fitted(Protocol):
    """A trained baseline."""

    def predict(self, records: Records) -> Predictions:
        """Return predictions in record order."""
        ...


def quality(records: Records, predictions: Predictions) -> tuple[float, float]:
    """Return what a choice on dev goes by, more is better: the primary metric, then minus the log loss."""
    found = metrics(statistics(predictions.task, records.targets, predictions))
    name = PRIMARY[predictions.task]
    first = -found[name] if name in LOWER_IS_BETTER else found[name]
    return first, -found.get("log_loss", 0.0)


def best_on(dev: Records, candidates: Iterable[Model]) -> Model:
    """Return the candidate with the best predictions on dev, the first one on a draw.

    With an empty dev the middle candidate is taken.
    """
    fitted = list(candidates)
    if not len(dev):
        return fitted[len(fitted) // 2]
    return max(fitted, key=lambda model: quality(dev, model.predict(dev)))


def joined(records: Records) -> list[str]:
    """Return one text per record; the texts of a pair stand on two lines."""
    pairs = records.pairs
    if pairs is None:
        return records.texts
    return [f"{first}\n{second}" for first, second in zip(records.texts, pairs, strict=True)]
