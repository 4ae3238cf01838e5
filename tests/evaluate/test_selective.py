"""Answering only when sure, and sets of possible labels: the guarantees hold in simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from feinschliff.evaluate.selective import (
    answer_threshold,
    area_under_risk,
    conformal_threshold,
    coverage_curve,
    possible_labels,
    set_sizes,
)


def test_the_curve_ends_with_all_answers():
    random = np.random.default_rng(0)
    confidence = random.random(200)
    right = random.random(200) < confidence
    curve = coverage_curve(confidence, right, points=20)
    assert len(curve) == 20
    assert curve[-1]["coverage"] == 1
    assert curve[-1]["accuracy"] == pytest.approx(right.mean())
    assert curve[3]["accuracy"] > curve[-1]["accuracy"]
    for point in curve:
        answered = confidence >= point["threshold"]
        assert point["coverage"] == pytest.approx(answered.mean())
        assert point["accuracy"] == pytest.approx(right[answered].mean())
    assert len(coverage_curve(np.full(9, 0.5), np.ones(9, dtype=bool))) == 1


def test_area_under_risk_rewards_a_good_order():
    right = np.array([True, True, True, False])
    assert area_under_risk(np.array([4.0, 3, 2, 1]), right) == pytest.approx(1 / 16)
    assert area_under_risk(np.array([1.0, 2, 3, 4]), right) > 0.25


def test_answers_from_the_threshold_on_keep_the_promised_accuracy():
    random, broken, shares = np.random.default_rng(0), 0, []
    for _ in range(200):
        confidence = random.uniform(0.5, 1, 500)
        found = answer_threshold(confidence, random.random(500) < confidence, 0.9)
        if found:
            threshold, share = found
            shares.append(share.value)
            broken += (1 + threshold) / 2 < 0.9  # the true accuracy of the answers
    assert broken <= 16  # 5 % of 200 and three standard deviations
    assert np.mean(shares) > 0.15
    assert answer_threshold(np.linspace(0, 1, 100), np.zeros(100, dtype=bool), 0.9) is None
    assert answer_threshold(np.zeros(0), np.zeros(0, dtype=bool), 0.9) is None


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.8, 0.9, 0.95]))
def test_sets_hold_the_true_label_as_often_as_promised(seed, coverage):
    random = np.random.default_rng(seed)
    logits = random.normal(size=(6000, 5)) * 2
    true = (softmax(logits, axis=1).cumsum(1) > random.random((6000, 1))).argmax(1)
    scores = softmax(logits * 3, axis=1)  # badly calibrated on purpose
    threshold = conformal_threshold(scores[:2000], true[:2000], coverage)
    sets = possible_labels(scores[2000:], threshold)
    assert sets[np.arange(4000), true[2000:]].mean() > coverage - 0.035
    assert sum(set_sizes(sets)) == 4000


def test_the_promise_is_kept_by_nearly_every_small_dev():
    random, broken = np.random.default_rng(0), 0
    for _ in range(300):
        scores = random.random((60, 1))
        threshold = conformal_threshold(scores, np.zeros(60, dtype=int), 0.9, 0.95)
        broken += 1 - threshold < 0.9  # the true coverage
    assert broken <= 26  # 5 % of 300 and three standard deviations; on average over devs alone it were half


def test_a_small_dev_promises_nothing_and_unknown_labels_count():
    scores = np.array([[0.9, 0.1], [0.8, 0.2]])
    assert conformal_threshold(scores, np.array([0, 0]), 0.9) is None
    assert possible_labels(scores, 0.0).all()
    assert conformal_threshold(np.tile(scores, (20, 1)), np.full(40, -1), 0.9) == 0
    assert possible_labels(scores, 0.95).tolist() == [[True, False], [True, False]]
