"""Documents as lists of sentences, whose entities count tokens: SciERC, and GENIA as DyGIE reads it.

Source: https://github.com/dwadden/dygiepp/blob/master/doc/data.md
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from feinschliff.config import DataConfig
from feinschliff.readers._input import open_input
from feinschliff.readers._json import first_values
from feinschliff.readers._problems import Problems
from feinschliff.readers._rows import Row, is_span_list
from feinschliff.readers._spans import join_tokens
from feinschliff.readers._table import Table
from feinschliff.readers.spans import any_rows, read_spans

SUFFIXES = (".jsonl", ".json")
DESCRIPTION = "Documents of sentences with entities that count tokens, as of SciERC."


def sniff(text: str, suffix: str) -> float:
    """Return how much the beginning of a file looks like this format, 0 to 1."""
    rows = first_values(text)
    return 0.95 * (bool(rows) and all(isinstance(row, dict) and _is_document(row) for row in rows))


def read(source: Any, config: DataConfig) -> Table:
    """Read a file whole, each sentence a row: `text`, `tokens`, `spans`, `document` (its `doc_key` or line).

    Raises:
        DataError: no JSON; documents of another form; entities that do not lie in one sentence.
    """
    file = open_input(source)
    problems = Problems(file.name)
    table = read_spans(file.name, _sentences(any_rows(file, config), problems), config)
    problems.raise_if_any(
        allowed='Expected {"sentences": [[token, ...], ...], "ner": [[[first, last, label], ...], ...]}, '
        "where first and last count the tokens of the document, from 0, both inside"
    )
    return table


def _is_document(row: Row) -> bool:
    sentences, entities = row.get("sentences"), row.get("ner")
    return (
        isinstance(sentences, list)
        and isinstance(entities, list)
        and len(sentences) == len(entities)
        and all(isinstance(tokens, list) and all(isinstance(t, str) for t in tokens) for tokens in sentences)
        and all(isinstance(spans, list) and is_span_list(spans) for spans in entities if spans)
    )


def _sentences(rows: Iterator[tuple[int, Row]], problems: Problems) -> Iterator[tuple[int, Row]]:
    """Yield (line, row) of each sentence that has tokens."""
    for line, document in rows:
        if not _is_document(document):
            problems.add(line, "the document does not have entities for each of its sentences")
            continue
        before = 0
        for tokens, entities in zip(document["sentences"], document["ner"], strict=True):
            text, begins = join_tokens(tokens)
            spans = []
            for first, last, label in entities:
                if before <= first <= last < before + len(tokens):
                    end = begins[last - before] + len(tokens[last - before])
                    spans.append({"start": begins[first - before], "end": end, "label": label})
                else:
                    problems.add(line, f"the entity {first} to {last} does not lie in its sentence")
            if tokens:
                name = str(document.get("doc_key", line))
                yield line, {"document": name, "text": text, "tokens": tokens, "spans": spans}
            before += len(tokens)
