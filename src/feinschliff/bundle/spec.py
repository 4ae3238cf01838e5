"""What a model's folder holds besides an ordinary Hugging Face model: above all `feinschliff.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from feinschliff import __version__
from feinschliff.encode import Reading
from feinschliff.errors import ModelError

SPEC_FILE = "feinschliff.json"
PROFILE_FILE = "profile.json"
NOVELTY_FILE = "novelty.safetensors"
SCHEMA = 1


@dataclass(frozen=True)
class Spec:
    """The content of `feinschliff.json`.

    Attributes:
        task: Name of the task.
        labels: Label names in the order of the logits.
        reading: How texts become tokens.
        decision: Decision rules, fitted on dev; see `feinschliff.evaluate.decide`.
        base_model: What was tuned.
        fingerprint: Of the data it was tuned on.
        columns: Its columns by their roles: `text`, `text_pair`, `label`, `split`.
        versions: Of the packages that made it.
    """

    task: str
    labels: tuple[str, ...]
    reading: Reading
    decision: dict[str, Any] = field(default_factory=dict)
    base_model: str = ""
    fingerprint: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)


def read_spec(path: Path) -> Spec:
    """Read `feinschliff.json`.

    Raises:
        ModelError: it is damaged, or of another version.
    """
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        schema, writer = tree.pop("schema"), tree.pop("feinschliff", "unknown")
        known = schema == SCHEMA and tree.keys() <= _names(Spec) and tree["reading"].keys() <= _names(Reading)
        if known:
            return TypeAdapter(Spec).validate_python(tree)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ModelError(f"is damaged ({place}: {first['msg']})", where=str(path)) from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ModelError(f"is damaged ({type(error).__name__}: {error})", where=str(path)) from None
    raise ModelError(
        f"was written by another version of Feinschliff ({writer}; this is {__version__})",
        where=str(path),
        hint="Use that version, or train again",
    )


def _names(kind: type) -> set[str]:
    return {field.name for field in fields(kind)}
