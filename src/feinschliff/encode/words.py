"""Units of a text: which tokens carry a label, and which characters each of them stands for.

Words are found in the text itself, not taken from the tokenizer, so that they are the same for every
model. Tokenizers that split at blanks only would make `Merkel,` one word, whose label could never end before
the comma.

A narrow word is a run of letters and digits, or a single other sign; in scripts written without blanks every
letter. A wide word also holds the signs that join its parts: `www.x.de`, `IL-2`, `AT&T`, `#Rom`, `@Ada`.
Where nobody marks the `Rom` of `#Rom`, narrow words teach that `Rom` is no entity; where somebody does, only
narrow words can say so.

Cost: a handful of numpy operations per character; about 10 million characters a second.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from feinschliff.encode.chunks import chunks

SPACE, WORD, SINGLE, MARK, FORMAT, UNKNOWN = range(6)

UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),  # Chinese characters
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x323AF),
)
APOSTROPHE = re.compile(r"(?<=[^\W\d_])['’](?=[^\W\d_])")
SKIN_TONES = range(0x1F3FB, 0x1F400)
JOINING = np.array([ord(sign) for sign in "#$%&*+-./:=@\\^~|‐‑·"], np.uint32)
LEADING = np.array([ord(sign) for sign in "#@"], np.uint32)


def unit_offsets(
    texts: Sequence[str],
    owner: np.ndarray,
    starts: np.ndarray,
    offsets: np.ndarray,
    pieces: str = "first",
    words: str = "narrow",
) -> np.ndarray:
    """Return int32 [T, 2], the characters that each labelled token stands for; (0, 0) for the others.

    With `first`, the first token of each word is labelled and stands for the whole word: up to its last
    character, also where the tokenizer drops it (a combining mark, a soft hyphen). With `all`, every token is
    labelled and stands for its own characters and the marks after them. Blanks at a token's edges, which some
    tokenizers count to it, are never part of a unit. Of several tokens for one character, marks included, the
    first counts.

    Args:
        texts: N texts.
        owner: int64 [W], the text of each window.
        starts: int64 [W + 1], the tokens of each window.
        offsets: int32 [T, 2], the tokenizer's character offsets, (0, 0) for special tokens.
        pieces: `first` or `all`.
        words: `narrow` or `wide`.
    """
    kind, base = _kinds(texts, words == "wide")
    word_start, word_end = _words(kind)
    window = np.repeat(np.arange(len(owner)), np.diff(starts))
    shift = base[owner[window]]
    begin, end = _trim(offsets[:, 0] + shift, offsets[:, 1] + shift, kind)
    letter = np.append(_following((kind == WORD) | (kind == SINGLE)), len(kind))[begin]
    begin = np.where(letter < end, letter, begin)  # not at signs that nobody sees
    real = np.flatnonzero((end > begin) & (offsets[:, 1] > offsets[:, 0]))
    begin, end, window = begin[real], end[real], window[real]
    fresh = np.ones(len(real), bool)
    fresh[1:] = (window[1:] != window[:-1]) | (begin[1:] >= end[:-1])
    fresh &= word_start[begin] if pieces == "first" else kind[begin] < MARK
    labelled = np.flatnonzero(fresh)
    if pieces == "first" and len(labelled):
        following = np.append(labelled[1:], len(real))
        first_of_next = np.searchsorted(window, window[labelled], side="right")
        end = word_end[end[np.minimum(following, first_of_next) - 1] - 1]
    else:
        end = _following(kind < MARK)[end[labelled]]
    found = np.zeros((len(offsets), 2), np.int32)
    where = real[labelled]
    found[where, 0] = begin[labelled] - shift[where]
    found[where, 1] = end - shift[where]
    return found


def word_spans(text: str, apart: bool = False) -> np.ndarray:
    """Return int64 [W, 2], the characters of the words of a text.

    Args:
        apart: Whether an apostrophe within a word parts it, as it does where words carry labels.

    >>> word_spans("It's new.").tolist()
    [[0, 4], [5, 8], [8, 9]]
    """
    kind, base = _kinds([text])
    starts, end = _words(kind)
    places = np.flatnonzero(starts)
    if not apart:
        inner = np.array([m.start() for m in APOSTROPHE.finditer(text)], np.int64) + base[0]
        starts[inner] = starts[inner + 1] = False
    first = starts[places]
    last = np.append(first[1:], True)[: len(first)]
    return np.stack([places[first], end[places[last]]], axis=1) - base[0]


def num_expressed(texts: Sequence[str], spans: Sequence[Sequence[Mapping[str, Any]]], words: str) -> int:
    """Return how many entities begin and end where words do.

    Args:
        texts: N texts.
        spans: Entities of each, with `start` and `end`.
        words: `narrow` or `wide`.
    """
    return sum(_num_expressed(texts[chunk], spans[chunk], words) for chunk in chunks(texts))


def _num_expressed(texts: Sequence[str], spans: Sequence[Sequence[Mapping[str, Any]]], words: str) -> int:
    kind, base = _kinds(texts, words == "wide")
    starts, end = _words(kind)
    pairs = zip(base, spans, strict=True)
    edges = [(shift + s["start"], shift + s["end"]) for shift, found in pairs for s in found]
    first, last = np.array(edges, np.int64).reshape(-1, 2).T
    return int((starts[first] & (end[last - 1] == last)).sum())


def _kinds(texts: Sequence[str], wide: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return the kind of every character, uint8 [C], and where each text begins, int64 [N].

    A blank stands before and after every text, so that nothing reaches over its edges. Marks belong to the
    character before them; after a blank a combining mark counts as a letter, and a mark of formatting as a
    blank.
    """
    codes = np.frombuffer(" ".join(["", *texts, ""]).encode("utf-32-le", "surrogatepass"), np.uint32)
    table = _table()
    unknown = np.unique(codes[table[codes] == UNKNOWN])
    table[unknown] = [_kind(chr(code)) for code in unknown]
    kind = table[codes]
    loose = _carried(kind) == SPACE
    kind[loose & (kind == MARK)] = WORD
    kind[loose & (kind == FORMAT)] = SPACE
    if wide:
        kind[_joining(kind, codes)] = WORD
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    return kind, 1 + np.concatenate([[0], np.cumsum(lengths + 1)])[: len(texts)]


def _joining(kind: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return bool [C], the signs that stand between parts of a wide word, or lead it."""
    joins = (kind == SINGLE) & np.isin(codes, JOINING)
    letter, gap = kind == WORD, (kind == SPACE) | ((kind == SINGLE) & ~joins)
    places = np.arange(len(kind))
    latest_letter, latest_gap = (
        np.maximum.accumulate(np.where(chosen, places, -1)) for chosen in (letter, gap)
    )
    after_letter, before_letter = latest_letter > latest_gap, _following(letter) < _following(gap)
    leads = np.isin(codes, LEADING) & np.append(letter[1:], False)
    return joins & (leads | after_letter) & before_letter


@cache
def _table() -> np.ndarray:
    """Kind of every code point, filled in as they occur (all at once would take a second)."""
    return np.full(0x110000, UNKNOWN, np.uint8)


def _kind(char: str) -> int:
    category = unicodedata.category(char)
    if char.isspace() or category in ("Zl", "Zp", "Zs", "Cc"):
        return SPACE
    if category[0] == "M" or ord(char) in SKIN_TONES:
        return MARK
    if category == "Cf":
        return FORMAT
    if category[0] not in "LN" and char != "_":
        return SINGLE
    return SINGLE if any(low <= ord(char) <= high for low, high in UNSPACED) else WORD


def _words(kind: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return bool [C], where a word starts, and int64 [C], the end of the word each character is in."""
    before = np.append(SPACE, _carried(kind)[:-1])
    start = (kind == SINGLE) | ((kind == WORD) & (before != WORD))
    return start, np.append(_following(start | (kind == SPACE))[1:], len(kind))


def _carried(kind: np.ndarray) -> np.ndarray:
    """Return uint8 [C], the kind of the character itself, or of the one that carries the mark."""
    places = np.arange(len(kind))
    return kind[np.maximum.accumulate(np.where(kind >= MARK, 0, places))]


def _following(chosen: np.ndarray) -> np.ndarray:
    """Return int64 [C], the first chosen place from each place on; C where there is none."""
    places = np.where(chosen, np.arange(len(chosen)), len(chosen))
    return np.minimum.accumulate(places[::-1])[::-1]


def _trim(begin: np.ndarray, end: np.ndarray, kind: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the spans without blanks at their edges; a span of blanks only becomes empty."""
    solid = kind != SPACE
    preceding = np.maximum.accumulate(np.where(solid, np.arange(len(kind)), -1))
    return _following(solid)[begin], preceding[end - 1] + 1
