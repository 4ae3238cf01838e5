"""Averages over labels: the pool covers where labels have few texts, and is silent where they have many."""

import numpy as np
import pytest

from feinschliff.evaluate import Predictions, intervals, metrics, statistics
from feinschliff.evaluate.pooling import pooled_draws

LABELS = tuple(f"label {i}" for i in range(30))


def drawn(true, right, random):
    """Return statistics of answers that are right with a chance that depends on the label."""
    decided = np.where(random.random(len(true)) < right[true], true, random.integers(0, 30, len(true)))
    return answered(true, decided, LABELS)


def answered(true, decided, labels):
    predictions = Predictions("classification", labels, decided)
    return statistics("classification", [labels[i] for i in true], predictions)


def test_the_same_seed_gives_the_same_bits_however_the_draws_are_chunked(monkeypatch):
    stats = drawn(np.arange(60) % 30, np.full(30, 0.8), np.random.default_rng(0))
    first, again, other = (pooled_draws(stats, 50, seed)["macro_f1"] for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()
    monkeypatch.setattr("feinschliff.evaluate.pooling.CHUNK_CELLS", 90 * 7)
    assert pooled_draws(stats, 50, 1)["macro_f1"].shape == (50,)


def test_every_average_over_labels_is_drawn():
    stats = drawn(np.arange(60) % 30, np.full(30, 0.8), np.random.default_rng(0))
    assert set(pooled_draws(stats, 10, 0)) == {
        "macro_f1",
        "macro_precision",
        "macro_recall",
        "balanced_accuracy",
    }
    spans = [[{"start": 0, "end": 4, "label": "a"}], [{"start": 2, "end": 3, "label": "b"}]]
    decided = [[{**s, "score": 1.0} for s in row] for row in spans]
    entities = statistics("ner", spans, Predictions("ner", ("a", "b"), decided))
    assert set(pooled_draws(entities, 10, 0)) == {"macro_entity_f1"}


def test_with_many_texts_of_each_label_it_is_the_bootstrap():
    random = np.random.default_rng(0)
    weights = random.standard_exponential((500, 3000))
    true = random.integers(0, 3, 3000)
    decided = np.where(random.random(3000) < 0.9, true, (true + 1) % 3)
    stats = answered(true, decided, LABELS[:3])
    plain = stats.finish(weights @ stats.per_example.toarray())["macro_f1"]
    pooled = pooled_draws(stats, 500, 0)["macro_f1"]
    assert pooled.mean() == pytest.approx(plain.mean(), abs=0.002)
    assert pooled.std() == pytest.approx(plain.std(), rel=0.15)


def test_labels_that_do_not_occur_are_taken_to_be_like_the_rare_ones():
    """Frequent labels are found, rare ones are not; ten of thirty do not occur."""
    true = np.repeat(np.arange(20), [30] * 10 + [1] * 10)
    right = np.where(np.arange(30) < 10, 1.0, 0.0)
    found = pooled_draws(drawn(true, right, np.random.default_rng(0)), 300, 0)["macro_recall"]
    assert 0.3 < found.mean() < 0.5


@pytest.mark.parametrize("num", [60, 200])
def test_unlike_labels_with_few_texts_are_covered(num):
    random = np.random.default_rng(0)
    right = random.beta(4, 1, 30)
    found = drawn(np.repeat(np.arange(30), 4000), right, random)
    truth, held, wide = metrics(found)["macro_f1"], 0, 0.0
    for _ in range(60):
        stats = drawn(random.integers(0, 30, num), right, random)
        interval = intervals(stats, 300)["macro_f1"]
        held += interval.low <= truth <= interval.high
        wide += (interval.high - interval.low) / 60
    assert held >= 53
    assert wide < 2.5 / num**0.5


@pytest.mark.parametrize("targets", [[[], [], []], [["a"], [], ["a", "b"]]])
def test_nothing_to_find_and_nothing_found_is_no_knowledge(targets):
    decided = np.zeros((3, 2), dtype=bool)
    stats = statistics("multilabel", targets, Predictions("multilabel", ("a", "b"), decided))
    found = intervals(stats, 100)["macro_f1"]
    assert (found.value, found.low) == (0, 0)
    assert 0.3 < found.high <= 1
