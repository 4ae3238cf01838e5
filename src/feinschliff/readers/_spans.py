"""Entities from tokens and their tags: `list<struct<start, end, label>>`.

Offsets count Unicode code points of the text, end exclusive.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

import pyarrow as pa

from feinschliff.config import DataConfig
from feinschliff.errors import counted
from feinschliff.readers import _tags
from feinschliff.readers._problems import Problems
from feinschliff.readers._table import Table
from feinschliff.readers._tagged import with_tokens

SPANS = pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32()), ("label", pa.string())]))
TAG_COLUMNS = ("ner_tags", "tags", "ner", "bio", "labels", "label")
_CHUNK = 8192


def join_tokens(tokens: Sequence[str]) -> tuple[str, list[int]]:
    """Return (tokens with single spaces between them, where each begins).

    >>> join_tokens(["Ulm", "ist", "alt"])
    ('Ulm ist alt', [0, 4, 8])
    """
    return " ".join(tokens), list(accumulate((len(token) + 1 for token in tokens[:-1]), initial=0))


def find_tokens(tokens: Sequence[str], text: str | None) -> list[int]:
    """Return where each token begins in a text that holds them in this order, up to the first missing one.

    >>> find_tokens(["(", "Ulm", ")"], "(Ulm)"), find_tokens(["Ulm", "!"], "Ulm")
    ([0, 1, 4], [0])
    """
    begins: list[int] = []
    end = 0
    for token in tokens:
        begin = (text or "").find(token, end)
        if begin < 0:
            break
        begins.append(begin)
        end = begin + len(token)
    return begins


def _are_tags(columns: pa.Table, text: str, name: str) -> bool:
    """Return whether a column has a tag for each token, and the tokens are those of the text.

    Labels of whole texts may be lists, too, and tokens may be written otherwise than in the text.
    """
    cells = (columns[part].to_pylist() for part in (text, "tokens", name))
    rows = [(text, tokens or [], tags) for text, tokens, tags in zip(*cells, strict=True) if tags is not None]
    return all(
        len(tokens) == len(tags)
        and all(_tags.is_tag(tag or "O") for tag in tags)
        and len(find_tokens([token or "" for token in tokens], text)) == len(tokens)
        for text, tokens, tags in rows
    )


def with_spans(table: Table, config: DataConfig, one_line_per_token: bool = False) -> Table:
    """Return a table of tokens and tags with `text` and `spans` instead of the tags; any other as it is.

    A column of tags that is named as the label keeps its name.

    Raises:
        DataError: tags that are not in the scheme, or not as many as tokens.
    """
    if _has_spans(table.columns, config):
        return table
    table, text_name, name = with_tokens(table, config)
    columns = table.columns
    if not _is_list(columns, "tokens", pa.types.is_string):
        return table
    name = name or next((n for n in TAG_COLUMNS if _is_list(columns, n, pa.types.is_string)), None)
    written = columns[text_name].to_pylist() if text_name in columns.column_names else None
    if written is not None and (name is None or not _are_tags(columns, text_name, name)):
        return table
    is_open = [] if written is None or name is None else columns[name].is_null().to_pylist()
    lines = None if table.lines is None else table.lines
    problems = Problems(table.name, "row" if lines is None else "line")
    scheme: str = config.tag_scheme if name else "io"
    pairs = {p for _, _, tags in _sentences(columns, name) for p in _tags.pairs_of(tags)}
    lower = scheme != "io" and _tags.in_lower_case({tag for pair in pairs for tag in pair})
    if scheme == "auto":
        scheme = _tags.find_scheme({(_upper(a), _upper(b)) for a, b in pairs} if lower else pairs)
    texts: list[str] = []
    spans: list[list[dict[str, object]] | None] = []
    uneven = 0
    for row, tokens, tags in _sentences(columns, name):
        number = table.offset + row + 1 if lines is None else lines[row].as_py()
        if is_open and is_open[row]:
            spans.append(None)
            continue
        if lower:
            tags = [_upper(tag) for tag in tags]
        if len(tokens) != len(tags):
            problems.add(number, f"{counted(len(tokens), 'token')} but {counted(len(tags), 'tag')}")
            uneven += 1
            continue
        _check(tags, scheme, number, problems, one_line_per_token)
        text, begins = join_tokens(tokens)
        if written is not None:
            begins = find_tokens(tokens, written[row])
        texts.append(text)
        entities = _tags.to_entities([_tags.split_tag(tag, scheme) for tag in tags])
        spans.append(
            [
                {"start": begins[first], "end": begins[last - 1] + len(tokens[last - 1]), "label": label}
                for first, last, label in entities
            ]
        )
    strange = {tag for pair in pairs for tag in pair if not _tags.is_tag(tag)}
    problems.raise_if_any(
        allowed="Tags are O, B-TYPE and I-TYPE" if strange else None,
        hint="Each token needs one tag"
        if problems.count == uneven
        else None
        if strange
        else "Set data.tag_scheme=iob1 to accept it",
    )
    if written is None:
        columns = columns.add_column(0, "text", pa.array(texts, pa.string()))
    if name is not None:
        called = name if name == config.label else "spans"
        columns = columns.drop_columns([name]).append_column(called, pa.array(spans, SPANS))
    notes = (f"tag scheme {scheme}",) if name and config.tag_scheme == "auto" and scheme != "iob2" else ()
    return replace(table, columns=columns, notes=table.notes + notes)


def _has_spans(columns: pa.Table, config: DataConfig) -> bool:
    """Return whether there are texts and spans, beside which tags of tokens say the same or less."""
    names = [f.name for f in columns.schema if f.type == SPANS or f.name == "spans"]
    return any(config.label in (None, name) for name in names) and any(
        pa.types.is_string(field.type) for field in columns.schema
    )


def _check(
    tags: Sequence[str], scheme: str, number: int, problems: Problems, one_line_per_token: bool
) -> None:
    if scheme in ("io", "iob1"):
        return
    before, before_tag = "O", ("O", "")
    for i, text in enumerate([*tags, "O"]):
        tag = _tags.split_tag(text, scheme)
        if expected := _tags.fault(before_tag, tag, scheme):
            prefix = expected.translate(str.maketrans("ES", "LU")) if scheme == "bilou" else expected
            wanted = f"{prefix}-{before_tag[1] if expected == 'E' else tag[1]}"
            fact = (
                f"tag '{text}' follows '{before}', which {scheme.upper()} does not allow; expected '{wanted}'"
            )
            problems.add(number + i * one_line_per_token, fact)
        before, before_tag = text, tag


def _sentences(columns: pa.Table, tags: str | None) -> Iterator[tuple[int, list[str], list[str]]]:
    """Yield (row, tokens, tags); without a column of tags all are `O`."""
    row = 0
    for batch in columns.select(["tokens", tags] if tags else ["tokens"]).to_batches(max_chunksize=_CHUNK):
        for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            tokens = [token or "" for token in values[0] or []]
            yield row, tokens, [tag or "O" for tag in values[1] or []] if tags else ["O"] * len(tokens)
            row += 1


def _upper(tag: str) -> str:
    return tag[0].upper() + tag[1:]


def _is_list(columns: pa.Table, name: str, is_inner: Any) -> bool:
    if name not in columns.column_names:
        return False
    kind = columns.schema.field(name).type
    return (pa.types.is_list(kind) or pa.types.is_large_list(kind)) and is_inner(kind.value_type)
