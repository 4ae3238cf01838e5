"""Find labels that are probably wrong, from what a model that never saw them says.

The probabilities must be out of sample (each record predicted by a model trained without it), as
`baselines._cross.cross_predict` gives them.

Source: C. Northcutt, L. Jiang, I. Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels",
JAIR 70, 2021.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from feinschliff.evaluate._labels import indicator, indices, label_names
from feinschliff.evaluate.predictions import Predictions


@dataclass(frozen=True)
class LabelIssues:
    """How much each label looks like a mistake.

    Attributes:
        suspicion: float64 [N], in 0 to 1: how improbable the given label is; for multilabel the greatest over
            the labels. Sort by it, highest first: in docs/experiments.md no other order finds more.
        suspect: bool [N], those that confident learning would call wrong.
        suggestion: Per record the label (or, for multilabel, the labels) that look right.
        noise: Estimated share of wrong labels.
    """

    suspicion: np.ndarray
    suspect: np.ndarray
    suggestion: list[Any]
    noise: float

    def ranked(self) -> np.ndarray:
        """Return int64, the suspect rows, the most suspicious first."""
        rows = np.flatnonzero(self.suspect)
        return rows[np.argsort(-self.suspicion[rows], kind="stable")]


def label_issues(targets: Sequence[Any], predictions: Predictions) -> LabelIssues:
    """Judge every given label by out-of-sample probabilities.

    Args:
        targets: Class names, or lists of names; all must be labels of the predictions.
        predictions: Of classification or multilabel, with probabilities.
    """
    assert predictions.scores is not None
    assert label_names(targets, predictions) == predictions.labels, "a label without a probability"
    scores, labels = predictions.scores.astype(np.float64), predictions.labels
    if predictions.kind == "multilabel":
        return _each_label(indicator(targets, labels), scores, labels)
    given = indices(targets, labels)
    suspicion, guess, suspect = _confident(given, scores)
    noise = float(suspect.mean()) if len(suspect) else 0.0
    return LabelIssues(suspicion, suspect, [labels[i] for i in guess], noise)


def _confident(given: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the suspicion [N], the best other label [N] (the given one when it is best), the suspects [N].

    A record counts as being of class j when its probability of j is at least the mean probability of j
    among those labelled j: so classes the model is shy or bold about are treated alike.
    """
    num, width = scores.shape
    rows = np.arange(num)
    counts = np.bincount(given, minlength=width)
    own = scores[rows, given]
    means = np.bincount(given, weights=own, minlength=width) / np.maximum(counts, 1)
    sure = np.where((counts > 0) & (scores >= np.maximum(means, 1e-6)), scores, -1.0)
    best = np.where(sure.max(1, initial=-1) >= 0, sure.argmax(1), given)
    guess = scores.argmax(1)
    return 1 - own, guess, (best != given) & (guess != given)


def _each_label(given: np.ndarray, scores: np.ndarray, labels: Sequence[str]) -> LabelIssues:
    """Judge every label on its own as a question with the answers no and yes."""
    suspicion = np.empty(given.shape)
    suspect = np.zeros(given.shape, dtype=bool)
    for label in range(given.shape[1]):
        two = np.stack([1 - scores[:, label], scores[:, label]], axis=1)
        suspicion[:, label], _, suspect[:, label] = _confident(given[:, label].astype(np.int64), two)
    right = given ^ suspect
    suggestion = [[labels[i] for i in np.flatnonzero(row).tolist()] for row in right]
    some = np.asarray(suspect.any(1))
    return LabelIssues(suspicion.max(1), some, suggestion, float(some.mean()) if len(given) else 0.0)
