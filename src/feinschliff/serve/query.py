"""Requests: JSON from strangers, understood or refused with a reason."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from feinschliff.serve.settings import Limits


class Refusal(Exception):  # noqa: N818  (a request is refused; nothing of ours went wrong)
    """A request is answered with an error.

    Args:
        status: HTTP status.
        reason: What is wrong, in one sentence.
        headers: More headers of the answer.
    """

    def __init__(self, status: int, reason: str, headers: dict[str, str] | None = None):
        self.status, self.reason, self.headers = status, reason, headers or {}
        super().__init__(reason)


@dataclass(frozen=True)
class Query:
    """Texts to predict.

    Attributes:
        texts: N texts.
        pairs: N second texts, or None.
        single: Whether one text was given and not a list.
        parameters: Wishes about the answer.
    """

    texts: list[str]
    pairs: list[str] | None = None
    single: bool = False
    parameters: dict[str, Any] = field(default_factory=dict)


def read_json(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a body.

    Raises:
        Refusal: it is not UTF-8, not JSON, or no object.
    """
    try:
        found = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise Refusal(400, "the body is not UTF-8") from None
    except RecursionError:
        raise Refusal(400, "the JSON is nested too deeply") from None
    except ValueError as error:
        raise Refusal(400, f"the body is not JSON: {str(error)[:200]}") from None
    if not isinstance(found, dict):
        raise Refusal(422, f"the body must be a JSON object, not {kind(found)}")
    return found


def query(inputs: Any, parameters: Any, *, pairs: bool, limits: Limits) -> Query:
    """Return the texts of `inputs`: one or a list of them, for models of pairs {"text", "text_pair"}.

    Raises:
        Refusal: they are something else, too many, or too long.
    """
    single = not isinstance(inputs, list)
    rows = [inputs] if single else inputs
    if not rows:
        raise Refusal(422, "inputs is an empty list")
    if len(rows) > limits.texts:
        raise Refusal(413, f"{len(rows):,} texts in one request; at most {limits.texts:,} are allowed")
    places = ["inputs"] if single else [f"inputs[{i}]" for i in range(len(rows))]
    if pairs:
        for place, row in zip(places, rows, strict=True):
            if not isinstance(row, dict) or set(row) != {"text", "text_pair"}:
                raise Refusal(
                    422, f'{place}: the model reads pairs of texts: {{"text": "...", "text_pair": "..."}}'
                )
        first = [_text(row["text"], f"{p}.text", limits) for p, row in zip(places, rows, strict=True)]
        second = [
            _text(row["text_pair"], f"{p}.text_pair", limits) for p, row in zip(places, rows, strict=True)
        ]
        return Query(first, second, single, _parameters(parameters))
    rows = [row["text"] if isinstance(row, dict) and set(row) == {"text"} else row for row in rows]
    texts = [_text(row, place, limits) for place, row in zip(places, rows, strict=True)]
    return Query(texts, None, single, _parameters(parameters))


def kind(value: Any) -> str:
    """Return what a JSON value is, in words.

    >>> kind([1]), kind(None), kind(True)
    ('a list', 'null', 'a truth value')
    """
    names = {dict: "an object", list: "a list", str: "a text", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")


def _text(value: Any, place: str, limits: Limits) -> str:
    if not isinstance(value, str):
        raise Refusal(422, f"{place} must be a text, not {kind(value)}")
    if len(value) > limits.characters:
        raise Refusal(
            413, f"{place} has {len(value):,} characters; at most {limits.characters:,} are allowed"
        )
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise Refusal(422, f"{place} holds half of a surrogate pair, which is no character") from None
    return value


def _parameters(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Refusal(422, f"parameters must be an object, not {kind(value)}")
    return {name: wish for name, wish in value.items() if wish is not None}


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
