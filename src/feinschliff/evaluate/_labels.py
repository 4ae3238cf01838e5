"""Statistics of classification and multilabel predictions.

Columns: number of examples; per label the hits, the predicted, the true; then what the task adds. A label is
*present* when it occurs among targets or predictions; macro averages run over the labels present, as in
scikit-learn. Precision, recall and F1 of a label that was never predicted, or never true, are 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from feinschliff.evaluate.predictions import Predictions
from feinschliff.evaluate.statistics import PRIMARY, Statistics, Values, Weighted, ratio

TINY = float(np.finfo(np.float32).eps)
"""Probabilities are held off 0 and 1 by this much in the log loss, which is therefore at most about 16."""


def label_names(targets: Sequence[Any], predictions: Predictions) -> tuple[str, ...]:
    """Return the labels of the predictions, followed by those that occur only among targets."""
    single = predictions.kind == "classification"
    seen = set(targets) if single else {name for names in targets for name in names}
    return predictions.labels + tuple(sorted(seen - set(predictions.labels)))


def indices(targets: Sequence[str], labels: Sequence[str]) -> np.ndarray:
    """Return int64 [N], each target's index into `labels`."""
    number = {name: i for i, name in enumerate(labels)}
    return np.fromiter((number[t] for t in targets), np.int64, len(targets))


def indicator(targets: Sequence[Sequence[str]], labels: Sequence[str]) -> np.ndarray:
    """Return bool [N, L], which labels each target holds."""
    number = {name: i for i, name in enumerate(labels)}
    matrix = np.zeros((len(targets), len(labels)), dtype=bool)
    for row, names in enumerate(targets):
        matrix[row, [number[n] for n in names]] = True
    return matrix


def classification(targets: Sequence[str], predictions: Predictions) -> Statistics:
    """Build the statistics of single-label predictions."""
    from scipy.sparse import csr_array

    labels = label_names(targets, predictions)
    true, decided = indices(targets, labels), np.asarray(predictions.decided, dtype=np.int64)
    num, width = len(true), len(labels)
    rows = np.arange(num)
    hit = true == decided
    columns = [np.zeros(num, np.int64), 1 + true, 1 + width + decided, 1 + 2 * width + true]
    values = [np.ones(num), hit.astype(np.float64), np.ones(num), np.ones(num)]
    ranked = None
    if predictions.scores is not None:
        losses, briers = _proper_scores(true, predictions.scores)
        columns += [np.full(num, 1 + 3 * width), np.full(num, 2 + 3 * width)]
        values += [losses, briers]
        if width == 2 and 0 < true.sum() < num:
            ranked = _roc_auc(true == 1, predictions.scores[:, 1])
    size = 1 + 3 * width + (2 if predictions.scores is not None else 0)
    shape = (num, size)
    cells = (np.concatenate(values), (np.tile(rows, len(columns)), np.concatenate(columns)))
    matrix = csr_array(cells, shape=shape)

    def finish(sums: np.ndarray) -> Values:
        count, hits, predicted, actual = _parts(sums, width)
        found = _averages(hits, predicted, actual)
        total_hits = hits.sum(-1)
        found["accuracy"] = ratio(total_hits, count)
        found["weighted_f1"] = ratio((_f1(hits, predicted, actual) * actual).sum(-1), actual.sum(-1))
        found["balanced_accuracy"] = ratio(ratio(hits, actual).sum(-1), (actual > 0).sum(-1))
        found["mcc"] = _mcc(count, total_hits, predicted, actual)
        del found["micro_precision"], found["micro_recall"]  # both equal accuracy
        if sums.shape[-1] > 1 + 3 * width:
            found["log_loss"] = ratio(sums[..., 1 + 3 * width], count)
            found["brier"] = ratio(sums[..., 2 + 3 * width], count)
        return found

    return Statistics(matrix, finish, PRIMARY["classification"], ranked, slice(1, 1 + 3 * width))


def multilabel(targets: Sequence[Sequence[str]], predictions: Predictions) -> Statistics:
    """Build the statistics of predictions with any number of labels per record."""
    from scipy.sparse import csr_array, hstack

    labels = label_names(targets, predictions)
    true = indicator(targets, labels)
    num, width = true.shape
    decided = np.zeros_like(true)
    decided[:, : len(predictions.labels)] = predictions.decided
    parts = [np.ones((num, 1)), true & decided, decided, true, (true == decided).all(-1, keepdims=True)]
    if predictions.scores is not None:
        scores = np.zeros(true.shape)
        scores[:, : len(predictions.labels)] = predictions.scores
        certain = np.clip(scores, TINY, 1 - TINY)
        parts.append(-np.where(true, np.log(certain), np.log1p(-certain)).mean(-1, keepdims=True))
        parts.append(((scores - true) ** 2).mean(-1, keepdims=True))
    matrix = csr_array(hstack([csr_array(np.asarray(p, dtype=np.float64)) for p in parts]))

    def finish(sums: np.ndarray) -> Values:
        count, hits, predicted, actual = _parts(sums, width)
        found = _averages(hits, predicted, actual)
        del found["macro_precision"], found["macro_recall"]
        found["exact_match"] = ratio(sums[..., 1 + 3 * width], count)
        if sums.shape[-1] > 2 + 3 * width:
            found["log_loss"] = ratio(sums[..., 2 + 3 * width], count)
            found["brier"] = ratio(sums[..., 3 + 3 * width], count)
        return found

    return Statistics(matrix, finish, PRIMARY["multilabel"], columns=slice(1, 1 + 3 * width))


def _parts(sums: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    hits, predicted, actual = np.split(sums[..., 1 : 1 + 3 * width], 3, axis=-1)
    return sums[..., 0], hits, predicted, actual


def _f1(hits: np.ndarray, predicted: np.ndarray, actual: np.ndarray) -> np.ndarray:
    return ratio(2 * hits, predicted + actual)


def _averages(hits: np.ndarray, predicted: np.ndarray, actual: np.ndarray) -> Values:
    present = ((predicted + actual) > 0).sum(-1)
    total, all_predicted, all_actual = hits.sum(-1), predicted.sum(-1), actual.sum(-1)
    return {
        "macro_f1": ratio(_f1(hits, predicted, actual).sum(-1), present),
        "micro_f1": ratio(2 * total, all_predicted + all_actual),
        "macro_precision": ratio(ratio(hits, predicted).sum(-1), present),
        "macro_recall": ratio(ratio(hits, actual).sum(-1), present),
        "micro_precision": ratio(total, all_predicted),
        "micro_recall": ratio(total, all_actual),
    }


def _mcc(count: np.ndarray, hits: np.ndarray, predicted: np.ndarray, actual: np.ndarray) -> np.ndarray:
    """Matthews' correlation for any number of classes; 0 when targets or predictions are all one class.

    Source: J. Gorodkin, "Comparing two K-category assignments by a K-category correlation coefficient",
    Computational Biology and Chemistry 28, 2004.
    """
    spread = np.sqrt(
        np.maximum(count**2 - (predicted**2).sum(-1), 0) * np.maximum(count**2 - (actual**2).sum(-1), 0)
    )
    return ratio(count * hits - (predicted * actual).sum(-1), spread)


def _proper_scores(true: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each example's log loss and Brier score; a class without a score column has probability 0."""
    known = true < scores.shape[1]
    chance = np.where(known, scores[np.arange(len(true)), np.where(known, true, 0)], 0.0).astype(np.float64)
    squares = (scores.astype(np.float64) ** 2).sum(1)
    return -np.log(np.clip(chance, TINY, 1.0)), squares - 2 * chance + 1.0


def _roc_auc(positive: np.ndarray, scores: np.ndarray) -> Weighted:
    """Return the function from weights [B, N] to the area under the ROC curve, ties counted half.

    Undefined (NaN) in resamples without positives or without negatives.
    """
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    positive = positive[order]

    def ranked(weights: np.ndarray) -> Values:
        drawn = weights[:, order]
        ups = np.add.reduceat(drawn * positive, starts, axis=1)
        downs = np.add.reduceat(drawn * ~positive, starts, axis=1)
        below = np.cumsum(downs, axis=1) - downs / 2
        return {"roc_auc": ratio((ups * below).sum(1), ups.sum(1) * downs.sum(1), empty=np.nan)}

    return ranked
