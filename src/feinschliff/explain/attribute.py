"""Explain single predictions by the words of their texts.

Every prediction is a weighted sum of logits (a question), and integrated gradients share that sum out among
the tokens: between the text and the same text with every token blotted out, the shares add up to the
difference. How far they miss it is measured for each text, and more steps are taken where it is too much.

Cost: a text takes 16 forward and backward passes, up to 128 where that is too coarse.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from feinschliff.encode import Encoded, word_spans
from feinschliff.errors import ConfigError, did_you_mean
from feinschliff.evaluate import Predictions
from feinschliff.explain.gradients import STEPS, Question, attribute
from feinschliff.tasks._spans import units


@dataclass(frozen=True)
class Explanation:
    """Why a model gave one of its answers.

    Attributes:
        label: The label that is explained; a span {"start", "end", "label"} for ner, None for regression.
        words: In the order of the text, {"text", "start", "end", "weight"}: the word, its characters, and how
            much it speaks for the label (positive) or against it, in logits: 1 makes the odds of the label
            2.7 times as high against the mean of the others; for regression in the unit of the number. For
            pairs `side` says whose characters they are, `text` or `text_pair`.
        total: What the weights should add up to: how far the text moves the logit from where no text has it.
        gap: How far they miss it, as a share of the sum of their sizes; 0.05 is good.
    """

    label: Any
    words: list[dict[str, Any]]
    total: float
    gap: float


def explain(
    learner: Any,
    encoded: Encoded,
    tokens: Encoded,
    texts: Sequence[str],
    pairs: Sequence[str] | None,
    predictions: Predictions,
    label: str | None = None,
    most_steps: int = STEPS[-1],
) -> list[list[Explanation]]:
    """Explain what a model predicted.

    Args:
        learner: The `models.learner.Learner` that predicted.
        encoded: N texts as it reads them.
        tokens: The same with the characters of every token (`label_pieces="tokens"`).
        texts, pairs: The texts themselves.
        predictions: What it said about them.
        label: The label to explain; otherwise what was predicted.
        most_steps: Limit of the effort, one of `gradients.STEPS`.

    Returns:
        Per text its explanations: one for classification and regression, one per label (of none, the most
        probable one) for multilabel, one per entity for ner.

    Raises:
        ConfigError: the model has no such label, or labels cannot be chosen in this task.
        MissingExtraError: captum is not installed.
    """
    questions = list(_questions(encoded, predictions, _known(label, predictions)))
    found: list[list[Explanation]] = [[] for _ in range(encoded.num_records)]
    joined = [f"{a}\n{b}" for a, b in zip(texts, pairs, strict=True)] if pairs is not None else list(texts)
    spans = {q.record: word_spans(joined[q.record]) for q in questions}
    for question, answer in zip(questions, attribute(learner, tokens, questions, most_steps), strict=True):
        record = question.record
        first, last = encoded.first_window[record : record + 2]
        assert tokens.offsets is not None
        offsets = tokens.offsets[encoded.starts[first] : encoded.starts[last]]
        weights = _by_word(spans[record], offsets, answer.tokens)
        size = max(float(np.abs(weights).sum()), 1e-9)
        words = list(_words(texts[record], pairs is not None, joined[record], spans[record], weights))
        found[record].append(Explanation(question.label, words, answer.total, answer.error / size))
    return found


def _known(label: str | None, predictions: Predictions) -> int | None:
    if label is None:
        return None
    if predictions.kind not in ("classification", "multilabel"):
        raise ConfigError(f"the task {predictions.kind} has no labels to choose from", where="explain")
    if label not in predictions.labels:
        raise ConfigError(
            f"the model has no label '{label}'",
            where="explain",
            hint=did_you_mean(label, predictions.labels) or f"It has: {', '.join(predictions.labels[:20])}",
        )
    return predictions.labels.index(label)


def _questions(encoded: Encoded, predictions: Predictions, label: int | None) -> Iterator[Question]:
    """Yield what is to be explained, by record."""
    labels = predictions.labels
    if predictions.kind == "ner":
        yield from _span_questions(encoded, predictions)
        return
    for record in range(encoded.num_records):
        if predictions.kind == "regression":
            yield Question(record, None, np.ones(1, np.float32))
        elif predictions.kind == "classification":
            chosen = int(predictions.decided[record]) if label is None else label
            against = -np.ones(len(labels), np.float32) / max(1, len(labels) - 1)
            against[chosen] = 1
            yield Question(record, labels[chosen], against)
        else:
            assert predictions.scores is not None
            given = np.flatnonzero(predictions.decided[record]) if label is None else [label]
            for place in given if len(given) else [predictions.scores[record].argmax()]:
                yield Question(record, labels[place], np.eye(len(labels), dtype=np.float32)[place])


def _span_questions(encoded: Encoded, predictions: Predictions) -> Iterator[Question]:
    """Ask for the tags of each entity against those of no entity, averaged over its words."""
    found = units(encoded)
    for record, spans in enumerate(predictions.decided):
        of_record = slice(*np.searchsorted(found.record, [record, record + 1]))
        start, end, token = found.start[of_record], found.end[of_record], found.token[of_record]
        for span in spans:
            tokens = token[(end > span["start"]) & (start < span["end"])]
            begin = 1 + 2 * predictions.labels.index(span["label"])
            weights = np.zeros((len(tokens), 1 + 2 * len(predictions.labels)), np.float32)
            weights[:, 0], weights[0, begin], weights[1:, begin + 1] = -1, 1, 1
            named = {key: span[key] for key in ("start", "end", "label")}
            yield Question(record, named, weights / max(1, len(tokens)), tokens)


def _by_word(spans: np.ndarray, offsets: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """Return float64 [W]: the weights of the tokens summed by the word that each begins in.

    Args:
        spans: int64 [W, 2], characters of the words.
        offsets: int32 [T, 2], characters of the tokens, (0, 0) for special ones; a blank is the next word's.
        tokens: float64 [T], their weights.
    """
    weights = np.zeros(len(spans))
    if len(spans):
        real = offsets[:, 1] > 0
        owner = np.searchsorted(spans[:, 1], offsets[real, 0], side="right")
        np.add.at(weights, np.minimum(owner, len(spans) - 1), tokens[real])
    return weights


def _words(
    text: str, is_pair: bool, joined: str, spans: np.ndarray, weights: np.ndarray
) -> Iterator[dict[str, Any]]:
    for (start, end), weight in zip(spans.tolist(), weights.tolist(), strict=True):
        second = is_pair and start > len(text)
        shift = len(text) + 1 if second else 0
        word = {"text": joined[start:end], "start": start - shift, "end": end - shift}
        side = {"side": "text_pair" if second else "text"} if is_pair else {}
        yield {**word, "weight": round(weight, 6), **side}
