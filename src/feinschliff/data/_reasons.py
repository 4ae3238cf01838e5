"""Say which columns were chosen and why, or ask for one where several could be meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import pyarrow as pa

from feinschliff.data._candidates import is_usable
from feinschliff.data.dataset import Columns
from feinschliff.data.derive import parts_of
from feinschliff.data.profile import Profile
from feinschliff.errors import ConfigError
from feinschliff.readers import Table

SHOWN = 8
"""Columns of one label each that are named in the reason."""
UNUSED = 4
"""Columns not used that are named in the reason."""
ROLES = ("text", "text_pair", "label", "group", "id", "time", "split")


def ask(role: str, table: Table, candidates: dict[str, Profile], fact: str, more: str = "") -> ConfigError:
    """Return the error that names the columns which may play a role, and how to name one of them."""
    listed = ", ".join(f"{n!r} ({p.describe()})" for n, p in candidates.items()) or "none"
    usable = [n for n, p in candidates.items() if is_usable(p, role)]
    options = " or ".join(f"--{role} {quoted(n)}" for n in usable[:3]) + more
    hint = f"Name it: {options} (setting data.{role})" if usable else "Give a file with such a column"
    if candidates and not usable:
        name, column = max(candidates.items(), key=lambda item: bool(item[1].items))
        hint = f"'{name}' holds {column.describe()}; give each row its {role} in a column of its own"
    return ConfigError(
        fact,
        where=table.name,
        allowed=f"Candidates: {listed}. {table.as_read}".strip(),
        hint=hint,
    )


def quoted(name: str | None) -> str:
    """Return a name as it is written in a shell."""
    name = name or ""
    return name if re.sub(r"[-_.,]", "", name).isalnum() else f"'{name}'"


def explained(
    columns: Columns,
    profiles: dict[str, Profile],
    written: pa.Table,
    why: str,
    named: Iterable[str],
    unused: Sequence[Profile],
) -> Columns:
    """Return the columns with the reason for them.

    Args:
        written: The columns as the source has them.
        why: What the labels show of the task.
        named: Columns that the user has named.
        unused: Columns that another person could have taken.
    """

    def part(role: str, name: str | None) -> str | None:
        if name is None:
            return None
        if parts := parts_of(name, written):
            more = f", ... ({len(parts)} columns)" if len(parts) > SHOWN else ""
            return f"{role}s {', '.join(map(repr, parts[:SHOWN]))}{more}"
        source = "as named" if name in named else profiles[name].describe()
        if role.startswith("text") and profiles[name].items == "paragraphs":
            source += ", joined by line breaks"
        if role == "text pair" and name not in named and columns.text in named:
            source += "; for one text: --text-pair none"
        return f"{role} '{name}' ({source})"

    parts = [part(role.replace("_", " "), getattr(columns, role)) for role in ROLES if role != "split"]
    if columns.split:
        source = "as named" if columns.split in named else "to split anew: --set data.split=none"
        parts.append(f"train, dev and test as marked in '{columns.split}' ({source})")
    label = "" if columns.label is None else f" ({why})"
    others = ", ".join(f"'{p.name}' ({p.describe()})" for p in unused[:UNUSED])
    others += ", ..." if len(unused) > UNUSED else ""
    reason = f"{columns.task}{label}: {', '.join(p for p in parts if p)}"
    reason += f"; not used: {others}" if others else ""
    reason += f"; confidence {columns.confidence:.2f}"
    return Columns(**{**columns.__dict__, "reason": reason})
