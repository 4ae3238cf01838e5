"""Any number of labels per text, none included: emotions, topics, unfair terms.

Each label is a decision of its own, made by a threshold on its probability. Where labels are rare, few
probabilities ever reach 0.5; thresholds chosen on dev keep such labels from vanishing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from feinschliff.config import TrainConfig
from feinschliff.data import Kind, Records
from feinschliff.encode import Encoded
from feinschliff.evaluate import Predictions, decide
from feinschliff.evaluate.thresholds import thresholds
from feinschliff.tasks._losses import Objective, sigmoid_loss, start_from_shares

TITLE = "Multi-label classification"
KIND: Kind = "multilabel"
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
        "problem_type": "multi_label_classification",
    }


def targets(records: Records, labels: Sequence[str], encoded: Encoded) -> np.ndarray:
    """Return float32 [N, L], 1 for the labels of a record; labels the model does not have are left out."""
    index = {name: i for i, name in enumerate(labels)}
    found = np.zeros((len(records), len(labels)), np.float32)
    for row, names in enumerate(records.targets):
        found[row, [index[name] for name in names if name in index]] = 1
    return found


def notes(records: Records, targets: np.ndarray, encoded: Encoded, labels: Sequence[str]) -> list[str]:
    """Return what the user should know about the targets: nothing, they are what the data says."""
    return []


def begin(output: Any, targets: np.ndarray, vectors: Callable[[], np.ndarray]) -> Callable[[], None]:
    """Let training begin with each label as probable as it is frequent."""
    start_from_shares(output, targets.mean(0))
    return lambda: None


def objective(targets: np.ndarray, num_labels: int, settings: TrainConfig) -> Objective:
    """Return the summed loss of logits and targets, both float [R, L]."""
    return sigmoid_loss(targets.sum(0), len(targets), settings)


def decode(
    logits: np.ndarray,
    encoded: Encoded,
    labels: Sequence[str],
    texts: Sequence[str] = (),
    decision: Mapping[str, Any] | None = None,
) -> Predictions:
    """Turn logits into probabilities and, by the thresholds of `decision`, into labels.

    Args:
        logits: float32 [N, L], one row per record.
    """
    scores = _sigmoid(logits)
    return decide(Predictions("multilabel", tuple(labels), scores >= np.float32(0.5), scores), decision)


def decision(
    logits: np.ndarray, targets: np.ndarray, encoded: Encoded, labels: Sequence[str]
) -> dict[str, Any]:
    """Return {"thresholds": one probability per label}, those with the best F1."""
    return {"thresholds": thresholds(_sigmoid(logits), targets > 0).tolist()}


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return (0.5 * (1 + np.tanh(logits.astype(np.float64) / 2))).astype(np.float32)
