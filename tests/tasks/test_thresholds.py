"""Thresholds with the best F1."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from feinschliff.tasks._thresholds import best_threshold, thresholds


def f1(decided, truth):
    return 2 * (decided & truth).sum() / max(1, decided.sum() + truth.sum())


@given(st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=30))
def test_no_other_threshold_has_a_better_f1(rows):
    scores = np.array([s for s, _ in rows]) / 8
    truth = np.array([t for _, t in rows])
    found = f1(scores >= best_threshold(scores, truth), truth)
    assert all(f1(scores >= other, truth) <= found + 1e-12 for other in scores)


def test_probabilities_far_below_one_half_still_decide():
    """Where 8 % of the rows have a label, a model may never be sure: it still must not predict nothing."""
    rng = np.random.default_rng(1)
    truth = rng.random((1000, 3)) < 0.08
    scores = np.where(truth, 0.3, 0.1) + rng.normal(0, 0.03, truth.shape)
    limits = thresholds(scores, truth)
    assert (scores < 0.5).all()
    assert ((limits > 0.15) & (limits < 0.28)).all()
    assert f1(scores >= limits, truth) > 0.95


def test_labels_too_rare_on_dev_share_the_threshold_of_all():
    truth = np.zeros((100, 3), bool)
    truth[:40, 0] = truth[0, 1] = True
    scores = np.full((100, 3), 0.1)
    scores[:40, 0], scores[0, 1] = 0.6, 0.9
    limits = thresholds(scores, truth)
    assert limits[1] == limits[2] == best_threshold(scores.ravel(), truth.ravel())


def test_without_a_true_label_the_threshold_is_one_half():
    assert thresholds(np.full((4, 2), 0.3), np.zeros((4, 2), bool)).tolist() == [0.5, 0.5]
    assert thresholds(np.zeros((0, 2)), np.zeros((0, 2), bool)).tolist() == [0.5, 0.5]
