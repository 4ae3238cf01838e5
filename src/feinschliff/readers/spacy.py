"""spaCy's binary `.spacy`: texts with entities, or with categories."""

from __future__ import annotations

import zlib
from typing import Any

import pyarrow as pa

from feinschliff.config import DataConfig
from feinschliff.errors import DataError, MissingExtraError
from feinschliff.readers._input import open_input
from feinschliff.readers._spans import SPANS
from feinschliff.readers._table import Table

SUFFIXES = (".spacy",)
DESCRIPTION = "spaCy's `.spacy` files: entities, span groups, categories (extra `spacy`)."
# What msgpack, numpy and spaCy let through when a file is damaged.
_DAMAGED = (
    zlib.error,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    OverflowError,
    MemoryError,
    EOFError,
)


def read(source: Any, config: DataConfig) -> Table:
    """Read a file whole: `text`, `tokens`, `spans`, and `label` where documents have categories.

    Categories of 0.5 or more are labels; where any document has several, all labels are lists.

    Raises:
        DataError: no `.spacy` file.
        MissingExtraError: spaCy is not installed.
    """
    file = open_input(source)
    try:
        import spacy
        from spacy.tokens import DocBin
    except ImportError:
        raise MissingExtraError("reading .spacy files", "spacy") from None

    with file.open() as stream:
        data = stream.read()
    try:
        docs = list(DocBin().from_bytes(data).get_docs(spacy.blank("xx").vocab))
        columns = {
            "text": pa.array([doc.text for doc in docs], pa.string()),
            "tokens": pa.array([[token.text for token in doc] for doc in docs], pa.list_(pa.string())),
        }
        if any(doc.cats for doc in docs):
            columns["label"] = _labels(
                [[name for name, score in doc.cats.items() if score >= 0.5] for doc in docs]
            )
        if any(doc.ents or doc.spans for doc in docs) or "label" not in columns:
            columns["spans"] = pa.array([_spans(doc) for doc in docs], SPANS)
    except _DAMAGED as error:
        raise DataError(
            f"no readable .spacy file ({type(error).__name__}: {error})", where=file.name
        ) from None
    return Table(pa.table(columns), file.name)


def _labels(names: list[list[str]]) -> pa.Array:
    if max(map(len, names)) > 1:
        return pa.array(names, pa.list_(pa.string()))
    return pa.array([found[0] if found else None for found in names], pa.string())


def _spans(doc: Any) -> list[dict[str, Any]]:
    """Return the entities, or where there are none the spans of all groups."""
    found = doc.ents or [span for group in doc.spans.values() for span in group]
    spans = {(span.start_char, span.end_char, span.label_) for span in found}
    return [dict(zip(("start", "end", "label"), span, strict=True)) for span in sorted(spans)]
