"""Drift: seen where it is, not seen where it is not, and measured on a bounded sample."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feinschliff.evaluate import Predictions
from feinschliff.evaluate.drift import (
    WIDTH,
    Facts,
    Profile,
    Window,
    compare,
    facts,
    stability_index,
    verdict,
)

OLD, NEW = np.arange(5, 105), np.arange(105, 205)


def sample(n, seed, *, tokens=OLD, words=8.0, share=0.3, sure=8.0, unknown=0.02):
    """Return the facts of n texts of two classes whose tokens follow a Zipf distribution."""
    rng = np.random.default_rng(seed)
    counts = 1 + rng.poisson(words, n)
    owner = np.repeat(np.arange(n), counts)
    weights = 1 / np.arange(1, len(tokens) + 1)
    ids = rng.choice(tokens, len(owner), p=weights / weights.sum())
    ids[rng.random(len(ids)) < unknown] = 1
    texts = [" ".join(["word"] * count) for count in counts]
    good = rng.random(n) < share
    p = rng.beta(sure, 1, n) / 2 + 0.5
    scores = np.where(good[:, None], np.stack([1 - p, p], 1), np.stack([p, 1 - p], 1)).astype(np.float32)
    found = Predictions("classification", ("bad", "good"), scores.argmax(1), scores)
    return facts(texts, ids, owner, 1, found)


def levels(changes):
    return {change.name: change.level for change in changes}


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("characters", {"words": 14.0}),
        ("unknown_tokens", {"unknown": 0.3}),
        ("labels", {"share": 0.6}),
        ("confidence", {"sure": 2.0}),
        ("words", {"tokens": NEW}),
    ],
)
def test_what_changed_is_named(name, what):
    changes = compare(sample(800, 1), sample(400, 2, **what))
    assert levels(changes)[name] == "large"
    assert verdict(changes) == "large"
    assert changes[0].level == "large"


def test_alike_is_not_drift_and_false_alarms_are_rare():
    alarms = [verdict(compare(sample(400, 2 * s), sample(200, 2 * s + 1))) != "none" for s in range(30)]
    assert sum(alarms) <= 1


def test_a_trifle_is_significant_but_no_drift():
    """With many texts tests see any difference; the effect says whether it matters."""
    changes = compare(sample(4000, 1), sample(4000, 2, words=8.5))
    lengths = next(change for change in changes if change.name == "characters")
    assert lengths.p_value < 0.01
    assert lengths.level == "none"


def test_each_task_has_its_facts():
    ids, owner = np.array([5, 6, 7]), np.array([0, 0, 1])
    numbers = Predictions("regression", (), np.array([1.5, 2.0]))
    assert facts(["a b", "c"], ids, owner, None, numbers).numbers["prediction"].tolist() == [1.5, 2.0]
    span = {"start": 0, "end": 1, "label": "person", "score": 0.9}
    tagged = facts(["a b", "c"], ids, owner, None, Predictions("ner", ("city", "person"), [[span], []]))
    assert tagged.labels.tolist() == [[False, True], [False, False]]
    assert tagged.numbers["entities"].tolist() == [1, 0]
    assert set(tagged.numbers) == {"characters", "tokens_per_word", "entities"}
    pairs = facts(["a b", "c"], ids, owner, None, numbers, ["d", "e f"])
    assert pairs.numbers["characters"].tolist() == [5, 5]


def test_a_profile_survives_its_file():
    profile = Profile(sample(20, 1), 1)
    again = Profile.from_dict(profile.as_dict())
    assert again.as_dict() == profile.as_dict()
    assert verdict(compare(again.facts, profile.facts)) == "none"
    with pytest.raises(ValueError, match="schema"):
        Profile.from_dict({**profile.as_dict(), "schema": 2})


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6))
def test_a_window_keeps_a_bounded_sample_of_all(sizes):
    window = Window(limit=25)
    for seed, size in enumerate(sizes):
        window.add(sample(size, seed))
    assert window.sample.seen == sum(sizes)
    assert window.sample.facts is not None
    assert len(window.sample.facts) == min(25, sum(sizes))
    assert all(len(v) == len(window.sample.facts) for v in window.sample.facts.numbers.values())


def test_a_window_is_fair():
    """Texts that came late are kept as often as those that came early."""
    counts = np.zeros(10)
    words = np.random.default_rng(0).standard_normal((10, 50, WIDTH)).astype(np.float32)
    for seed in range(200):
        window = Window(limit=20, seed=seed)
        for part in range(10):
            numbers = {"characters": np.full(50, float(part))}
            window.add(Facts(numbers, words[part], np.zeros((50, 0), bool), ()))
        assert window.sample.facts is not None
        counts += np.bincount(window.sample.facts.numbers["characters"].astype(int), minlength=10)
    assert counts.min() > 330
    assert counts.max() < 470


def test_equal_texts_count_once_in_a_window():
    window, part = Window(limit=25), sample(10, 1)
    for _ in range(5):
        window.add(part)
    assert (window.sample.seen, window.sample.kept) == (50, 10)
    assert window.sample.facts is not None
    assert window.sample.facts.numbers["characters"].tolist() == part.numbers["characters"].tolist()


def test_a_window_that_is_added_to_shows_what_it_knew_before(monkeypatch):
    """Another thread never sees texts counted whose facts are still missing."""
    window, during, take = Window(limit=25), [], Facts.take

    def watched(self, rows):
        during.append((window.sample.seen, window.sample.kept))
        return take(self, rows)

    monkeypatch.setattr(Facts, "take", watched)
    for seed in (1, 2):
        window.add(sample(10, seed))
    assert during == [(0, 0), (10, 10)]
    assert (window.sample.seen, window.sample.kept) == (20, 20)


def test_stability_index():
    assert stability_index(np.array([10, 10]), np.array([10, 10])) == 0
    p, q = np.array([0.25, 0.75]), np.array([0.75, 0.25])
    expected = ((p - q) * np.log(p / q)).sum()
    assert stability_index(p * 1e6, q * 1e6) == pytest.approx(expected, rel=1e-4)


def test_facts_of_a_model_without_labels_come_back():
    given = Facts(
        {"characters": np.arange(3.0)}, np.zeros((3, WIDTH), np.float32), np.zeros((3, 0), bool), ()
    )
    assert Facts.from_dict(given.as_dict()).labels.shape == (3, 0)
