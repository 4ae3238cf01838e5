"""Entities as character spans: many spellings in, `list<struct<start, end, label>>` out.

Offsets count Unicode code points of the text, end exclusive. Where a span brings its own text along, that
shows what the writer counted; UTF-16 units (JavaScript), bytes, and inclusive ends are recognised and noted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
_STARTS = ("start", "start_offset", "start_char", "begin", "offset", "startOffset")
_ENDS = ("end", "end_offset", "end_char", "stop", "endOffset")
_LABELS = ("label", "labels", "type", "tag", "entity_type", "entity_group", "entity", "category", "class")
_TEXTS = ("text", "word", "surface", "mention", "phrase")
_CHUNK = 8192

Span = tuple[int, int, str]


def looks_like_spans(value: Any) -> bool:
    """Return whether a value is a list that holds a span.

    >>> looks_like_spans([{"start": 0, "end": 3, "label": "LOC"}]), looks_like_spans(["LOC"])
    (True, False)
    """
    return isinstance(value, list) and any(_parse(item) is not None for item in value)


@dataclass
class SpanReader:
    """Bring the spans of one source into the normal form, collecting what is wrong with them.

    Attributes:
        problems: Faults found so far.
        counted: What the offsets turned out to count, where it was not code points.
        num_different: Spans whose own text is not what stands at their offsets.
    """

    problems: Problems
    counted: dict[str, int] = field(default_factory=dict)
    num_different: int = 0

    def read(self, value: Any, text: Any, number: int) -> list[dict[str, Any]] | None:
        """Return the spans of one row, sorted, without repetitions; None stays None.

        Args:
            value: The list of spans in any spelling.
            text: The row's text.
            number: The row's line, for messages.
        """
        if value is None:
            return None
        if not isinstance(text, str):
            self.problems.add(number, "there are spans but no text")
            return None
        if not isinstance(value, list | tuple):
            self.problems.add(number, f"{value!r:.40} is no list of spans")
            return None
        spans: set[Span] = set()
        for item in value:
            parsed = _parse(item)
            if parsed is None:
                self.problems.add(number, f"{item!r:.60} is no span")
                continue
            start, end, label, surface = parsed
            if surface is not None:
                start, end = self._locate(text, start, end, surface)
            if not 0 <= start < end <= len(text):
                fact = f"the span {start} to {end} does not lie in the text of {len(text)} characters"
                self.problems.add(number, fact)
                continue
            spans.add((start, end, label))
        return [dict(zip(("start", "end", "label"), span, strict=True)) for span in sorted(spans)]

    def notes(self) -> tuple[str, ...]:
        """Return what the user should know after all rows."""
        notes = [
            f"{counted(count, 'span counts', 'spans count')} {what} instead of characters, converted"
            for what, count in self.counted.items()
        ]
        if self.num_different:
            spans = counted(self.num_different, "span names", "spans name")
            notes.append(f"{spans} another text than stands at the offsets")
        return tuple(notes)

    def _locate(self, text: str, start: int, end: int, surface: str) -> tuple[int, int]:
        if text[start:end] == surface or not surface:
            return start, end
        wide, narrow = text.encode("utf-16-le", "surrogatepass"), text.encode("utf-8", "surrogatepass")
        for what, data, unit, codec in (
            ("UTF-16 units", wide, 2, "utf-16-le"),
            ("bytes", narrow, 1, "utf-8"),
        ):
            if data[unit * start : unit * end] == surface.encode(codec, "surrogatepass"):
                self.counted[what] = self.counted.get(what, 0) + 1
                begin = len(data[: unit * start].decode(codec, "surrogatepass"))
                return begin, begin + len(surface)
        if text[start : end + 1] == surface:
            self.counted["the last character inside"] = self.counted.get("the last character inside", 0) + 1
            return start, end + 1
        self.num_different += text[start:end].strip().casefold() != surface.strip().casefold()
        return start, end


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
    table, text_name, name = with_tokens(table, config)
    columns = table.columns
    if not _is_list(columns, "tokens", pa.types.is_string):
        return table
    name = name or next((n for n in TAG_COLUMNS if _is_list(columns, n, pa.types.is_string)), None)
    written = columns[text_name].to_pylist() if text_name in columns.column_names else None
    has_spans = "spans" in columns.column_names
    if written is not None and (name is None or has_spans or not _are_tags(columns, text_name, name)):
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


def _parse(item: Any) -> tuple[int, int, str, str | None] | None:
    """Return (start, end, label, text) of one span in any spelling, or None."""
    if isinstance(item, list | tuple) and len(item) == 3:
        start, end, label = item if not isinstance(item[0], str) else (item[1], item[2], item[0])
        surface = None
    elif isinstance(item, Mapping):
        start, end, label = (_first(item, names) for names in (_STARTS, _ENDS, _LABELS))
        if end is None and isinstance(start, int) and isinstance(item.get("length"), int):
            end = start + item["length"]
        label = label[0] if isinstance(label, list) and len(label) == 1 else label
        surface = _first(item, _TEXTS)
    else:
        return None
    if not (_is_count(start) and _is_count(end) and isinstance(label, str) and label):
        return None
    return start, end, label, surface if isinstance(surface, str) else None


def _first(item: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((item[name] for name in names if item.get(name) is not None), None)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
