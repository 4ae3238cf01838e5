"""Settings as people read them: a commented YAML file, a list for help pages."""

from __future__ import annotations

import re
from typing import Any

import yaml
from pydantic import BaseModel

from feinschliff.config.sections import RunConfig, Section


class Setting(BaseModel):
    """One setting, for help pages: dotted name, type, default, description."""

    name: str
    type: str
    default: Any
    description: str
    bounds: str


def settings(model: type[Section] = RunConfig, prefix: str = "") -> list[Setting]:
    """Return every setting in the order of the file."""
    found: list[Setting] = []
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            found += settings(kind, f"{prefix}{name}.")
            continue
        default = field.get_default(call_default_factory=True)
        found.append(
            Setting(
                name=prefix + name,
                type=_type_name(kind),
                default=list(default) if isinstance(default, tuple) else default,
                description=field.description or "",
                bounds=", ".join(_bound(m) for m in field.metadata if _bound(m)),
            )
        )
    return found


def dump_config(config: RunConfig, comments: bool = False) -> str:
    """Return the configuration as YAML; with `comments`, each setting is explained above it."""
    if not comments:
        return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    lines = ["# Feinschliff: every setting with its default. Delete what you do not change."]
    section = ""
    values = config.model_dump(mode="json")
    for setting in settings():
        parent, _, key = setting.name.rpartition(".")
        if parent != section:
            section = parent
            doc = (RunConfig.model_fields[parent].annotation.__doc__ or "").splitlines()[0]
            lines += ["", f"{parent}:  # {doc}"]
        indent = "  " if parent else ""
        value = values[parent][key] if parent else values[key]
        allowed = f"{setting.type}{', ' + setting.bounds if setting.bounds else ''}"
        lines += [f"{indent}# {setting.description} ({allowed})", f"{indent}{key}: {_flow(value)}"]
    return "\n".join(lines) + "\n"


def _flow(value: Any) -> str:
    return (
        yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000)
        .split("\n...")[0]
        .strip()
    )


def _type_name(kind: Any) -> str:
    text = kind.__name__ if isinstance(kind, type) else str(kind)
    text = text.replace("typing.", "").replace("Literal", "one of ").replace("NoneType", "null")
    text = re.sub(r"tuple\[(.+), \.\.\.\]", r"list of \1", text)
    return text.replace(" | None", " or null").replace("'", "").replace("one of [", "one of ").rstrip("]")


def _bound(constraint: Any) -> str:
    signs = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
    return " ".join(f"{sign} {getattr(constraint, k)}" for k, sign in signs.items() if hasattr(constraint, k))
