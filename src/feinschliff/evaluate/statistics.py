"""Metrics as functions of sums over examples, so that resampling the examples costs one matrix product.

Each example contributes one row of sufficient statistics (hits, counts, squared errors, ...). The sum of the
rows, weighted by how often a resample drew each example, is all a metric needs. The few metrics that depend
on ranks (Spearman, ROC AUC) are functions of the weights themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from feinschliff.data.dataset import Kind
from feinschliff.evaluate.predictions import Predictions

CHUNK_CELLS = 2**22
"""Weights held at once: 32 MiB."""

Values = dict[str, np.ndarray]
Weighted = Callable[[np.ndarray], Values]
"""From weights float64 [B, N] to metrics, each float64 [B]."""

LOWER_IS_BETTER = frozenset({"rmse", "mae", "log_loss", "brier"})
"""Metrics that count errors; of all others more is better."""

METRICS: dict[str, tuple[str, ...]] = {
    "classification": (
        "accuracy",
        "macro_f1",
        "micro_f1",
        "weighted_f1",
        "macro_precision",
        "macro_recall",
        "balanced_accuracy",
        "mcc",
        "log_loss",
        "brier",
        "roc_auc",
    ),
    "multilabel": (
        "micro_f1",
        "macro_f1",
        "micro_precision",
        "micro_recall",
        "exact_match",
        "log_loss",
        "brier",
    ),
    "regression": ("pearson", "spearman", "rmse", "mae", "r2"),
    "ner": ("entity_f1", "entity_precision", "entity_recall", "macro_entity_f1"),
}
"""Names of the metrics a task may report; `roc_auc` only with two classes."""

SHARES = (
    frozenset({name for names in METRICS.values() for name in names})
    - LOWER_IS_BETTER
    - {
        "mcc",
        "pearson",
        "spearman",
        "r2",
    }
)
"""Metrics between 0 (nothing right) and 1 (nothing wrong)."""

OVER_LABELS = frozenset(
    {"macro_f1", "macro_precision", "macro_recall", "balanced_accuracy", "macro_entity_f1"}
)
"""Metrics that are means over labels, the rare ones weighing as much as the frequent ones."""

PRIMARY = {
    "classification": "macro_f1",
    "multilabel": "micro_f1",
    "regression": "pearson",
    "ner": "entity_f1",
}
"""The metric that chooses between models and is named first."""


@dataclass(frozen=True)
class Statistics:
    """Sufficient statistics of one system's predictions on one test set.

    Attributes:
        per_example: float64 [N, S], dense or scipy sparse (CSR); one row per example.
        finish: Turns sums [..., S] into metrics, each [...]. NaN means undefined for those sums.
        primary: Name of the metric that counts most.
        ranked: Turns weights float64 [B, N] into the metrics that depend on ranks; None if there are none.
        columns: Where the hits of each label stand, then the predicted, then the true; None without labels.
        num_examples: Where a row is a group of examples, how many these are together.
    """

    per_example: Any
    finish: Callable[[np.ndarray], Values]
    primary: str
    ranked: Weighted | None = None
    columns: slice | None = None
    num_examples: int | None = None

    def __len__(self) -> int:
        return self.per_example.shape[0]

    def of(self, weights: np.ndarray) -> Values:
        """Return every metric under example weights.

        Args:
            weights: float64 [B, N], how often each resample drew each example.

        Returns:
            Metric name to float64 [B].
        """
        values = self.finish(np.asarray(weights @ self.per_example))
        if self.ranked:
            values |= self.ranked(weights)
        return values


def statistics(
    kind: Kind, targets: Sequence[Any], predictions: Predictions, groups: Sequence[str | None] | None = None
) -> Statistics:
    """Reduce targets and predictions to what every metric of the task needs.

    Args:
        kind: Of the targets.
        targets: As `Records.targets`: names, lists of names, floats, or lists of span dicts. Labels the
            system does not know count against it.
        predictions: As many as targets.
        groups: Of the records, as `Records.groups`; see `grouped`.
    """
    from feinschliff.evaluate import _labels, _numbers, _spans, grouped

    assert len(targets) == len(predictions), f"{len(targets)} targets, {len(predictions)} predictions"
    assert len(targets), "there is nothing to evaluate"
    builders: dict[str, Callable[..., Statistics]] = {
        "classification": _labels.classification,
        "multilabel": _labels.multilabel,
        "regression": _numbers.regression,
        "ner": _spans.ner,
    }
    return grouped.by_group(builders[kind](targets, predictions), groups)


def ratio(above: np.ndarray, below: np.ndarray, empty: float = 0.0) -> np.ndarray:
    """Divide; where the divisor is 0 the result is `empty`."""
    above, below = np.broadcast_arrays(np.asarray(above, np.float64), np.asarray(below, np.float64))
    return np.divide(above, below, out=np.full(below.shape, empty), where=below != 0)
