"""Thresholds with the best mean of micro- and macro-F1."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from feinschliff.evaluate.thresholds import thresholds


def f1(decided, truth):
    return 2 * (decided & truth).sum() / max(1, decided.sum() + truth.sum())


def goal(decided, truth):
    return f1(decided, truth) + np.mean([f1(d, t) for d, t in zip(decided.T, truth.T, strict=True)])


def sample(shares, num=2000, seed=1):
    """Return probabilities that are true: a label holds as often as its score says."""
    rng = np.random.default_rng(seed)
    odds = np.log(shares) + rng.normal(0, 1.5, (num, len(shares)))
    scores = 1 / (1 + np.exp(-odds))
    return scores, rng.random(scores.shape) < scores


def test_probabilities_far_below_one_half_still_decide():
    """Where 8 % of the rows have a label, a model may never be sure: it still must not predict nothing."""
    rng = np.random.default_rng(1)
    truth = rng.random((1000, 3)) < 0.08
    scores = np.where(truth, 0.3, 0.1) + rng.normal(0, 0.03, truth.shape)
    limits = thresholds(scores, truth)
    assert (scores < 0.5).all()
    assert ((limits > 0.15) & (limits < 0.28)).all()
    assert f1(scores >= limits, truth) > 0.95


def test_rows_not_seen_are_decided_better_than_by_one_threshold():
    shares = np.array([0.5, 0.2, 0.05, 0.01, 0.01, 0.003])
    limits = thresholds(*sample(shares))
    scores, truth = sample(shares, seed=2)
    assert all(
        goal(scores >= limits, truth) > goal(scores >= other, truth) for other in np.arange(0.02, 1, 0.04)
    )


def test_too_high_probabilities_are_seen_through():
    """Weighted losses make probabilities too high; decisions hardly change."""
    shares = np.array([0.3, 0.1, 0.02])
    scores, truth = sample(shares)
    high = 1 / (1 + (1 - scores) / scores / 8)
    for given_scores in (scores, high):
        decided = given_scores >= thresholds(given_scores, truth)
        assert (decided.sum(0) < 3 * truth.sum(0)).all()
        assert (decided.sum(0) > truth.sum(0) / 3).all()


@given(st.integers(0, 1000), st.integers(1, 40), st.integers(1, 4))
def test_equal_scores_and_label_counts_of_zero(seed, num, width):
    rng = np.random.default_rng(seed)
    scores, truth = rng.integers(0, 5, (num, width)) / 4, rng.random((num, width)) < 0.2
    limits = thresholds(scores, truth)
    assert ((limits >= 0) & (limits <= 1)).all()
    assert not np.isnan(limits).any()


def test_without_a_true_label_the_threshold_is_one_half():
    assert thresholds(np.full((4, 2), 0.3), np.zeros((4, 2), bool)).tolist() == [0.5, 0.5]
    assert thresholds(np.zeros((0, 2)), np.zeros((0, 2), bool)).tolist() == [0.5, 0.5]


def test_probabilities_near_nothing_are_told_apart():
    scores = np.full((1000, 1), 1e-8)
    scores[:3] = [[2e-7], [3e-7], [4e-7]]
    truth = np.zeros((1000, 1), bool)
    truth[:3] = True
    assert (scores >= thresholds(scores, truth)).sum() == 3
