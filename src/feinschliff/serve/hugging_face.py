"""The JSON of Hugging Face inference, which `huggingface_hub.InferenceClient` speaks.

A request is `{"inputs": ..., "parameters": {...}}`. Text classification answers a list per text, of
`{"label", "score", "chosen"}`: the labels that the model gives the text by its decision rules are chosen and
come first, then the others, each by falling score; none is chosen where the model is not sure enough.
`chosen` is ours, and the client keeps what it does not know. Token classification answers per entity
`{"entity_group", "score", "word", "start", "end"}`. The answer to a list of texts is a list; the client's
`text_classification` expects a list around the answer to a single text, too.

Source: https://huggingface.co/docs/inference-providers/tasks/text-classification and .../token-classification
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from feinschliff.bundle import Prediction
from feinschliff.errors import nearest
from feinschliff.serve.query import Query, Refusal

FUNCTIONS = {"classification": "softmax", "multilabel": "sigmoid", "regression": "none"}
STRATEGIES = ("simple", "first", "average", "max")


def check(kind: str, parameters: dict[str, Any]) -> None:
    """Accept the parameters of a request.

    Raises:
        Refusal: one is unknown, or asks for what the model cannot give.
    """
    allowed = ("aggregation_strategy", "ignore_labels") if kind == "ner" else ("function_to_apply", "top_k")
    for name, value in parameters.items():
        if name not in allowed:
            close = nearest(name, allowed)
            hint = f"; did you mean {close}?" if close else f"; there are {' and '.join(allowed)}"
            raise Refusal(422, f"parameters.{name} is not known for this model{hint}")
        if name == "top_k" and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise Refusal(422, "parameters.top_k must be a whole number from 1")
        if name == "function_to_apply" and value != FUNCTIONS[kind]:
            raise Refusal(
                422,
                f"parameters.function_to_apply: this model's scores are made by {FUNCTIONS[kind]}",
            )
        if name == "aggregation_strategy" and value not in STRATEGIES:
            raise Refusal(
                422,
                "parameters.aggregation_strategy: this model gives whole entities; allowed are "
                + ", ".join(STRATEGIES),
            )
        if name == "ignore_labels" and not (
            isinstance(value, list) and all(isinstance(label, str) for label in value)
        ):
            raise Refusal(422, "parameters.ignore_labels must be a list of labels")


def answer(kind: str, query: Query, found: Sequence[Prediction]) -> list[Any]:
    """Return the JSON of predictions."""
    if kind == "ner":
        ignored = set(query.parameters.get("ignore_labels", ()))
        rows = [_entities(text, p, ignored) for text, p in zip(query.texts, found, strict=True)]
        return rows[0] if query.single else rows
    top = query.parameters.get("top_k")
    return [_labels(p)[:top] for p in found]


def _labels(prediction: Prediction) -> list[dict[str, Any]]:
    if prediction.probabilities is None:
        return [{"label": "value", "score": prediction.label}]
    given = prediction.label if isinstance(prediction.label, list) else [prediction.label]
    rows = [{"label": n, "score": p, "chosen": n in given} for n, p in prediction.probabilities.items()]
    return sorted(rows, key=lambda row: (not row["chosen"], -row["score"]))


def _entities(text: str, prediction: Prediction, ignored: set[str]) -> list[dict[str, Any]]:
    return [
        {
            "entity_group": span["label"],
            "score": span["score"],
            "word": text[span["start"] : span["end"]],
            "start": span["start"],
            "end": span["end"],
        }
        for span in prediction.spans or []
        if span["label"] not in ignored
    ]
