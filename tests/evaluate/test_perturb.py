"""Changes of texts keep what they promise, and entities stay with their characters."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feinschliff.data import Records
from feinschliff.evaluate.perturb import CHANGES, perturbed

TEXT = "Frau Müller, née Dupré, lives in Kiel! She likes Lübeck too."
SPANS = [
    {"start": TEXT.index(name), "end": TEXT.index(name) + len(name), "label": "X"}
    for name in ("Müller", "Dupré", "Kiel", "Lübeck")
]


def records(texts, **columns):
    return Records(pa.table({"text": texts, "target": ["a"] * len(texts), **columns}))


@given(st.text(max_size=40), st.sampled_from(sorted(CHANGES)), st.integers(0, 9))
def test_every_character_has_its_piece(text, change, seed):
    pieces = CHANGES[change](text, np.random.default_rng(seed))
    assert len(pieces) == len(text)
    again = CHANGES[change](text, np.random.default_rng(seed))
    assert pieces == again


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("lower", TEXT.lower()),
        ("upper", TEXT.upper()),
        ("plain", "Frau Muller, nee Dupre, lives in Kiel! She likes Lubeck too."),
        ("unpunctuated", "Frau Müller née Dupré lives in Kiel She likes Lübeck too"),
    ],
)
def test_what_the_changes_do(change, expected):
    assert perturbed(records([TEXT]), change)[0] == [expected]


def test_typing_errors_hit_about_a_tenth_of_the_words_by_one_letter():
    words = ["wonderful", "service", "although", "expensive"] * 500
    (text,), _, _ = perturbed(records([" ".join(words)]), "typos")
    wrong = [(a, b) for a, b in zip(words, text.split(" "), strict=True) if a != b]
    assert 0.06 < len(wrong) / len(words) < 0.12
    assert all(abs(len(a) - len(b)) <= 1 for a, b in wrong)


def test_blanks_change_blanks_only():
    (text,), _, _ = perturbed(records([TEXT * 5]), "blanks")
    assert text != TEXT * 5
    assert "".join(text.split()) == "".join((TEXT * 5).split())


@pytest.mark.parametrize("change", CHANGES)
def test_entities_move_with_their_characters(change):
    given = records([TEXT, ""], target=[SPANS, []])
    for seed in range(10):
        (text, _), pairs, (spans, none) = perturbed(given, change, seed)
        assert (pairs, none) == (None, [])
        found = [text[s["start"] : s["end"]] for s in spans]
        assert len(found) == 4
        for name, own in zip(("Müller", "Dupré", "Kiel", "Lübeck"), found, strict=True):
            assert own.strip() == own
            if change not in ("typos", "plain"):
                assert own.lower() == name.lower()


def test_second_texts_change_too():
    given = records(["One"], text_pair=["Two"], target=["a"])
    assert perturbed(given, "upper") == (["ONE"], ["TWO"], ["a"])
