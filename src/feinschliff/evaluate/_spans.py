"""Statistics of entity predictions: an entity counts as found only with exact offsets and the exact type.

Source: E. Tjong Kim Sang, F. De Meulder, "Introduction to the CoNLL-2003 Shared Task", CoNLL 2003, section 4.
Resamples draw whole records, so entities of one sentence stay together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from feinschliff.evaluate.predictions import Predictions
from feinschliff.evaluate.statistics import PRIMARY, Statistics, Values, ratio

Span = dict[str, Any]


def entities(spans: Sequence[Span]) -> set[tuple[int, int, str]]:
    """Return spans as a set of (start, end, type); repeated ones count once."""
    return {(span["start"], span["end"], span["label"]) for span in spans}


def span_labels(targets: Sequence[Sequence[Span]], predictions: Predictions) -> tuple[str, ...]:
    """Return the entity types of the predictions, followed by those that occur only among spans."""
    seen = {s["label"] for rows in (targets, predictions.decided) for spans in rows for s in spans}
    return predictions.labels + tuple(sorted(seen - set(predictions.labels)))


def span_counts(targets: Sequence[Sequence[Span]], predictions: Predictions) -> tuple[tuple[str, ...], Any]:
    """Return the types, and per record the hits, predicted and true entities of each: CSR [N, 3 L]."""
    from scipy.sparse import csr_array

    labels = span_labels(targets, predictions)
    number = {name: i for i, name in enumerate(labels)}
    rows: list[int] = []
    columns: list[int] = []
    for row, (target, decided) in enumerate(zip(targets, predictions.decided, strict=True)):
        true, guess = entities(target), entities(decided)
        for part, found in enumerate((true & guess, guess, true)):
            rows += [row] * len(found)
            columns += [part * len(labels) + number[label] for _, _, label in found]
    ones = np.ones(len(rows))
    return labels, csr_array((ones, (rows, columns)), shape=(len(targets), 3 * len(labels)))


def ner(targets: Sequence[Sequence[Span]], predictions: Predictions) -> Statistics:
    """Build the statistics of predicted entities.

    Precision, recall and F1 are 0 where nothing was predicted or nothing is true; the macro average runs over
    the types that are true or predicted at least once.
    """
    labels, matrix = span_counts(targets, predictions)
    width = len(labels)

    def finish(sums: np.ndarray) -> Values:
        hits, predicted, actual = np.split(sums, 3, axis=-1)
        each = ratio(2 * hits, predicted + actual)
        total, all_predicted, all_actual = hits.sum(-1), predicted.sum(-1), actual.sum(-1)
        return {
            "entity_f1": ratio(2 * total, all_predicted + all_actual),
            "entity_precision": ratio(total, all_predicted),
            "entity_recall": ratio(total, all_actual),
            "macro_entity_f1": ratio(each.sum(-1), ((predicted + actual) > 0).sum(-1)),
        }

    assert matrix.shape[1] == 3 * width
    return Statistics(matrix, finish, PRIMARY["ner"], columns=slice(0, 3 * width))
