"""Fits of learning curves find what made them, and say so when they cannot."""

from __future__ import annotations

import numpy as np
import pytest

from feinschliff.evaluate import Interval
from feinschliff.evaluate.learning import doubling, fit_curve, labels_needed

LABELS = [125, 250, 500, 1000]


def scores(top, drop, exponent, width=0.001, noise=None):
    values = [top - drop * n**-exponent for n in LABELS]
    if noise is not None:
        values = [v + noise.normal() * width / 1.96 for v in values]
    return [Interval(v, v - width, v + width) for v in values]


def test_exact_curves_are_found_again():
    own = fit_curve(LABELS, scores(0.9, 3.0, 0.6))
    assert own.at(4000)[0] == pytest.approx(0.9 - 3 * 4000**-0.6, abs=0.003)
    gain = doubling(own)
    assert gain.low <= gain.value <= gain.high
    assert gain.value == pytest.approx(3 * (1000**-0.6 - 2000**-0.6), abs=0.002)


def test_the_labels_that_another_curve_needs():
    own = fit_curve(LABELS, scores(0.9, 1.0, 0.5, 0.0005))
    scratch = fit_curve(LABELS, scores(0.95, 4.0, 0.4, 0.0005))
    reached = 0.9 - 1000**-0.5
    expected = (4 / (0.95 - reached)) ** (1 / 0.4)
    found = labels_needed(scratch, own)
    assert found["labels"] == pytest.approx(expected, rel=0.15)
    assert found["low"] < expected < found["high"]


def test_a_flat_curve_never_gets_there():
    flat = fit_curve(LABELS, [Interval(0.5, 0.49, 0.51)] * 4)
    found = labels_needed(flat, fit_curve(LABELS, scores(0.9, 1.0, 0.5)))
    assert found == {"labels": None, "low": None, "high": None, "limit": 100_000}
    gain = doubling(flat)
    assert gain.value == 0
    assert 0 <= gain.high < 0.02


def test_intervals_of_the_gain_hold_the_truth_about_as_often_as_they_say():
    random = np.random.default_rng(1)
    truth = 3 * (1000**-0.6 - 2000**-0.6)
    held = 0
    for seed in range(100):
        found = doubling(fit_curve(LABELS, scores(0.9, 3.0, 0.6, 0.02, random), seed=seed))
        held += found.low <= truth <= found.high
    assert held >= 85


def test_points_off_the_curve_widen_what_is_read_and_stop_it_in_the_end():
    smooth = scores(0.8, 2.0, 0.4, 0.02)
    shaken = [
        Interval(s.value + d, s.low + d, s.high + d) for s, d in zip(smooth, (0, 0.02, -0.02, 0), strict=True)
    ]
    spread = [np.ptp(np.quantile(fit_curve(LABELS, own).at(4000), [0.05, 0.95])) for own in (smooth, shaken)]
    assert spread[1] > 1.3 * spread[0]
    late = [Interval(v, v - 0.03, v + 0.03) for v in (0.33, 0.47, 0.33, 0.64)]
    assert fit_curve(LABELS, late) is None


def test_no_curve_goes_beyond_the_best_score_or_falls():
    rising = fit_curve(LABELS, [Interval(v, v - 0.03, v + 0.03) for v in (0.8, 0.89, 0.95, 0.98)])
    assert (rising.at(1e9) <= 1).all()
    falling = fit_curve(LABELS, [Interval(v, v - 0.01, v + 0.01) for v in (0.9, 0.895, 0.893, 0.89)])
    assert (falling.drop >= 0).all()
    assert fit_curve([5, 5, 10], [Interval(0.5, 0.4, 0.6)] * 3) is None
