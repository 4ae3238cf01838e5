"""The answer without reading: what any system must beat."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from feinschliff.baselines._base import Embed
from feinschliff.config import RunConfig
from feinschliff.data.dataset import Dataset, Records
from feinschliff.evaluate import Predictions

TITLE = "Majority class"
TASKS = ("classification",)


@dataclass(frozen=True)
class Constant:
    """Predicts the same for every record: `decided` [1, ...] and `scores` [1, L] are repeated."""

    task: str
    labels: tuple[str, ...]
    decided: np.ndarray
    scores: np.ndarray | None

    def predict(self, records: Records) -> Predictions:
        """Return the same prediction for each record."""
        rows = np.zeros(len(records), dtype=np.int64)
        scores = None if self.scores is None else self.scores[rows]
        return Predictions(self.task, self.labels, self.decided[rows], scores)


def fit(dataset: Dataset, config: RunConfig, embed: Embed) -> Constant:
    """Take the most frequent class of train (the first of equals); probabilities are the classes' shares."""
    counts = Counter(dataset.train.targets)
    shares = np.array([[counts[name] for name in dataset.labels]], dtype=np.float32) / len(dataset.train)
    return Constant(dataset.task, dataset.labels, shares.argmax(1), shares)
