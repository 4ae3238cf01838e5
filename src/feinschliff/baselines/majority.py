"""The answer without reading, what any system must beat; for entities the names already seen."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from feinschliff.baselines._base import Embed, Fitted
from feinschliff.baselines._lexicon import fit_lexicon
from feinschliff.config import RunConfig
from feinschliff.data import Kind
from feinschliff.data.dataset import Dataset, Records
from feinschliff.evaluate import Predictions

TITLE = "Majority class"
TITLES = {
    "classification": TITLE,
    "multilabel": "Most frequent set of labels",
    "regression": "Mean",
    "ner": "Lexicon of the entities in train",
}
KINDS = tuple(TITLES)


@dataclass(frozen=True)
class Constant:
    """Predicts the same for every record: `decided` [1, ...] and `scores` [1, L] are repeated."""

    kind: Kind
    labels: tuple[str, ...]
    decided: np.ndarray
    scores: np.ndarray | None = None

    def predict(self, records: Records) -> Predictions:
        """Return the same prediction for each record."""
        rows = np.zeros(len(records), dtype=np.int64)
        scores = None if self.scores is None else self.scores[rows]
        return Predictions(self.kind, self.labels, self.decided[rows], scores)


def fit(dataset: Dataset, config: RunConfig, embed: Embed) -> Fitted:
    """Take what is most frequent in train (the first in label order among equals).

    Probabilities are the labels' shares. Numbers are answered by their mean.
    """
    if dataset.kind == "ner":
        return fit_lexicon(dataset)
    targets = dataset.train.targets
    if dataset.kind == "regression":
        return Constant(dataset.kind, (), np.array([np.mean(targets)]))
    sets = Counter((t,) if isinstance(t, str) else tuple(sorted(set(t))) for t in targets)
    shares = Counter(name for names, count in sets.items() for name in names for _ in range(count))
    scores = np.array([[shares[name] for name in dataset.labels]], dtype=np.float32) / len(targets)
    if dataset.kind == "classification":
        return Constant(dataset.kind, dataset.labels, scores.argmax(1), scores)
    chosen = max(sorted(sets), key=lambda names: sets[names])
    decided = np.array([[name in chosen for name in dataset.labels]])
    return Constant(dataset.kind, dataset.labels, decided, scores)
