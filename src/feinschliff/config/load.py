"""A configuration from YAML files and overrides, or one message with all that is wrong with them."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from feinschliff.config.pages import settings
from feinschliff.config.sections import RunConfig
from feinschliff.errors import ConfigError, nearest


def load_config(
    path: str | Path | None = None,
    overrides: Iterable[str] = (),
    values: Mapping[str, Any] | None = None,
) -> RunConfig:
    """Build a configuration: defaults, then the YAML file, then `values`, then `section.key=value` overrides.

    Args:
        path: YAML file, or None.
        overrides: Texts like `train.epochs=3`; the right side is read as YAML.
        values: Dotted names to values; None values are skipped.

    Raises:
        ConfigError: unknown name (the nearest is suggested), wrong type or range, unreadable file.
    """
    tree: dict[str, Any] = _read_yaml(Path(path)) if path else {}
    where = str(path) if path else "configuration"
    for name, value in (values or {}).items():
        if value is not None:
            put(tree, name, value)
    if path and overrides:
        validate(tree, where)  # so that what is wrong below is not blamed on the file
    for text in overrides:
        name, separator, value = text.partition("=")
        if not separator or not name.strip():
            raise ConfigError(
                f"'{text}' is not an override", where="--set", allowed="Write section.key=value"
            )
        where = "--set"
        put(tree, name.strip(), _parse(value, name))
    return validate(tree, where)


def validate(tree: Mapping[str, Any], where: str = "configuration") -> RunConfig:
    """Turn a nested mapping into a RunConfig; all problems are reported at once.

    Raises:
        ConfigError: see `load_config`.
    """
    try:
        return RunConfig.model_validate(tree)
    except ValidationError as error:
        problems = [_explain(item) for item in error.errors()]
        raise ConfigError("; ".join(problems), where=where, hint="See: feinschliff config explain") from None


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        place = getattr(error, "problem_mark", None)
        where = f"{path}:{place.line + 1}" if place else str(path)
        raise ConfigError(f"not valid YAML: {getattr(error, 'problem', error)}", where=where) from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(
            "the file holds no settings",
            where=str(path),
            allowed="Write `section:` and below it `key: value`",
        )
    return tree


def put(tree: dict[str, Any], name: str, value: Any) -> None:
    """Put a value under its dotted name.

    Raises:
        ConfigError: a part of the name is a setting, not a section.
    """
    *parents, key = name.split(".")
    for parent in parents:
        tree = tree.setdefault(parent, {})
        if not isinstance(tree, dict):
            raise ConfigError(f"'{parent}' is no section", where=name, hint="See: feinschliff config explain")
    tree[key] = value


def _parse(text: str, name: str) -> Any:
    if text in string.punctuation.replace("~", "") and len(text) == 1:
        return text  # a delimiter, which may mean something in YAML
    try:
        value = yaml.safe_load(text) if text.strip() else None
    except yaml.YAMLError:
        raise ConfigError(
            f"'{text}' cannot be read as a value", where=name, allowed="Write a number, a word, or [a, b]"
        ) from None
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", value):
        return float(value)  # YAML 1.1 reads 3e-5 as text
    return value


def _explain(item: Any) -> str:
    path = ".".join(str(part) for part in item["loc"] if not isinstance(part, int))
    if item["type"] == "extra_forbidden":
        known = [s.name for s in settings()] + [n for n in RunConfig.model_fields]
        last = path.rpartition(".")[2]
        close = nearest(path, known) or next((s for s in known if s.rpartition(".")[2] == last), None)
        close = close or nearest(last, [s.rpartition(".")[2] for s in known])
        return f"there is no setting '{path}'" + (f" (did you mean '{close}'?)" if close else "")
    if item["type"] == "tuple_type":
        return f"{path}={item['input']!r}: input should be a list, such as [a, b]"
    message = item["msg"][0].lower() + item["msg"][1:]
    return f"{path}={item['input']!r}: {message}"
