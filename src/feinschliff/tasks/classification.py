"""One label per text, or per pair of texts: sentiment, spam, intents, categories, clauses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from feinschliff.data import Records
from feinschliff.encode import Encoded
from feinschliff.evaluate import Predictions

TITLE = "Text classification"
PRIMARY_METRIC = "macro_f1"
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


def class_counts(targets: np.ndarray, num_labels: int) -> np.ndarray:
    """Return int64 [L], how often each class occurs."""
    return np.bincount(targets[targets >= 0], minlength=num_labels)


def loss(
    logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor | None, smoothing: float
) -> torch.Tensor:
    """Return the summed cross-entropy.

    Args:
        logits: float [R, L], one row per record.
        targets: int64 [R].
        weights: float [L] or None.
        smoothing: Share of the target spread over all classes.
    """
    return cross_entropy(logits, targets, weight=weights, label_smoothing=smoothing, reduction="sum")


def decode(
    logits: np.ndarray,
    encoded: Encoded,
    labels: Sequence[str],
    texts: Sequence[str] = (),
    decision: Mapping[str, Any] | None = None,
) -> Predictions:
    """Turn logits into labels and probabilities.

    Args:
        logits: float32 [N, L], one row per record.
    """
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True, initial=-np.inf)
    scores = np.exp(shifted)
    scores /= scores.sum(axis=1, keepdims=True)
    return Predictions("classification", tuple(labels), scores.argmax(axis=1), scores.astype(np.float32))


def decision(logits: np.ndarray, targets: np.ndarray, labels: Sequence[str]) -> dict[str, Any]:
    """Return the decision rules to store with the model: none, the most probable label wins."""
    return {}
