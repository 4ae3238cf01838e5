"""Classes that each bring a list of their texts, as chatbots keep them: a row for each text."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from feinschliff.readers._table import Table

_LISTS = ("patterns", "examples")
_CLASSES = ("tag", "intent", "label")


def one_row_each(table: Table) -> Table:
    """Return a table of intents and their texts as `text` and `label`; any other as it is."""
    fields = {field.name: field.type for field in table.columns.schema}
    texts = next((name for name in _LISTS if _is_list_of_texts(fields.get(name))), None)
    label = next((name for name in _CLASSES if pa.types.is_string(fields.get(name, pa.null()))), None)
    if texts is None or label is None or "text" in fields:
        return table
    cells = table.columns[texts].combine_chunks()
    rows = pc.list_parent_indices(cells).to_numpy()
    labels = table.columns[label].take(pa.array(rows))
    note = f"each of '{texts}' is a text, '{label}' is its label; what else stands there is not read"
    whole = table.take(rows.astype(np.int64))
    columns = pa.table({"text": pc.list_flatten(cells), "label": labels})
    return replace(whole, columns=columns, notes=(*table.notes, note))


def _is_list_of_texts(kind: pa.DataType | None) -> bool:
    return kind is not None and pa.types.is_list(kind) and pa.types.is_string(kind.value_type)
