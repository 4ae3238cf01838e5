"""One label per text, or per pair of texts: sentiment, spam, intents, categories, clauses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from feinschliff.config import TrainConfig
from feinschliff.data import Kind, Records
from feinschliff.encode import Encoded
from feinschliff.evaluate import Predictions, decide
from feinschliff.tasks._losses import Objective, softmax_loss

TITLE = "Text classification"
KIND: Kind = "classification"
PIPELINE_TAG = "text-classification"
AUTO_CLASS = "AutoModelForSequenceClassification"
UNIT = "text"


def head(labels: Sequence[str]) -> dict[str, Any]:
    """Return the changes to the model configuration: names and kind of the labels."""
    names = list(labels)
    return {
        "num_labels": len(names),
        "id2label": dict(enumerate(names)),
        "label2id": {name: i for i, name in enumerate(names)},
        "problem_type": "single_label_classification",
    }


def targets(records: Records, labels: Sequence[str], encoded: Encoded) -> np.ndarray:
    """Return int64 [N], the index of each record's label; -100 for a label the model does not have."""
    index = {name: i for i, name in enumerate(labels)}
    return np.array([index.get(t, -100) for t in records.targets], np.int64)


def notes(records: Records, targets: np.ndarray, encoded: Encoded, labels: Sequence[str]) -> list[str]:
    """Return what the user should know about the targets: nothing, they are what the data says."""
    return []


def begin(output: Any, targets: np.ndarray, vectors: Callable[[], np.ndarray]) -> Callable[[], None]:
    """Leave the output layer as it is."""
    return lambda: None


def objective(targets: np.ndarray, num_labels: int, settings: TrainConfig) -> Objective:
    """Return the summed loss of logits float [R, L] and targets int64 [R]."""
    return softmax_loss(np.bincount(targets[targets >= 0], minlength=num_labels), settings)


def decode(
    logits: np.ndarray,
    encoded: Encoded,
    labels: Sequence[str],
    texts: Sequence[str] = (),
    decision: Mapping[str, Any] | None = None,
) -> Predictions:
    """Turn logits into probabilities and, by the rules of `decision`, into labels.

    Args:
        logits: float32 [N, L], one row per record.
    """
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True, initial=-np.inf)
    scores = np.exp(shifted)
    scores /= scores.sum(axis=1, keepdims=True)
    found = Predictions("classification", tuple(labels), scores.argmax(axis=1), scores.astype(np.float32))
    return decide(found, decision)


def decision(
    logits: np.ndarray, targets: np.ndarray, encoded: Encoded, labels: Sequence[str]
) -> dict[str, Any]:
    """Return the decision rules to store with the model: none, the most probable label wins."""
    return {}
