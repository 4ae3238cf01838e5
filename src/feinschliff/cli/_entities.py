"""Predicted entities for people and for other programs: as tags of tokens, and marked in the terminal."""

from __future__ import annotations

import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa
    from rich.text import Text

    from feinschliff.bundle import Model

SCHEMES = ("io", "iob1", "iob2", "bioes", "bilou")
COLOURS = ("cyan", "yellow", "magenta", "green", "blue", "red")


def form(model: Model, output: Path | None, scheme: str | None, explain: bool) -> str:
    """Return how predictions are shown: as `rows`, as `tags` of tokens, or as `marks` in the text.

    Raises:
        ConfigError: a file of tags cannot hold what is asked for.
    """
    from feinschliff.cli._output import console
    from feinschliff.errors import ConfigError, no_such

    if output is None or output.suffix.lower() != ".conll":
        if scheme is not None:
            raise ConfigError(
                "only .conll files have tags", where="--tag-scheme", hint="Write one: -o FILE.conll"
            )
        on_screen = output is None and model.kind == "ner" and not explain and console().is_terminal
        return "marks" if on_screen else "rows"
    if model.kind != "ner":
        raise ConfigError(
            f"a .conll file holds entities, and the model's task is {model.task}",
            where=str(output),
            hint="Write a .csv, .tsv, .jsonl or .parquet file",
        )
    if explain:
        raise ConfigError(
            "a .conll file has no place for explanations", where="--explain", hint="Write .jsonl"
        )
    if scheme is not None and scheme not in SCHEMES:
        raise no_such("tag scheme", scheme, SCHEMES, "--tag-scheme")
    return "tags"


def show(rows: pa.Table, text: str, spans: str, labels: Sequence[str]) -> None:
    """Print each text with its entities marked."""
    from feinschliff.cli._output import console

    screen = console()
    for content, found in zip(rows[text].to_pylist(), rows[spans].to_pylist(), strict=True):
        screen.print(marked(content or "", found, labels), soft_wrap=True)


def tagged(rows: pa.Table, text: str, spans: str, scheme: str) -> pa.Table:
    """Return the columns `tokens` and `tags`, and `document` where the rows have it.

    Tokens are the rows' own, where they are those of the text, otherwise the words that carry labels. A token
    that an entity touches belongs to it.

    Args:
        text, spans: Names of the columns.
        scheme: See `readers.tags_of`.
    """
    import pyarrow as pa

    tokens, tags = [], []
    texts = rows[text].to_pylist()
    given = rows["tokens"].to_pylist() if "tokens" in rows.column_names else [None] * len(texts)
    for content, own, found in zip(texts, given, rows[spans].to_pylist(), strict=True):
        names, places = _tokens(content or "", own)
        tokens.append(names)
        tags.append(_tags(places, found, scheme))
    columns = {
        "tokens": pa.array(tokens, pa.list_(pa.string())),
        "tags": pa.array(tags, pa.list_(pa.string())),
    }
    if "document" in rows.column_names:
        columns["document"] = rows["document"]
    return pa.table(columns)


def _tokens(text: str, given: Any) -> tuple[list[str], list[tuple[int, int]]]:
    """Return the tokens of a text and the characters of each."""
    from feinschliff.encode.words import word_spans
    from feinschliff.readers import join_tokens

    if isinstance(given, list) and all(
        isinstance(t, str) and t and not set(t) & set("\t\r\n") for t in given
    ):
        joined, starts = join_tokens(given)
        if joined == text:
            return given, [(start, start + len(token)) for start, token in zip(starts, given, strict=True)]
    places = [(int(start), int(end)) for start, end in word_spans(text, apart=True)]
    return [text[start:end] for start, end in places], places


def _tags(places: Sequence[tuple[int, int]], spans: list[dict[str, Any]], scheme: str) -> list[str]:
    from feinschliff.readers import tags_of

    starts, ends = zip(*places, strict=True) if places else ((), ())
    entities, free = [], 0
    for span in sorted(spans, key=lambda span: span["start"]):
        first = max(free, bisect_right(ends, span["start"]))
        behind = bisect_left(starts, span["end"])
        if first < behind:
            free = behind
            entities.append((first, behind, span["label"]))
    return tags_of(len(places), entities, scheme)


def marked(text: str, spans: Sequence[dict[str, Any]], labels: Sequence[str]) -> Text:
    """Return a text for the terminal, each entity in brackets with its label, in the label's colour."""
    from rich.text import Text

    found, done = Text(), 0
    for span in spans:
        style = f"bold {COLOURS[labels.index(span['label']) % len(COLOURS)]}"
        found.append(_visible(text[done : span["start"]]))
        found.append(f"[{_visible(text[span['start'] : span['end']])} {span['label']}]", style)
        done = span["end"]
    return found.append(_visible(text[done:]))


def _visible(text: str) -> str:
    """Return a text without what would steer the terminal."""
    return "".join("\ufffd" if unicodedata.category(c) == "Cc" and c not in "\t\n" else c for c in text)
