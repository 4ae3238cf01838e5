"""Intervals and paired tests: deterministic, bounded in memory, and right on cases with a known answer."""

import tracemalloc

import numpy as np
import pytest

from feinschliff.evaluate import Predictions, compare, holm, intervals, metrics, standard_error, statistics
from feinschliff.evaluate.bootstrap import resamples


def system(true, right, seed):
    """Return predictions of which a share is right."""
    random = np.random.default_rng(seed)
    decided = np.where(random.random(len(true)) < right, true, 1 - true)
    return Predictions("classification", ("0", "1"), decided)


@pytest.fixture(scope="module")
def true():
    return np.random.default_rng(0).integers(0, 2, 500)


def stats_of(true, predictions):
    return statistics("classification", [str(t) for t in true], predictions)


def test_accuracy_interval_is_near_the_normal_one(true):
    stats = stats_of(true, system(true, 0.8, 1))
    found = intervals(stats, samples=4000)["accuracy"]
    half = 1.96 * np.sqrt(found.value * (1 - found.value) / 500)
    assert found.low == pytest.approx(found.value - half, abs=0.006)
    assert found.high == pytest.approx(found.value + half, abs=0.006)


def test_the_standard_error_is_near_the_normal_one_and_never_nothing(true):
    stats = stats_of(true, system(true, 0.8, 1))
    share = metrics(stats)["accuracy"]
    expected = np.sqrt(share * (1 - share) / 500)
    assert standard_error(stats, "accuracy") == pytest.approx(expected, rel=0.2)
    assert standard_error(stats_of(true[:30], system(true[:30], 1.0, 1)), "macro_f1") == 1 / 30


def test_the_same_seed_gives_the_same_bits(true):
    stats = stats_of(true, system(true, 0.8, 1))
    assert intervals(stats, seed=3) == intervals(stats, seed=3)
    assert intervals(stats, seed=3) != intervals(stats, seed=4)


def test_resamples_do_not_depend_on_chunks(monkeypatch):
    whole = np.concatenate(list(resamples(40, 30, 7)))
    monkeypatch.setattr("feinschliff.evaluate.bootstrap.CHUNK_CELLS", 40 * 7)
    parts = list(resamples(40, 30, 7))
    assert len(parts) == 5
    assert (np.concatenate(parts) == whole).all()
    assert (whole.sum(1) == 40).all()


def test_memory_stays_bounded():
    true = np.zeros(200_000, dtype=np.int64)
    stats = stats_of(true, system(true, 0.9, 0))
    tracemalloc.start()
    intervals(stats, samples=100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 120e6  # all weights at once would take 160 MB


def test_a_clear_difference_is_found_and_none_is_not(true):
    good, bad = stats_of(true, system(true, 0.9, 1)), stats_of(true, system(true, 0.7, 2))
    found = compare(good, bad, "accuracy")
    assert found.difference == pytest.approx(metrics(good)["accuracy"] - metrics(bad)["accuracy"])
    assert found.p_value < 0.001
    assert found.low > 0
    back = compare(bad, good, "accuracy")
    assert (back.difference, back.low, back.high) == pytest.approx(
        (-found.difference, -found.high, -found.low), abs=1e-9
    )
    same = compare(good, good)
    assert (same.difference, same.p_value) == (0, 1)
    assert same.low == -same.high
    assert 1 / 500 < same.high < 3 / 500  # some three texts in 500, which no two systems agree on for ever


def test_pairing_makes_the_interval_of_a_difference_narrow(true):
    first = system(true, 0.8, 1)
    decided = first.decided.copy()
    decided[:5] = true[:5]
    a, b = stats_of(true, Predictions("classification", ("0", "1"), decided)), stats_of(true, first)
    paired, alone = compare(a, b, "accuracy"), intervals(a)["accuracy"]
    assert paired.high - paired.low < (alone.high - alone.low) / 4


def test_holm_holds_its_order_and_stops_at_one():
    assert holm([0.01, 0.04, 0.03]) == [0.03, 0.06, 0.06]
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_metrics_undefined_in_some_resamples_still_have_an_interval():
    scores = np.array([[0.9, 0.1]] * 9 + [[0.2, 0.8]], dtype=np.float32)
    predictions = Predictions("classification", ("a", "b"), scores.argmax(1), scores)
    found = intervals(statistics("classification", ["a"] * 9 + ["b"], predictions))["roc_auc"]
    assert (found.value, found.high) == (1, 1)


def test_no_error_in_few_examples_is_no_certainty(true):
    few, many = (
        intervals(stats_of(t, Predictions("classification", ("0", "1"), t))) for t in (true[:20], true)
    )
    for name in ("accuracy", "macro_f1"):
        assert (few[name].value, few[name].high) == (1, 1)
        assert 0.8 < few[name].low < 0.9 < many[name].low < 1


@pytest.mark.parametrize(("metric", "right", "num"), [("accuracy", 0.98, 50), ("macro_f1", 0.8, 90)])
def test_few_errors_and_few_texts_of_a_label_are_covered(metric, right, num):
    """Of 60 such test sets, percentiles hold the truth in 35 and 44."""
    random = np.random.default_rng(0)
    labels, truth, held = tuple("abcdefghijklmnopqrstuvwxyzäöüß"), right + (1 - right) / 30, 0
    for _ in range(60):
        true = random.integers(0, 30, num)
        decided = np.where(random.random(num) < right, true, random.integers(0, 30, num))
        predictions = Predictions("classification", labels, decided)
        found = intervals(statistics("classification", [labels[t] for t in true], predictions), 200)[metric]
        held += found.low <= truth <= found.high
    assert held >= 53


def test_p_values_of_equal_systems_are_uniform():
    random = np.random.default_rng(0)
    true = random.integers(0, 2, 300)
    alarms = 0
    for seed in range(120):
        a, b = (stats_of(true, system(true, 0.8, 1000 * side + seed)) for side in (1, 2))
        alarms += compare(a, b, "macro_f1", samples=200).p_value < 0.1
    assert 3 <= alarms <= 22  # 12 expected


def test_numbers_and_ranks_are_compared_too():
    random = np.random.default_rng(0)
    true = random.normal(size=200)
    near, far = (
        statistics("regression", true, Predictions("regression", (), true + random.normal(size=200) * s))
        for s in (0.3, 2.0)
    )
    for metric in ("pearson", "spearman", "rmse", "r2"):
        found = compare(near, far, metric, samples=500)
        assert found.p_value < 0.01, metric
        assert compare(near, near, metric, samples=500).p_value == 1, metric


@pytest.mark.parametrize("num", [40, 100])
def test_no_error_on_few_texts_proves_little(num):
    truth = np.arange(num) % 2
    right = Predictions("classification", ("a", "b"), truth)
    found = intervals(statistics("classification", ["ab"[t] for t in truth], right))
    assert found["macro_f1"].low == pytest.approx(found["accuracy"].low)
    assert found["mcc"].low == pytest.approx(2 * found["accuracy"].low - 1)
