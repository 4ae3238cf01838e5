"""What a model says about a text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from feinschliff.evaluate import Predictions


@dataclass(frozen=True)
class Prediction:
    """What the model says about one text.

    Attributes:
        label: The label; a list of labels for multilabel, a number for regression, None for ner and where the
            model is not sure enough to answer.
        score: Probability of the label, or of the one it would have given.
        probabilities: Probability of every label, where the task has them.
        spans: Entities with `start`, `end`, `label`, `score`, for ner.
        answered: False where the model does not know.
        possible: The labels, or the low and high end of the number, that hold the truth with the probability
            asked for in training (`decide.coverage`).
        novelty: The share of dev's texts that are less unlike the training texts; above 0.95 a text is
            unusual, and so may be what is said about it. None for ner and exported models.
    """

    label: Any
    score: float | None = None
    probabilities: dict[str, float] | None = None
    spans: list[dict[str, Any]] | None = None
    answered: bool = True
    possible: list[Any] | None = None
    novelty: float | None = None


def each(found: Predictions) -> Iterator[Prediction]:
    """Yield the predictions one by one."""
    for index, name in enumerate(found.names):
        if found.kind == "ner":
            yield Prediction(None, spans=found.decided[index])
            continue
        score = probabilities = None
        if found.scores is not None:
            row = found.scores[index]
            probabilities = {label: float(p) for label, p in zip(found.labels, row, strict=True)}
            if found.kind == "classification":
                score = float(row[found.decided[index]])
        answered = found.answered is None or bool(found.answered[index])
        possible = None if found.possible is None else found.possible_names(index)
        novelty = None if found.novelty is None else float(found.novelty[index])
        yield Prediction(name if answered else None, score, probabilities, None, answered, possible, novelty)
