"""Tokens and tags to a CoNLL file: one token and its tag on each line, a blank line after each sentence."""

from __future__ import annotations

from itertools import pairwise

import pyarrow as pa

from feinschliff.readers._write import TableWriter


class ConllWriter(TableWriter):
    """Write the columns `tokens` and `tags`; rows of another `document`, if there is one, begin a new one."""

    formats = (".conll",)
    document: int | None = None

    def _write(self, columns: pa.Table) -> None:
        for row in columns.to_pylist():
            if row.get("document") != self.document:
                self.document = row["document"]
                self.stream.write("-DOCSTART-\tO\n\n")
            if row["tokens"]:
                lines = zip(row["tokens"], row["tags"], strict=True)
                self.stream.write("".join(f"{token}\t{tag}\n" for token, tag in lines) + "\n")


def tags_of(num_tokens: int, entities: list[tuple[int, int, str]], scheme: str) -> list[str]:
    """Return the tags of a sentence; the other way round see `_tags.to_entities`.

    Args:
        entities: (first token, token after the last, type), in order, none overlapping.
        scheme: `io`, `iob1`, `iob2`, `bioes` or `bilou`.

    >>> tags_of(4, [(0, 2, "PER"), (2, 3, "PER")], "bilou")
    ['B-PER', 'L-PER', 'U-PER', 'O']
    >>> tags_of(4, [(0, 2, "PER"), (2, 3, "PER")], "iob1")
    ['I-PER', 'I-PER', 'B-PER', 'O']
    """
    ends = {"bioes": ("B", "E", "S"), "bilou": ("B", "L", "U"), "iob1": ("I", "I", "I")}
    first, last, single = ends.get(scheme, ("B", "I", "B"))
    tags = ["O"] * num_tokens
    for start, end, kind in entities:
        inner = [first, *"I" * (end - start - 2), last] if end - start > 1 else [single]
        tags[start:end] = [kind if scheme == "io" else f"{prefix}-{kind}" for prefix in inner]
    if scheme == "iob1":
        for (_, end, kind), (start, _, other) in pairwise(entities):
            if end == start and kind == other:
                tags[start] = f"B-{kind}"
    return tags
