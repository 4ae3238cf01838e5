"""Where the rows of a file have spans, which of their strings is the text, and what the offsets count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from feinschliff.config import DataConfig
from feinschliff.readers._json import TEXT_KEYS
from feinschliff.readers._offsets import (
    CHARACTERS,
    TOKENS,
    TOKENS_INSIDE,
    Parsed,
    flat,
    looks_like_spans,
    own_text,
    parse,
    token_places,
)
from feinschliff.readers._rows import Row, is_span_list
from feinschliff.readers._spans import join_tokens

SPAN_KEYS = ("spans", "entities", "ents", "annotations", "labels", "label", "ner")
NAMED_AS_SPANS = ("spans", "entities", "ents", "ner")
"""Keys whose lists are spans even while they are empty."""
_NO_SPANS = ("tokens", "words", "sentences", "relations")
"""Keys whose lists may have places and types, too."""
_NEARLY_ALL = 0.75


@dataclass(frozen=True)
class SpanLayout:
    """How the rows of a file bring their spans.

    Attributes:
        keys: Under which keys there may be spans.
        text: The key of the text where its name does not say so.
        is_renamed: Whether another could be taken for the text, so that this one needs the name `text`.
        unit: What the offsets of spans without a text of their own count.
    """

    keys: tuple[str, ...]
    text: str | None = None
    is_renamed: bool = False
    unit: str = CHARACTERS

    def named(self, row: Row) -> Row:
        """Return a row with the text under its name."""
        return {"text" if self.is_renamed and k == self.text else k: v for k, v in row.items()}

    def notes(self) -> tuple[str, ...]:
        """Return what the user should know."""
        found = f"'{self.text}' is read as 'text', as the entities stand there"
        return (found,) if self.is_renamed else ()


def find_layout(rows: Sequence[Row], config: DataConfig) -> SpanLayout:
    """Return the layout of a file that begins with these rows."""
    keys = tuple(dict.fromkeys((config.label or "", *SPAN_KEYS, *unusual_keys(rows, config))))
    text, is_renamed = _find_text_key(rows, keys, config)
    return SpanLayout(keys, text, is_renamed, _find_unit(rows, keys, text, config))


def unusual_keys(rows: Sequence[Row], config: DataConfig) -> list[str]:
    """Return the one key of lists of spans that is not called as usual, where no other has spans."""
    usual = (config.label or "", *SPAN_KEYS)
    if any(looks_like_spans(row.get(key)) for row in rows for key in usual):
        return []
    found: dict[str, bool] = {}
    for row in rows:
        for key, value in row.items():
            if isinstance(value, list) and value and key not in _NO_SPANS and found.get(key, True):
                found[key] = all(isinstance(item, Mapping) and parse(item) for item in flat(value))
    keys = [key for key, are_spans in found.items() if are_spans]
    keys = keys if len(keys) == 1 else [k for k in keys if "entit" in k.casefold() or "span" in k.casefold()]
    return keys if len(keys) == 1 else []


def with_text(row: Row, config: DataConfig) -> Row:
    """Return a row of tokens alone with their text; GLiNER's {tokenized_text, ner} counts tokens."""
    tokens, spans = row.get("tokenized_text"), row.get("ner")
    if _are_strings(row.get("tokens")) and not _has_text(row, config):
        return {"text": join_tokens(row["tokens"])[0], **row}
    if not (_are_strings(tokens) and tokens):
        return row
    text, begins = join_tokens(tokens)
    if isinstance(spans, list) and is_span_list(spans) and all(a <= b < len(tokens) for a, b, _ in spans):
        spans = [[begins[a], begins[b] + len(tokens[b]), label] for a, b, label in spans]
    rest = {k: v for k, v in row.items() if k not in ("tokenized_text", "ner")}
    return {"text": text, "tokens": tokens, "ner": spans, **rest}


def find_text(row: Row, config: DataConfig, known: str | None = None) -> str | None:
    """Return the text of a row: under the named column, a usual name, or else its longest string.

    >>> find_text({"id": "a1", "document": {"text": "Ulm ist alt", "language": "German"}}, DataConfig())
    'Ulm ist alt'
    """
    for name in (config.text or known or "", *TEXT_KEYS):
        if name in row and not isinstance(row[name], dict):
            return row[name]
    inner = {f"{k}.{n}": v for k, value in row.items() if isinstance(value, dict) for n, v in value.items()}
    if config.text in inner:
        return inner[config.text]
    return max((v for v in (*row.values(), *inner.values()) if isinstance(v, str)), key=len, default=None)


def _has_text(row: Row, config: DataConfig) -> bool:
    """Return whether a string of a row is its text, going by its name or by the tokens in it."""
    if any(isinstance(row.get(name), str) for name in (config.text or "", *TEXT_KEYS)):
        return True
    text = find_text(row, config)
    return isinstance(text, str) and bool(token_places(row["tokens"], text))


def _find_text_key(rows: Sequence[Row], keys: Sequence[str], config: DataConfig) -> tuple[str | None, bool]:
    """Return (key of the strings in which the spans' own texts stand, whether others are texts, too)."""
    if config.text or any(name in row for row in rows for name in TEXT_KEYS):
        return None, False
    num_spans = 0
    fitting: Counter[str] = Counter()
    words: Counter[str] = Counter()
    for row in rows:
        texts = {key: value for key, value in row.items() if isinstance(value, str)}
        words.update({key: len(text.split()) for key, text in texts.items()})
        for (start, end, *_), surface in _spans_of(row, keys):
            num_spans += bool(surface)
            fitting.update(key for key, text in texts.items() if surface and text[start:end] == surface)
    best = max(fitting, key=lambda key: fitting[key], default=None)
    if best is None or fitting[best] <= num_spans / 2:
        return None, False
    return best, any(count > 2 * len(rows) for key, count in words.items() if key != best)


def _find_unit(rows: Sequence[Row], keys: Sequence[str], text_key: str | None, config: DataConfig) -> str:
    """Return what offsets count: tokens where all lie in them and, as characters, nearly all cut words."""
    num_spans = num_cut = num_empty = 0
    for row in rows:
        tokens, text = row.get("tokens"), find_text(row, config, text_key)
        for (start, end, _, surface), _ in _spans_of(row, keys):
            if surface is not None:
                continue
            if not isinstance(tokens, list) or not start <= end <= len(tokens) or not isinstance(text, str):
                return CHARACTERS
            num_spans += 1
            num_cut += _cuts_words(text, start, end)
            num_empty += start == end
    if num_cut < _NEARLY_ALL * num_spans or not num_spans:
        return CHARACTERS
    return TOKENS_INSIDE if num_empty else TOKENS


def _spans_of(row: Row, keys: Sequence[str]) -> Iterator[tuple[Parsed, str | None]]:
    """Yield the spans of a row, each with what it says is its text."""
    for key in keys:
        value = row.get(key)
        for item in flat(value) if isinstance(value, list) else ():
            if parsed := parse(item):
                yield parsed, own_text(item)


def _cuts_words(text: str, start: int, end: int) -> bool:
    piece = text[start:end]
    within = (text[max(0, start - 1) : start + 1], text[max(0, end - 1) : end + 1])
    return piece != piece.strip() or not piece or any(len(two) > 1 and two.isalnum() for two in within)


def _are_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
