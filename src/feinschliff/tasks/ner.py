"""Named entities: character spans with a type, found in raw text.

Records hold spans; inside, each word carries a BIO tag on its first token (`model.label_pieces` for others).
Texts of any length are read in overlapping windows. Spans come back with the exact characters of the text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from feinschliff.config import TrainConfig
from feinschliff.data import Kind, Records
from feinschliff.encode import Encoded
from feinschliff.evaluate import Predictions, decide
from feinschliff.tasks._losses import IGNORED, Objective, softmax_loss, start_from_shares
from feinschliff.tasks._spans import spans_of_tags, tag_names, tags_of_spans, units
from feinschliff.tasks._viterbi import best_tags

TITLE = "Named entity recognition"
KIND: Kind = "ner"
PIPELINE_TAG = "token-classification"
AUTO_CLASS = "AutoModelForTokenClassification"
UNIT = "token"
STRETCH = 2**22
"""Scores of tags decoded at once where entities are counted: bounds the memory, to some 100 MB."""


def head(labels: Sequence[str]) -> dict[str, Any]:
    """Return the changes to the model configuration: the names of the tags."""
    names = tag_names(labels)
    return {
        "num_labels": len(names),
        "id2label": dict(enumerate(names)),
        "label2id": {name: i for i, name in enumerate(names)},
    }


def targets(records: Records, labels: Sequence[str], encoded: Encoded) -> np.ndarray:
    """Return int64 [T], the tag of each token; -100 for those that carry none."""
    assert encoded.offsets is not None
    found = np.where(encoded.offsets[:, 1] > 0, 0, IGNORED).astype(np.int64)
    spans = records.targets
    for window, record in enumerate(encoded.record):
        if not spans[record]:
            continue
        tokens = np.arange(encoded.starts[window], encoded.starts[window + 1])
        tokens = tokens[found[tokens] != IGNORED]
        start, end = encoded.offsets[tokens].T
        is_first = window == 0 or encoded.record[window - 1] != record
        found[tokens] = tags_of_spans(spans[record], labels, start, end, is_first)
    return found


def notes(records: Records, targets: np.ndarray, encoded: Encoded, labels: Sequence[str]) -> list[str]:
    """Say how many entities the tags cannot express, if any."""
    certain = np.eye(1 + 2 * len(labels), dtype=np.float32) * 100
    before = encoded.starts[encoded.first_window]  # int64 [N + 1], tokens before each record
    begin, lost, total = 0, 0, 0
    while begin < len(records):
        most = before[begin] + STRETCH // len(certain)
        end = max(begin + 1, int(np.searchsorted(before, most, side="right")) - 1)
        tags = certain[np.maximum(targets[before[begin] : before[end]], 0)]
        expressed = decode(tags, encoded.part(begin, end), labels).names
        for spans, kept in zip(records.table["target"][begin:end].to_pylist(), expressed, strict=True):
            given = {(s["start"], s["end"], s["label"]) for s in spans}
            total += len(given)
            lost += len(given - {(s["start"], s["end"], s["label"]) for s in kept})
        begin = end
    if not lost:
        return []
    return [
        f"{lost:,} of {total:,} entities in train ({lost / total:.1%}) begin or end inside a word, overlap "
        "another, or lie behind the cut; they are learnt as the nearest whole words, or not at all."
    ]


def begin(output: Any, targets: np.ndarray, vectors: Callable[[], np.ndarray]) -> Callable[[], None]:
    """Let training begin with rare tags improbable."""
    counts = np.bincount(targets[targets != IGNORED], minlength=output.out_features)
    start_from_shares(output, counts / max(1, counts.sum()))
    return lambda: None


def objective(targets: np.ndarray, num_labels: int, settings: TrainConfig) -> Objective:
    """Return the summed loss of logits float [..., K] and targets int64 [...]."""
    return softmax_loss(np.bincount(targets[targets != IGNORED], minlength=num_labels), settings)


def decode(
    logits: np.ndarray,
    encoded: Encoded,
    labels: Sequence[str],
    texts: Sequence[str] = (),
    decision: Mapping[str, Any] | None = None,
) -> Predictions:
    """Turn logits into spans: the most probable legal tags of each record.

    Args:
        logits: float32 [T, K], one row per token.
    """
    found = units(encoded)
    scores = _log_softmax(logits[found.token])
    tags = best_tags(scores, found.record)
    spans = spans_of_tags(tags, np.exp(scores), found, labels, encoded.num_records)
    return decide(Predictions("ner", tuple(labels), spans), decision)


def by_sums(logits: np.ndarray, encoded: Encoded) -> np.ndarray:
    """Return the records, ascending, whose most probable tags are not legal, so that sums decide on others.

    Args:
        logits: float32 [T, K], one row per token.
    """
    found = units(encoded)
    best = logits[found.token].argmax(1)
    before = np.where(np.append(True, found.record[1:] != found.record[:-1]), 0, np.append(0, best[:-1]))
    is_inside = (best > 0) & (best % 2 == 0)
    return np.unique(found.record[is_inside & (before != best) & (before != best - 1)])


def decision(
    logits: np.ndarray, targets: np.ndarray, encoded: Encoded, labels: Sequence[str]
) -> dict[str, Any]:
    """Return the decision rules to store with the model: none, the most probable legal tags win."""
    return {}


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(1, keepdims=True, initial=-np.inf)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
