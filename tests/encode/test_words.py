"""Which tokens carry labels, and the characters they stand for."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feinschliff.encode.words import num_expressed, unit_offsets


def words(
    text: str, pieces: str = "first", tokens: list[tuple[int, int]] | None = None, width: str = "narrow"
) -> list[str]:
    """Return the units of a text whose tokens are its characters, or those given."""
    spans = tokens or [(i, i + 1) for i in range(len(text))]
    found = unit_offsets(
        [text],
        np.array([0]),
        np.array([0, len(spans)]),
        np.array(spans, np.int32).reshape(-1, 2),
        pieces,
        width,
    )
    return [text[begin:end] for begin, end in found if end]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Angela Merkel, Kanzlerin", ["Angela", "Merkel", ",", "Kanzlerin"]),
        ("die „Süddeutsche“ – 2,5 %", ["die", "„", "Süddeutsche", "“", "–", "2", ",", "5", "%"]),
        ("cafe\u0301s zu", ["cafe\u0301s", "zu"]),
        ("Ver\u00adfahren", ["Ver\u00adfahren"]),
        ("ok 👍🏽!", ["ok", "👍🏽", "!"]),
        ("❤\ufe0f", ["❤\ufe0f"]),
        ("東京は", ["東", "京", "は"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("a\u00a0b\tc\nd\u3000e", ["a", "b", "c", "d", "e"]),
        ("@user_1 #Foo-Bar's", ["@", "user_1", "#", "Foo", "-", "Bar", "'", "s"]),
        (" \u0301x ", ["\u0301x"]),
        ("\ufeffAda \u200b\u200bb\u200dc", ["Ada", "b\u200dc"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_words(text, expected):
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Angela Merkel, Kanzlerin", ["Angela", "Merkel", ",", "Kanzlerin"]),
        ("@user_1 #Foo-Bar's", ["@user_1", "#Foo-Bar", "'", "s"]),
        ("(http://x.de/z#a).", ["(", "http://x.de/z#a", ")", "."]),
        ("a@b.de! IL-2-dependent, AT&T", ["a@b.de", "!", "IL-2-dependent", ",", "AT&T"]),
        ("# @ x# -x C++ :-)", ["#", "@", "x", "#", "-", "x", "C", "+", "+", ":", "-", ")"]),
        ("U.S. 3:2 2,5", ["U.S", ".", "3:2", "2", ",", "5"]),
        ("„Süddeutsche“-Leser", ["„", "Süddeutsche", "“", "-", "Leser"]),
        ("cafe\u0301-bar Ver\u00ad-fahren", ["cafe\u0301-bar", "Ver\u00ad-fahren"]),
        ("東京-x", ["東", "京", "-", "x"]),
        ("a- -b", ["a", "-", "-", "b"]),
        ("", []),
        ("-", ["-"]),
    ],
)
def test_wide_words(text, expected):
    assert words(text, width="wide") == expected


def test_what_joins_one_text_does_not_join_two():
    texts = ["a-", "-b", "#", "c"]
    spans = np.array([(0, 1), (1, 2), (0, 1), (1, 2), (0, 1), (0, 1)], np.int32)
    found = unit_offsets(texts, np.arange(4), np.array([0, 2, 4, 5, 6]), spans, words="wide")
    assert found.tolist() == spans.tolist()


@pytest.mark.parametrize(("width", "expected"), [("narrow", 4), ("wide", 2)])
def test_entities_that_end_where_words_end(width, expected):
    spans = [[(0, 3), (0, 7), (4, 7)], [], [(0, 4)], [(1, 3)]]
    found = [[{"start": a, "end": b} for a, b in each] for each in spans]
    assert num_expressed(["Rom-Bar", "", "#Rom", "Rom"], found, width) == expected
    assert num_expressed([], [], width) == 0


def test_blanks_at_the_edges_of_tokens_do_not_count():
    text = "in New York ."
    assert words(text, tokens=[(0, 2), (2, 6), (6, 9), (9, 11), (11, 13)]) == ["in", "New", "York", "."]
    assert words(text, "all", [(0, 2), (2, 6), (6, 9), (9, 11), (11, 13)]) == ["in", "New", "Yo", "rk", "."]


def test_of_several_tokens_for_one_character_the_first_counts():
    assert words("a 😀 b", tokens=[(0, 1), (1, 3), (2, 3), (2, 3), (3, 5)]) == ["a", "😀", "b"]
    assert words("a 😀 b", "all", [(0, 1), (1, 3), (2, 3), (2, 3), (3, 5)]) == ["a", "😀", "b"]


def test_special_tokens_and_tokens_of_blanks_carry_nothing():
    assert words("a  b", tokens=[(0, 0), (0, 1), (1, 2), (2, 4), (0, 0)]) == ["a", "b"]


def test_a_unit_reaches_to_the_end_of_its_word_though_tokens_stop_before_it():
    assert words("cafe\u0301 x", tokens=[(0, 4), (6, 7)]) == ["cafe\u0301", "x"]
    assert words("cafe\u0301 x", "all", [(0, 2), (2, 4), (6, 7)]) == ["ca", "fe\u0301", "x"]


def test_windows_do_not_touch_each_other():
    text = "one twothree"
    spans = np.array([(0, 3), (4, 7), (4, 7), (7, 12)], np.int32)
    found = unit_offsets([text], np.array([0, 0]), np.array([0, 2, 4]), spans)
    assert found.tolist() == [[0, 3], [4, 12], [4, 12], [0, 0]]


@given(
    st.lists(st.text(max_size=20), max_size=5),
    st.sampled_from(["first", "all"]),
    st.sampled_from(["narrow", "wide"]),
)
def test_units_are_ordered_disjoint_and_cover_all_that_is_no_blank(texts, pieces, width):
    lengths = [len(t) for t in texts]
    spans = np.array([(i, i + 1) for n in lengths for i in range(n)], np.int32).reshape(-1, 2)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    found = unit_offsets(texts, np.arange(len(texts)), starts, spans, pieces, width)
    for index, text in enumerate(texts):
        units = [(b, e) for b, e in found[starts[index] : starts[index + 1]].tolist() if e]
        assert all(b < e for b, e in units)
        assert all(one[1] <= other[0] for one, other in itertools.pairwise(units))
        covered = {place for b, e in units for place in range(b, e)}
        assert {place for place, char in enumerate(text) if char.isalnum()} <= covered


@pytest.mark.parametrize("sign", ["\u200b", "\u200e", "\ufeff"])
def test_a_token_that_begins_with_what_nobody_sees(sign):
    """SentencePiece counts such a sign to the token after it."""
    text = f"({sign}Ulm)"
    assert words(text, tokens=[(0, 1), (1, 5), (5, 6)]) == ["(" + sign, "Ulm", ")"]
