"""Texts as careless people and other systems write them: typing errors, case, blanks, accents.

A change replaces single characters by none, one or several, so that every character of the old text has its
place in the new one and entities can be followed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from feinschliff.data import Records

Change = Callable[[str, np.random.Generator], list[str]]
"""Text to the pieces that stand for its characters, as many as it has."""

TYPO_SHARE = 0.1
"""Words with a typing error, on average."""
BLANK_SHARE = 0.1
ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def typos(text: str, random: np.random.Generator) -> list[str]:
    """Make a tenth of the words of three letters or more wrong: a letter left out, doubled, swapped with
    the next, or replaced by one beside it on the keyboard.
    """
    pieces = list(text)
    begin = 0
    while begin < len(text):
        if not text[begin].isalpha():
            begin += 1
            continue
        end = begin
        while end < len(text) and text[end].isalpha():
            end += 1
        if end - begin >= 3 and random.random() < TYPO_SHARE:
            _misspell(pieces, begin, end, random)
        begin = end
    return pieces


def _misspell(pieces: list[str], begin: int, end: int, random: np.random.Generator) -> None:
    place = int(random.integers(begin, end - 1))
    kind = random.integers(4)
    if kind == 0:
        pieces[place] = ""
    elif kind == 1:
        pieces[place] *= 2
    elif kind == 2:
        pieces[place], pieces[place + 1] = pieces[place + 1], pieces[place]
    else:
        pieces[place] = _beside(pieces[place], random)


def _beside(letter: str, random: np.random.Generator) -> str:
    """Return a letter beside it on the keyboard; letters that are on no key stay."""
    for row in ROWS:
        if (place := row.find(letter.lower())) >= 0:
            near = row[max(0, place - 1) : place] + row[place + 1 : place + 2]
            chosen = near[int(random.integers(len(near)))]
            return chosen.upper() if letter.isupper() else chosen
    return letter


def lower(text: str, random: np.random.Generator) -> list[str]:
    """Write everything small."""
    return [char.lower() for char in text]


def upper(text: str, random: np.random.Generator) -> list[str]:
    """Write everything in capitals."""
    return [char.upper() for char in text]


def blanks(text: str, random: np.random.Generator) -> list[str]:
    """Double or, before a sign, add a tenth of the blanks, and let the text begin and end with one."""
    pieces = list(text)
    for place, char in enumerate(text):
        is_blank = char == " " or (char in ".,;:!?" and place > 0)
        if is_blank and random.random() < BLANK_SHARE:
            pieces[place] = " " + char
    if pieces:
        pieces[0], pieces[-1] = " " + pieces[0], pieces[-1] + " "
    return pieces


def plain(text: str, random: np.random.Generator) -> list[str]:
    """Write letters without their accents and dots, as old systems and foreign keyboards do."""
    pieces = []
    for char in text:
        parts = unicodedata.normalize("NFD", char)
        kept = "".join(part for part in parts if not unicodedata.combining(part))
        pieces.append(kept if char.isalpha() else char)
    return pieces


def unpunctuated(text: str, random: np.random.Generator) -> list[str]:
    """Leave out commas, stops and other signs of punctuation."""
    return ["" if unicodedata.category(char).startswith("P") else char for char in text]


CHANGES: dict[str, Change] = {
    "typos": typos,
    "lower": lower,
    "upper": upper,
    "blanks": blanks,
    "plain": plain,
    "unpunctuated": unpunctuated,
}


def perturbed(records: Records, change: str, seed: int = 0) -> tuple[list[str], list[str] | None, list[Any]]:
    """Return texts, second texts and targets after a change; spans of entities move with their characters.

    Args:
        records: With targets.
        change: One of `CHANGES`.
        seed: Of what is changed where.
    """
    random = np.random.default_rng(seed)
    apply = CHANGES[change]
    pieces = [apply(text, random) for text in records.texts]
    pairs = records.pairs
    second = None if pairs is None else ["".join(apply(text, random)) for text in pairs]
    targets = records.targets
    if targets and isinstance(targets[0], list) and any(isinstance(s, dict) for t in targets for s in t):
        targets = [_moved(spans, own) for spans, own in zip(targets, pieces, strict=True)]
    return ["".join(own) for own in pieces], second, targets


def _moved(spans: Sequence[dict[str, Any]], pieces: Sequence[str]) -> list[dict[str, Any]]:
    """Return spans at their characters' new places, without blanks at their edges; empty ones are dropped."""
    ends = np.concatenate([[0], np.cumsum([len(piece) for piece in pieces])])
    text = "".join(pieces)
    found = []
    for span in spans:
        start, end = int(ends[span["start"]]), int(ends[span["end"]])
        inner = text[start:end]
        start += len(inner) - len(inner.lstrip())
        end -= len(inner) - len(inner.rstrip())
        if start < end:
            found.append({**span, "start": start, "end": end})
    return found
