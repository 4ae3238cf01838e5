"""Reading values from a result that may lack any of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from feinschliff.data import Kind, kind_of
from feinschliff.report.language import Language

View = dict[str, Any]
"""What a template needs."""


def part(tree: Any, *path: str) -> Any:
    """Return a nested value, or an empty mapping where a key is absent or null."""
    for key in path:
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return {} if tree is None else tree


def kind(result: Mapping[str, Any]) -> Kind:
    """Return of which kind the targets of a result are."""
    return kind_of(result.get("task") or "classification")


def score(value: Any) -> dict[str, float | None]:
    """Return a score as an interval, whatever form it came in; `value` is None where it is absent."""
    if isinstance(value, Mapping):
        return {"value": value.get("value"), "low": value.get("low"), "high": value.get("high")}
    return {"value": value, "low": None, "high": None}


def confidence(result: Mapping[str, Any]) -> float:
    """Return the confidence level of the intervals."""
    evaluate = (result.get("config") or {}).get("evaluate") or {}
    return evaluate.get("confidence") or 0.95


def ends(own: Mapping[str, float | None], words: Language, signed: bool = False) -> str:
    """Write the ends of an interval, or nothing where it has none."""
    if own.get("low") is None or own.get("high") is None:
        return ""
    write = words.signed if signed else words.number
    return words("figures.interval", low=write(own["low"]), high=write(own["high"]))


def setting(value: Any) -> str:
    """Write a setting as text: lists and mappings in one line."""
    if isinstance(value, Mapping | list | tuple):
        return yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000).strip()
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
