"""The Open Inference Protocol, version 2, over HTTP: texts go in as BYTES, decisions come out as tensors.

Source: https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from feinschliff.bundle import Prediction
from feinschliff.serve.query import Query, Refusal, kind, query
from feinschliff.serve.settings import Limits
from feinschliff.serve.shelf import Served

OUTPUTS = {
    "classification": ("label", "score", "answered", "probabilities"),
    "multilabel": ("label", "probabilities"),
    "regression": ("value",),
    "ner": ("spans",),
}
DATATYPES = {"score": "FP32", "probabilities": "FP32", "value": "FP64", "answered": "BOOL"}
"""Outputs that are no BYTES. `label` of multilabel and `spans` hold JSON."""


def metadata(served: Served) -> dict[str, Any]:
    """Return what `GET /v2/models/NAME` answers; `parameters.labels` is the order of `probabilities`."""
    shapes = {"probabilities": [-1, len(served.model.labels)]}
    return {
        "name": served.name,
        "versions": [str(served.version)],
        "platform": served.platform,
        "inputs": [{"name": name, "datatype": "BYTES", "shape": [-1]} for name in _names(served)],
        "outputs": [
            {"name": name, "datatype": DATATYPES.get(name, "BYTES"), "shape": shapes.get(name, [-1])}
            for name in OUTPUTS[served.model.kind]
        ],
        "parameters": {"task": served.model.task, "labels": list(served.model.labels)},
    }


def read(tree: dict[str, Any], served: Served, limits: Limits) -> tuple[Query, list[str]]:
    """Return the texts of a request, and the names of the outputs it wants.

    Raises:
        Refusal: it is no request of the protocol, or asks for an output there is not.
    """
    given = tree.get("inputs")
    if not isinstance(given, list) or not all(isinstance(tensor, dict) for tensor in given):
        raise Refusal(400, "inputs must be a list of tensors")
    names = _names(served)
    if len(given) == 1 and len(names) == 1:
        tensors = {names[0]: given[0]}
    else:
        tensors = {str(tensor.get("name")): tensor for tensor in given}
    if set(tensors) != set(names) or len(given) != len(names):
        raise Refusal(400, f"the model reads the inputs {' and '.join(names)}")
    columns = [_strings(tensors[name], f"inputs.{name}") for name in names]
    if len({len(column) for column in columns}) > 1:
        raise Refusal(400, "text and text_pair differ in length")
    rows: list[Any] = columns[0]
    if len(columns) == 2:
        rows = [{"text": text, "text_pair": pair} for text, pair in zip(*columns, strict=True)]
    possible = OUTPUTS[served.model.kind]
    wanted = tree.get("outputs", [{"name": name} for name in possible])
    if not isinstance(wanted, list) or not all(
        isinstance(o, dict) and o.get("name") in possible for o in wanted
    ):
        raise Refusal(400, f"outputs: there are {', '.join(possible)}")
    identifier = tree.get("id")
    if identifier is not None and not isinstance(identifier, str):
        raise Refusal(400, f"id must be a text, not {kind(identifier)}")
    outputs = list(dict.fromkeys(output["name"] for output in wanted))
    return query(rows, None, pairs=len(columns) == 2, limits=limits), outputs


def answer(
    tree: dict[str, Any], served: Served, wanted: Sequence[str], found: Sequence[Prediction]
) -> dict[str, Any]:
    """Return the JSON of predictions."""
    outputs = []
    for name in wanted:
        data = [_value(name, served, prediction) for prediction in found]
        shape = [len(found)]
        if name == "probabilities":
            shape, data = [len(found), len(served.model.labels)], [p for row in data for p in row]
        outputs.append({"name": name, "shape": shape, "datatype": DATATYPES.get(name, "BYTES"), "data": data})
    identified = {} if tree.get("id") is None else {"id": tree["id"]}
    return {
        "model_name": served.name,
        "model_version": str(served.version),
        **identified,
        "outputs": outputs,
    }


def _names(served: Served) -> list[str]:
    return ["text", "text_pair"] if served.model.spec.reading.pairs else ["text"]


def _strings(tensor: dict[str, Any], place: str) -> list[Any]:
    if tensor.get("datatype") != "BYTES":
        raise Refusal(400, f"{place}: the datatype of texts is BYTES")
    data, shape = tensor.get("data"), tensor.get("shape")
    if not isinstance(data, list):
        raise Refusal(400, f"{place}.data must be a list of texts")
    if not isinstance(shape, list) or shape not in ([len(data)], [len(data), 1]):
        raise Refusal(400, f"{place}.shape must be [{len(data)}], as there are {len(data)} texts")
    return [row[0] if isinstance(row, list) and len(row) == 1 else row for row in data]


def _value(name: str, served: Served, prediction: Prediction) -> Any:
    if name == "probabilities":
        return [(prediction.probabilities or {})[label] for label in served.model.labels]
    if name == "spans":
        return json.dumps(prediction.spans, ensure_ascii=False)
    if name == "label" and isinstance(prediction.label, list):
        return json.dumps(prediction.label, ensure_ascii=False)
    if name == "label":
        return prediction.label if prediction.answered else ""
    return {"score": prediction.score, "answered": prediction.answered, "value": prediction.label}[name]
