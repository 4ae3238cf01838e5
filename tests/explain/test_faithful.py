"""The check of explanations tells good ones from bad ones, and typical words are those of the label."""

from __future__ import annotations

import re

import numpy as np
import pytest

from feinschliff.explain import Explanation
from feinschliff.explain.faithful import deletion, without
from feinschliff.explain.typical import typical_words

FILLER = ["the", "a", "of", "and", "to", "in", "it", "is", "was", "for"]


def texts(number, seed=0):
    random = np.random.default_rng(seed)
    return [" ".join(random.permutation([*random.choice(FILLER, 9), "good"])) for _ in range(number)]


def explained(text, weigh, **more):
    words = [
        {"text": m.group(), "start": m.start(), "end": m.end(), "weight": float(weigh(m.group())), **more}
        for m in re.finditer(r"\w+", text)
    ]
    return Explanation("positive", words, 1.0, 0.0)


def has_good(found, pairs, rows):
    return np.array(["good" in text for text in found], dtype=float)


def test_true_weights_lose_more_than_chance_and_wrong_ones_less():
    made = texts(40)
    right = deletion(made, None, [explained(t, lambda w: w == "good") for t in made], has_good)
    wrong = deletion(made, None, [explained(t, lambda w: w != "good") for t in made], has_good)
    assert right.by_weight == [1.0] * 5
    assert right.gain.low > 0.5
    assert wrong.gain.high < 0
    assert right.at_random == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5], abs=0.12)
    assert right.as_dict()["gain"].keys() == {"value", "low", "high"}


def test_weights_by_chance_gain_nothing_in_most_samples():
    random = np.random.default_rng(3)
    gains = []
    for seed in range(40):
        made = texts(30, seed)
        found = deletion(
            made, None, [explained(t, lambda _: random.random()) for t in made], has_good, seed=seed
        )
        gains.append(found.gain.low > 0 or found.gain.high < 0)
    assert np.mean(gains) < 0.2


def test_second_texts_lose_their_own_words():
    explanations = [explained("x good", lambda w: w == "good", side="text_pair")] * 2

    def score(firsts, seconds, rows):
        assert set(firsts) == {"first"}
        return has_good(seconds, None, rows)

    assert deletion(["first"] * 2, ["x good"] * 2, explanations, score).by_weight == [1.0] * 5
    assert deletion(["one", ""], None, [explained("one", len), explained("", len)], has_good) is None


def test_words_are_cut_out():
    words = [{"start": 0, "end": 2}, {"start": 6, "end": 9}]
    assert without("ab cd efg", words) == " cd "


def test_typical_words_come_again_and_again():
    found = typical_words(
        [
            explained("Good food and service", lambda w: {"good": 2, "food": 1}.get(w.lower(), -1)),
            explained("good food, good!", lambda w: {"good": 2, "food": 1}.get(w, -1)),
            explained("rare luck", lambda w: 9),
        ]
    )
    (row,) = found
    assert (row["label"], row["texts"]) == ("positive", 3)
    assert [w["word"] for w in row["words"]] == ["good", "food"]
    assert row["words"][0] == {"word": "good", "weight": 3.0, "texts": 2}
