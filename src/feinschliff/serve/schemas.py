"""What `/openapi.json` says about bodies and answers; the checks themselves are in `query.py`."""

from __future__ import annotations

from typing import Any

_TEXT = {"type": "string"}
_PAIR = {
    "type": "object",
    "properties": {"text": _TEXT, "text_pair": _TEXT},
    "required": ["text", "text_pair"],
}
_INPUT = {"anyOf": [_TEXT, _PAIR]}
_INPUTS = {"anyOf": [_TEXT, _PAIR, {"type": "array", "items": _INPUT, "minItems": 1}]}
_SPAN = {
    "type": "object",
    "properties": {
        "start": {"type": "integer"},
        "end": {"type": "integer"},
        "label": _TEXT,
        "score": {"type": "number"},
    },
}
_PREDICTION = {
    "type": "object",
    "properties": {
        "label": {"description": "A label, a list of labels, a number, or null where the model is not sure."},
        "score": {"type": "number", "description": "Probability of the label."},
        "probabilities": {"type": "object", "additionalProperties": {"type": "number"}},
        "spans": {"type": "array", "items": _SPAN},
        "answered": {"type": "boolean", "description": "False where the model is not sure enough."},
        "possible": {"type": "array", "items": {}},
        "novelty": {
            "type": "number",
            "description": "Share of usual texts that are less unlike the training texts, 0 to 1.",
        },
    },
}
_ERRORS = {
    400: "The body is no JSON.",
    401: "The API key is missing or wrong.",
    404: "There is no model of that name.",
    408: "The body took too long to arrive.",
    413: "The body, a text, or the list of texts is too long.",
    415: "The body is not application/json.",
    422: "The JSON is not what is expected.",
    429: "The queue is full; `Retry-After` says when to try again.",
    504: "There was no answer in time.",
}


def _route(body: dict[str, Any], example: Any, answer: dict[str, Any], meaning: str) -> dict[str, Any]:
    error = {"type": "object", "properties": {"error": _TEXT}}
    responses: dict[int | str, Any] = {
        status: {"description": text, "content": {"application/json": {"schema": error}}}
        for status, text in _ERRORS.items()
    }
    responses[200] = {"description": meaning, "content": {"application/json": {"schema": answer}}}
    content = {"application/json": {"schema": body, "example": example}}
    return {
        "openapi_extra": {"requestBody": {"required": True, "content": content}},
        "responses": responses,
    }


HUGGING_FACE = _route(
    {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "inputs": _INPUTS,
            "parameters": {
                "type": "object",
                "properties": {
                    "top_k": {"type": "integer", "minimum": 1},
                    "function_to_apply": {"enum": ["softmax", "sigmoid", "none"]},
                    "aggregation_strategy": {"enum": ["simple", "first", "average", "max"]},
                    "ignore_labels": {"type": "array", "items": _TEXT},
                },
            },
        },
    },
    {"inputs": "Arrived broken."},
    {"type": "array", "items": {}},
    "Per text a list of label, score and `chosen`, or the entities found. The labels that the model gives "
    "the text are chosen and come first, which need not be the most probable ones; none is where it is not "
    "sure.",
)
PREDICT = _route(
    {"type": "object", "required": ["inputs"], "properties": {"inputs": _INPUTS}},
    {"inputs": ["Arrived broken.", "Just what I wanted."]},
    {"anyOf": [_PREDICTION, {"type": "array", "items": _PREDICTION}]},
    "A prediction, or one per text of a list.",
)
EXPLAIN = _route(
    {"type": "object", "required": ["inputs"], "properties": {"inputs": _INPUT}},
    {"inputs": "Arrived broken."},
    {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "label": {"description": "What is explained: a label, an entity, or null for a number."},
                "words": {"type": "array", "items": {"type": "object"}},
                "total": {"type": "number", "description": "What the weights of the words add up to."},
                "gap": {"type": "number", "description": "How far they miss it, as a share of their sizes."},
            },
        },
    },
    "Per label or entity the words of the text, each with its weight.",
)
OPEN_INFERENCE = _route(
    {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": _TEXT,
            "inputs": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name", "shape", "datatype", "data"],
                    "properties": {
                        "name": {"enum": ["text", "text_pair"]},
                        "shape": {"type": "array", "items": {"type": "integer"}},
                        "datatype": {"const": "BYTES"},
                        "data": {"type": "array", "items": _TEXT},
                    },
                },
            },
            "outputs": {"type": "array", "items": {"type": "object", "properties": {"name": _TEXT}}},
        },
    },
    {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["Arrived broken."]}]},
    {
        "type": "object",
        "properties": {
            "model_name": _TEXT,
            "model_version": _TEXT,
            "id": _TEXT,
            "outputs": {"type": "array", "items": {"type": "object"}},
        },
    },
    "Tensors of decisions, scores and probabilities.",
)
