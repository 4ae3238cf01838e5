"""Data of question answering, which is no task here: said before its columns pass for something else."""

from __future__ import annotations

import pyarrow as pa

from feinschliff.errors import DataError
from feinschliff.readers._table import Table

_HINT = (
    "Give rows of a text and a label, such as a clause and its kind: "
    '{"text": "This agreement is governed by ...", "label": "Governing Law"}; or the answers as spans: '
    '{"text": "... until May 1", "spans": [{"start": 10, "end": 15, "label": "Date"}]}'
)
_PAIR_HINT = (
    "Give a row for each pair of texts: "
    '{"text": "The receiver may ...", "text_pair": "Sharing is allowed", "label": "Entailment"}'
)


def refuse_questions(table: Table) -> None:
    """Raise DataError where the rows are questions with answers as in SQuAD, or choices as in ContractNLI."""
    fields = {field.name: field.type for field in table.columns.schema}
    inner = _fields(fields.get("paragraphs"))
    is_nested = "qas" in inner or "qas" in fields
    is_flat = {"context", "question", "answers"} <= set(fields) and "answer_start" in _fields(
        fields["answers"]
    )
    if is_nested or is_flat:
        fact = "the rows are questions with answers in a text, and question answering is no task here"
        raise DataError(fact, where=table.name, hint=_HINT)
    if "annotations" in _fields(fields.get("annotation_sets")):
        fact = "each row holds many choices in 'annotation_sets', and questions on a text are no task here"
        raise DataError(fact, where=table.name, hint=_PAIR_HINT)


def _fields(kind: pa.DataType | None) -> set[str]:
    """Return the names inside an object or a list of objects."""
    if kind is not None and pa.types.is_list(kind):
        kind = kind.value_type
    return {field.name for field in kind} if kind is not None and pa.types.is_struct(kind) else set()
