"""Texts in several languages, by their script and commonest words: a hint, not a detector."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import numpy as np

from feinschliff.data.audit._found import NUM_EXAMPLES, Found, Pool

KINDS = {"mixed_languages": "A part of the texts is in another language than the most."}
SAMPLE = 10_000
LEAST_SHARE = 0.02
NO_ROWS = np.zeros(0, dtype=np.int64)
_COMMON = {
    "English": "the and is was this that with for have you are not it of to they my your but what be so",
    "German": "der die das und ist nicht ich sie mit ein eine auf für von dem den zu war wir auch sich es",
    "French": "le les des est une et que pas pour dans ce qui sur avec je vous nous mais très du était au",
    "Spanish": "el los las es que una por con para pero muy del se lo como está este mi más fue ser al",
    "Italian": "il che di per non una sono con questo è gli della molto ma anche mi ho alla nel più ci si",
    "Dutch": "het een van en niet dat ik op met voor zijn te maar ook deze heeft er aan wat bij naar",
    "Portuguese": "os que não uma com para é muito mas da em foi isso por mais você eu ao meu são",
    "Polish": "nie się że jest jak ale po od co tak czy bardzo przez być ten dla tego już tylko",
    "Turkish": "ve bir bu çok da de için ile ne ama gibi daha var değil o ben kadar mi en sonra",
    "Swedish": "och det är att en som på inte jag av för med till den har var om ett men så",
}
_SCRIPTS = {
    "Cyrillic": "\u0400-\u04ff",
    "Greek": "\u0370-\u03ff",
    "Arabic": "\u0600-\u06ff",
    "Hebrew": "\u0590-\u05ff",
    "Devanagari": "\u0900-\u097f",
    "Thai": "\u0e00-\u0e7f",
    "Chinese or Japanese": "\u3040-\u30ff\u4e00-\u9fff",
    "Korean": "\uac00-\ud7af",
}
_WORDS = {name: frozenset(words.split()) for name, words in _COMMON.items()}
_LETTERS = {name: re.compile(f"[{letters}]") for name, letters in _SCRIPTS.items()}


def language(text: str) -> str | None:
    """Return a text's language, or script outside Latin; None when it is not clear.

    >>> language("Das ist nicht das Buch, das ich bestellt habe"), language("LG OLED 55")
    ('German', None)
    """
    if not text.isascii():
        for name, pattern in _LETTERS.items():
            if len(pattern.findall(text[:500])) > 0.3 * len(text[:500].replace(" ", "")):
                return name
    words = set(re.findall(r"\w+", text[:1000].lower()))
    hits = sorted(((len(words & common), name) for name, common in _WORDS.items()), reverse=True)
    return hits[0][1] if hits[0][0] >= 3 and hits[0][0] >= 1.5 * hits[1][0] + 1 else None


def check(pool: Pool) -> Iterator[Found]:
    """Find texts in other languages than the most; of large data, in a sample."""
    numbers = np.unique(np.linspace(0, len(pool.texts.row) - 1, SAMPLE).astype(np.int64))
    rows = np.sort(pool.texts.row[numbers])
    rows = rows[~pool.empty[rows]]
    texts = pool.records.table["text"].take(rows).to_pylist()
    found = {int(row): name for row, text in zip(rows, texts, strict=True) if (name := language(text))}
    counts = Counter(found.values())
    if len(counts) < 2:
        return
    (main, most), *others = counts.most_common()
    others = [(name, n) for name, n in others if n >= max(2, LEAST_SHARE * len(found))]
    if not others:
        return
    names = {name for name, _ in others}
    minority = np.array([row for row, name in found.items() if name in names], dtype=np.int64)
    shares = ", ".join(f"{name} {n / len(found):.0%}" for name, n in others)
    sampled = "" if len(pool.texts.row) <= SAMPLE else f" (of {len(rows):,} texts looked at)"
    message = f"most texts are {main} ({most / len(found):.0%}), but also {shares}{sampled}"
    yield Found(
        "mixed_languages",
        "info",
        NO_ROWS,
        message,
        lambda row: found[row],
        len(minority),
        shown=_spread(minority),
    )


def _spread(rows: np.ndarray) -> np.ndarray:
    return rows[np.unique(np.linspace(0, len(rows) - 1, NUM_EXAMPLES).astype(np.int64))]
