"""What baselines have in common: the value they return, and the choice of settings on dev."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

import numpy as np

from feinschliff.data.dataset import Records
from feinschliff.evaluate import Predictions, metrics, statistics
from feinschliff.tasks._spans import Units


class Embed(Protocol):
    """The output of the pretrained encoder as it came, before anything is tuned."""

    def __call__(self, records: Records) -> np.ndarray:
        """Return the mean over the tokens of each record, float32 [N, H]."""
        ...

    def words(self, records: Records) -> tuple[Units, np.ndarray]:
        """Return the U words of records with entities, and the vector of each one's first token, [U, H]."""
        ...


Model = TypeVar("Model")


class Fitted(Protocol):
    """A trained baseline."""

    def predict(self, records: Records) -> Predictions:
        """Return predictions in record order."""
        ...


def loss_on(dev: Records, predictions: Predictions) -> float:
    """Return what settings are chosen by: the log loss, or RMSE; finer and steadier on few texts than F1."""
    found = metrics(statistics(predictions.kind, dev.targets, predictions))
    return found["rmse" if predictions.kind == "regression" else "log_loss"]


def first_best(path: Iterable[Model], loss: Callable[[Model], float] | None) -> Model:
    """Return the model on a path from simple to flexible after which the next one's loss is greater.

    Without a loss (there is no dev) the third is taken.
    """
    if loss is None:
        return list(itertools.islice(path, 3))[-1]
    best, least = None, math.inf
    for model in path:
        if (found := loss(model)) >= least:
            break
        best, least = model, found
    assert best is not None
    return best


def joined(records: Records) -> list[str]:
    """Return one text per record; the texts of a pair stand on two lines."""
    pairs = records.pairs
    if pairs is None:
        return records.texts
    return [f"{first}\n{second}" for first, second in zip(records.texts, pairs, strict=True)]
