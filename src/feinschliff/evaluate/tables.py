"""What a person looks at below the headline: scores per label, confusions, the most confident mistakes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from feinschliff.data.dataset import Records
from feinschliff.evaluate._labels import indicator, indices, label_names
from feinschliff.evaluate._spans import entities, span_counts
from feinschliff.evaluate.interval import Interval, wilson
from feinschliff.evaluate.predictions import Predictions


@dataclass(frozen=True)
class LabelScores:
    """How well one label is found; `support` is how often it is true."""

    label: str
    precision: Interval
    recall: Interval
    f1: Interval
    support: int

    def as_dict(self) -> dict[str, Any]:
        """Return the row as `result.json` holds it."""
        scores = {name: getattr(self, name).as_dict() for name in ("precision", "recall", "f1")}
        return {"label": self.label, **scores, "support": self.support}


def per_class(
    targets: Sequence[Any], predictions: Predictions, confidence: float = 0.95
) -> list[LabelScores]:
    """Return precision, recall and F1 of every label, in label order; nothing for regression.

    Intervals are Wilson's for proportions, which hold for few examples too: precision is hits among the
    predicted, recall hits among the true, and F1 = 2 J / (1 + J) where J is hits among those that are
    predicted or true. Where there is nothing to divide by, the value is 0 and the interval 0 to 1.
    """
    labels, counts = _counts(targets, predictions)
    rows = []
    for label, h, p, a in zip(labels, *counts, strict=True):
        jaccard = wilson(h, p + a - h, confidence)
        f1 = Interval(*(2 * j / (1 + j) for j in (jaccard.value, jaccard.low, jaccard.high)))
        rows.append(LabelScores(label, wilson(h, p, confidence), wilson(h, a, confidence), f1, int(a)))
    return rows


def _counts(
    targets: Sequence[Any], predictions: Predictions
) -> tuple[tuple[str, ...], tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return the labels, and how often each was hit, predicted and true."""
    if predictions.kind == "regression":
        return (), (np.zeros(0), np.zeros(0), np.zeros(0))
    if predictions.kind == "ner":
        labels, matrix = span_counts(targets, predictions)
        hits, predicted, actual = np.split(np.asarray(matrix.sum(0)).ravel(), 3)
        return labels, (hits, predicted, actual)
    labels = label_names(targets, predictions)
    size = len(labels)
    if predictions.kind == "classification":
        true, decided = indices(targets, labels), predictions.decided
        hits, predicted, actual = (
            np.bincount(i, minlength=size) for i in (true[true == decided], decided, true)
        )
        return labels, (hits, predicted, actual)
    true, chosen = indicator(targets, labels), np.zeros((len(targets), size), dtype=bool)
    chosen[:, : len(predictions.labels)] = predictions.decided
    return labels, ((true & chosen).sum(0), chosen.sum(0), true.sum(0))


def confusion(targets: Sequence[str], predictions: Predictions) -> tuple[tuple[str, ...], np.ndarray]:
    """Count which class was taken for which.

    Returns:
        The labels, and int64 [L, L]: row = true class, column = predicted class.
    """
    assert predictions.kind == "classification"
    labels = label_names(targets, predictions)
    cells = indices(targets, labels) * len(labels) + predictions.decided
    return labels, np.bincount(cells, minlength=len(labels) ** 2).reshape(len(labels), len(labels))


def mistakes(records: Records, predictions: Predictions, limit: int = 20) -> list[dict[str, Any]]:
    """Return the mistakes the system was most confident of, the surest first.

    Each is {"id", "place", "text", "label", "prediction", "confidence"}, label and prediction as one text.
    Confidence is the probability of the wrong decision; None where nothing wrong was said but something left
    out, and for regression, where the largest errors come first. Texts of pairs stand on two lines.
    """
    targets = records.targets
    confidence, shown = wrongness(targets, predictions)
    wrong = np.flatnonzero(np.isfinite(confidence))
    chosen = wrong[np.argsort(-confidence[wrong], kind="stable")][:limit]
    found = []
    for index, record in zip(chosen.tolist(), records.take(chosen), strict=True):
        text = "\n".join(record[key] for key in ("text", "text_pair") if record.get(key))
        label, prediction = shown(index)
        measured = predictions.kind != "regression" and confidence[index] > 0
        sure = round(float(confidence[index]), 6) if measured else None
        found.append(
            {
                "id": record["id"],
                "place": record["place"],
                "text": text,
                "label": label,
                "prediction": prediction,
                "confidence": sure,
            }
        )
    return found


def wrongness(
    targets: Sequence[Any], predictions: Predictions
) -> tuple[np.ndarray, Callable[[int], tuple[str, str]]]:
    """Return float64 [N], how sure each mistake was (-inf: no mistake), and what to show for a row."""
    names = predictions.names
    confidence = np.full(len(names), -np.inf)
    if predictions.kind == "regression":
        error = np.abs(np.asarray(targets, dtype=np.float64) - predictions.decided)
        confidence[error > 0] = error[error > 0]
        return confidence, lambda i: (f"{targets[i]:.4g}", f"{names[i]:.4g}")
    if predictions.kind == "ner":
        for i, (target, decided) in enumerate(zip(targets, predictions.decided, strict=True)):
            true = entities(target)
            extra = [s["score"] for s in decided if (s["start"], s["end"], s["label"]) not in true]
            if extra or true - entities(decided):
                confidence[i] = max(extra, default=0.0)  # only missed entities: last
        return confidence, lambda i: (_listing(targets[i]), _listing(names[i]))
    if predictions.kind == "classification":
        wrong = np.array([t != n for t, n in zip(targets, names, strict=True)], dtype=bool)
        sure = np.ones(len(names))
        if predictions.scores is not None:
            sure = predictions.scores[np.arange(len(names)), predictions.decided]
        confidence[wrong] = sure[wrong]
        return confidence, lambda i: (targets[i], names[i])
    known = [[n for n in row if n in set(predictions.labels)] for row in targets]
    wrong = indicator(known, predictions.labels) != predictions.decided
    scores = predictions.scores if predictions.scores is not None else predictions.decided.astype(np.float64)
    doubt = np.where(wrong, np.where(predictions.decided, scores, 1 - scores), -np.inf)
    confidence = doubt.max(1, initial=-np.inf)
    unknown = np.array([len(set(row) - set(predictions.labels)) > 0 for row in targets], dtype=bool)
    confidence[unknown] = np.maximum(confidence[unknown], 0.0)
    return confidence, lambda i: (", ".join(targets[i]), ", ".join(names[i]))


def _listing(spans: Sequence[dict[str, Any]]) -> str:
    return ", ".join(f"{s['start']}-{s['end']} {s['label']}" for s in sorted(spans, key=lambda s: s["start"]))
