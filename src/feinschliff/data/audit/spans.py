"""Entities that a tagger cannot learn as they are marked."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np

from feinschliff.data.audit._found import Found, Pool, shorten
from feinschliff.errors import counted

KINDS = {
    "spans_cut_words": "Entities that begin or end within a word, or with a blank.",
    "spans_across_sentences": "Entities that reach over the end of a sentence or a line.",
    "overlapping_spans": "Entities that overlap; a tagger gives each word one type.",
    "inconsistent_types": "The same words marked with different types.",
}
Places = dict[int, str]
NO_ROWS = np.zeros(0, dtype=np.int64)


def check(pool: Pool) -> Iterator[Found]:
    """Find entities with odd borders, overlaps, and contradicting types."""
    if pool.kind != "ner":
        return
    cut: Places = {}
    across: Places = {}
    overlapping: Places = {}
    types: defaultdict[str, Counter[str]] = defaultdict(Counter)
    first_row: dict[tuple[str, str], int] = {}
    table = pool.records.table.select(["text", "target"])
    row = -1
    for batch in table.to_batches(max_chunksize=4096):
        for text, spans in zip(batch["text"].to_pylist(), batch["target"].to_pylist(), strict=True):
            row += 1
            end = -1
            for span in sorted(spans or (), key=lambda s: (s["start"], s["end"])):
                words = text[span["start"] : span["end"]]
                shown = f"'{shorten(words, 60)}' ({span['label']})"
                if _cuts_word(text, span["start"], span["end"]):
                    cut.setdefault(row, shown)
                if "\n" in words or any(f"{sign} " in words for sign in "!?"):
                    across.setdefault(row, shown)
                if span["start"] < end:
                    overlapping.setdefault(row, shown)
                end = max(end, span["end"])
                types[words][span["label"]] += 1
                first_row.setdefault((words, span["label"]), row)
    for kind, places, fact in (
        ("spans_cut_words", cut, "with entities that begin or end within a word, or with a blank"),
        ("spans_across_sentences", across, "with entities that reach over the end of a sentence"),
        ("overlapping_spans", overlapping, "with overlapping entities, of which only one can be learnt"),
    ):
        if places:
            rows = np.array(list(places), dtype=np.int64)
            yield Found(kind, "warning", rows, f"{counted(len(rows), 'text')} {fact}", places.__getitem__)
    yield from _contradictions(types, first_row)


def _contradictions(types: dict[str, Counter[str]], first_row: dict[tuple[str, str], int]) -> Iterator[Found]:
    """Report words of which a type is marked at least twice, and another at least a quarter as often."""
    torn = {
        w: c for w, c in types.items() if len(c) > 1 and c.most_common(2)[1][1] >= max(2, sum(c.values()) / 5)
    }
    if not torn:
        return
    details: Places = {}
    for words, counts in sorted(torn.items(), key=lambda item: -sum(item[1].values())):
        listed = ", ".join(
            f"{label} {'once' if n == 1 else f'{n} times'}" for label, n in counts.most_common(4)
        )
        details.setdefault(first_row[words, counts.most_common(2)[1][0]], f"'{shorten(words, 60)}': {listed}")
    rows = np.array(sorted(details), dtype=np.int64)
    message = f"{counted(len(torn), 'phrase is', 'phrases are')} marked with different types"
    yield Found("inconsistent_types", "info", NO_ROWS, message, details.__getitem__, len(torn), shown=rows)


def _cuts_word(text: str, start: int, end: int) -> bool:
    if text[start].isspace() or text[end - 1].isspace():
        return True
    before = start > 0 and text[start - 1].isalnum() and text[start].isalnum()
    after = end < len(text) and text[end].isalnum() and text[end - 1].isalnum()
    return before or after
