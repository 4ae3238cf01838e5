"""Conversations to texts with a label: what the user says last, and what the assistant answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa

from feinschliff.readers._table import Table

_DRESSES = (
    ("messages", "role", "content"),
    ("conversations", "from", "value"),
    ("conversations", "role", "content"),
    ("conversation", "role", "content"),
)
"""Column, who speaks, what is said: as OpenAI, ShareGPT and others write them."""
_USERS = ("user", "human")
_ASSISTANTS = ("assistant", "gpt", "model", "bot")


def with_answers(table: Table) -> Table:
    """Return a table of conversations with `text` and `label` in their place; any other as it is."""
    names = table.columns.column_names
    dress = next((dress for dress in _DRESSES if _is_chat(table.columns, *dress)), None)
    if dress is None or {"text", "label"} & set(names):
        return table
    column, who, what = dress
    pairs = [_last(messages or [], who, what) for messages in table.columns[column].to_pylist()]
    columns = table.columns.drop_columns([column])
    for number, name in enumerate(("text", "label")):
        columns = columns.add_column(number, name, pa.array([pair[number] for pair in pairs], pa.string()))
    note = f"'{column}': the text is what the user says last, the label what the assistant answers"
    return replace(table, columns=columns, notes=(*table.notes, note))


def _is_chat(columns: pa.Table, name: str, who: str, what: str) -> bool:
    if name not in columns.column_names or not pa.types.is_list(columns.schema.field(name).type):
        return False
    message = columns.schema.field(name).type.value_type
    fields = {field.name: field.type for field in message} if pa.types.is_struct(message) else {}
    return all(key in fields and pa.types.is_string(fields[key]) for key in (who, what))


def _last(messages: list[dict[str, Any]], who: str, what: str) -> tuple[str | None, str | None]:
    """Return (the user's last message, the assistant's last one after it)."""
    text = label = None
    for message in messages:
        if message and message[who] in _USERS:
            text, label = message[what], None
        elif message and message[who] in _ASSISTANTS:
            label = message[what]
    return text, label
