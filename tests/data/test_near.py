from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
import pytest
from tables import sentence

from feinschliff.data import near
from feinschliff.data.near import near_duplicates


def same(*texts: str) -> bool:
    """Say whether all texts land in one cluster."""
    cluster, _ = near_duplicates(pa.array(texts))
    return len(set(cluster.tolist())) == 1


def test_case_blanks_and_punctuation_do_not_count() -> None:
    assert same("Really GREAT phone!!", "really great  phone", "Really, great phone.")


def test_signs_that_nobody_sees_do_not_count() -> None:
    text = "wir kündigen den Vertrag wegen wiederholter Zahlungsrückstände fristlos"
    assert same(text, text.replace("e", "e\u00ad"), text.replace("r", "\u200br"), "\ufeff" + text)
    assert same("great phone", "gre\u200bat\u2060 phone")
    assert not same("great phone", "great\u200bphone")


def test_one_word_in_ten_may_differ() -> None:
    words = sentence(1, 10).split()
    for place in range(10):
        assert same(" ".join(words), " ".join([*words[:place], "other", *words[place + 1 :]]))
        assert same(" ".join(words), " ".join(words[:place] + words[place + 1 :]))


def test_three_words_in_ten_may_not() -> None:
    words = sentence(1, 10).split()
    assert not same(" ".join(words), " ".join(["x", "y", "z", *words[3:]]))


def test_short_texts_must_be_the_same_words_in_order() -> None:
    assert not same("the food was good", "the food was bad")
    assert not same("is it good", "it is good")
    assert same("It is good.", "it is GOOD")


def test_repeated_words_count() -> None:
    assert not same("ha " * 12, "ha " * 30)
    assert same("very " * 20 + "good", "very " * 20 + "bad")


@pytest.mark.parametrize("text", ["!!!", "😀", "...", ""])
def test_texts_without_words_are_only_like_themselves(text: str) -> None:
    assert not same(text, "?!?")
    assert same(text, text)


def test_scripts_without_blanks_are_compared_by_character() -> None:
    assert same("这家餐厅的菜很好吃服务也很好", "这家餐厅的菜很好吃服务也很棒")
    assert not same("这家餐厅的菜很好吃服务也很好", "我昨天买的手机屏幕坏了要退货")


def test_planted_copies_are_found_among_many() -> None:
    rng = random.Random(1)
    base = [sentence(i, 10 + i % 20) for i in range(400)]
    copies = []
    for text in base:
        words = text.split()
        for place in rng.sample(range(len(words)), len(words) // 10):
            words[place] = "other"
        copies.append(" ".join(words))
    cluster, _ = near_duplicates(pa.array(base + copies))
    assert (cluster == np.tile(np.arange(400), 2)).mean() > 0.99


def test_clusters_do_not_depend_on_what_else_is_there() -> None:
    texts = [sentence(i) for i in range(50)]
    alone, _ = near_duplicates(pa.array([texts[0], texts[0] + " more"]))
    among, _ = near_duplicates(pa.array([texts[0], texts[0] + " more", *texts[1:]]))
    assert alone.tolist() == among[:2].tolist()


def test_a_large_bucket_stays_linear_and_whole() -> None:
    base = sentence(3, 40)
    texts = [f"{base} number{i}" for i in range(300)]
    _, bands = near.sketch(pa.array(texts))
    a, _ = near.candidates(bands)
    assert len(a) < 300 * 2 * near.NUM_BANDS
    assert same(*texts)


def test_sampling_of_long_texts_estimates_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    long = sentence(1, 3000)
    words = long.split()
    changed = " ".join("other" if i % 10 == 0 else w for i, w in enumerate(words))
    different = " ".join("other" if i % 2 == 0 else w for i, w in enumerate(words))
    monkeypatch.setattr(near, "BUDGET", 3000)
    cluster, bags = near_duplicates(pa.array([long, changed, different]))
    assert bags.sampled.all()
    assert len(bags.words) < 4000
    assert cluster.tolist() == [0, 0, 2]


def test_no_hash_stands_twice_in_a_text() -> None:
    """Else a comparison of two texts fills arrays of 2^31 numbers."""
    word = np.array([5], np.uint64) << np.uint64(33)
    twice = near._bag(np.repeat(word, 2), np.array([2]))
    taken = twice[twice != 5].astype(np.uint64) << np.uint64(33)  # the word that the second 5 becomes
    words = np.random.default_rng(0).integers(0, 2**64, 100_000, dtype=np.uint64)
    for bag in (np.r_[word, word, taken], np.tile(words, 3)):
        assert (np.diff(near._bag(bag, np.array([len(bag)]))) > 0).all()


def test_matches_tells_members_of_a_chain_apart() -> None:
    words = sentence(5, 20).split()
    chain = [" ".join([f"new{i}" for i in range(k)] + words[k:]) for k in (0, 3, 6)]
    cluster, bags = near_duplicates(pa.array(chain))
    assert cluster.tolist() == [0, 0, 0]
    assert near.matches(bags, cluster, np.array([0, 1, 2]), np.array([2])).tolist() == [-1, 2, 2]
    assert near.matches(bags, cluster, np.array([0]), np.array([], dtype=np.int64)).tolist() == [-1]


def test_no_texts_are_no_clusters() -> None:
    cluster, _ = near_duplicates(pa.array([], pa.string()))
    assert cluster.tolist() == []
