"""Several trainings: mean, spread, and an interval that keeps its promise."""

import numpy as np
import pytest

from feinschliff.evaluate import Predictions, repeated, statistics


def scored(right):
    """Return accuracy's statistics for a row of rights and wrongs."""
    decided = np.where(right, 0, 1)
    return statistics(
        "classification", ["a"] * len(right), Predictions("classification", ("a", "b"), decided)
    )


def test_mean_and_spread_are_those_of_the_scores():
    right = np.random.default_rng(0).random((4, 50)) < 0.8
    found = repeated([scored(r) for r in right], 500)["accuracy"]
    assert found.mean == pytest.approx(right.mean())
    assert found.spread == pytest.approx(right.mean(1).std(ddof=1))
    assert found.low < found.mean < found.high


def test_equal_trainings_leave_the_luck_of_the_examples():
    right = np.random.default_rng(1).random(400) < 0.8
    found = repeated([scored(right)] * 3, 2000)["accuracy"]
    error = (right.mean() * (1 - right.mean()) / 400) ** 0.5
    assert found.spread == 0
    assert found.high - found.mean == pytest.approx(1.96 * error, rel=0.1)


def test_nothing_wrong_is_not_certainty():
    found = repeated([scored(np.ones(30, bool))] * 2, 200)["accuracy"]
    assert (found.mean, found.high) == (1, 1)
    assert found.low < 0.95


def test_the_interval_holds_the_truth_as_often_as_it_says():
    draw, held, rounds = np.random.default_rng(2), 0, 400
    for _ in range(rounds):
        hard = draw.random(150)  # every example is as hard for all trainings
        levels = 0.8 + 0.03 * draw.standard_normal(5)
        right = (0.6 * hard + 0.4 * draw.random((5, 150))) < np.quantile(0.6 * hard + 0.2, levels)[:, None]
        found = repeated([scored(r) for r in right], 200)["accuracy"]
        held += found.low <= 0.8 <= found.high
    assert 0.90 <= held / rounds <= 0.99
