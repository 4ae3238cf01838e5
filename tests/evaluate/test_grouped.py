"""Texts of one group are drawn together."""

import numpy as np
import pytest

from feinschliff.evaluate import Predictions, compare, grouped, intervals, metrics, statistics


def stats(right, groups=None):
    """Give the statistics of a system that is right on some of as many texts of one label as of the other."""
    right = np.asarray(right, bool)
    true = np.arange(len(right)) % 2
    said = Predictions("classification", ("a", "b"), np.where(right, true, 1 - true))
    return statistics("classification", ["ab"[i] for i in true], said, groups)


def of_groups(shares, size=20):
    right = np.concatenate([np.arange(size) < share * size for share in shares])
    return right, [str(i // size) for i in range(len(right))]


def test_the_scores_are_the_same_and_the_intervals_are_not():
    right, groups = of_groups([1.0, 0.4] * 6)
    by_text, by_group = stats(right), stats(right, groups)
    assert metrics(by_group) == pytest.approx(metrics(by_text))
    assert (len(by_text), len(by_group), by_group.num_examples) == (240, 12, 240)
    for name in ("accuracy", "macro_f1"):
        near, far = intervals(by_text)[name], intervals(by_group)[name]
        assert far.high - far.low > 2 * (near.high - near.low)


def test_groups_that_do_not_differ_have_about_the_intervals_of_their_texts():
    rng = np.random.default_rng(1)
    right = rng.random(800) < 0.8
    near, far = (intervals(stats(right, g))["accuracy"] for g in (None, [str(i % 40) for i in range(800)]))
    assert (far.high - far.low) / (near.high - near.low) == pytest.approx(1, abs=0.25)


def test_equally_good_systems_are_not_told_apart_by_the_luck_of_their_groups():
    rng, alarms = np.random.default_rng(2), {"texts": 0, "groups": 0}
    for _ in range(40):
        (a, groups), (b, _) = (of_groups(rng.beta(4, 1, 20)) for _ in range(2))
        for name, own in (("texts", None), ("groups", groups)):
            alarms[name] += compare(stats(a, own), stats(b, own), "accuracy", 200).p_value < 0.05
    assert alarms["groups"] <= 6 < alarms["texts"]


def test_few_groups_and_single_texts_are_drawn_as_texts():
    right, groups = of_groups([1.0, 0.5] * 4)
    assert len(stats(right, groups)) == 160
    assert len(stats(right, [str(i) for i in range(160)])) == 160
    assert len(stats(right, [None] * 160)) == 160
    some = [None if i < 100 else groups[i] for i in range(160)]
    assert (grouped.num_groups(some), len(stats(right, some))) == (103, 103)
    assert not grouped.are_drawn(None)


def test_metrics_of_ranks_follow_their_groups(monkeypatch):
    rng = np.random.default_rng(3)
    true = rng.normal(size=240)
    said = Predictions("regression", (), true + rng.normal(size=240))
    groups = [str(i // 12) for i in range(240)]
    whole = intervals(statistics("regression", list(true), said, groups), 100)
    monkeypatch.setattr("feinschliff.evaluate.grouped.CHUNK_CELLS", 240 * 7)
    assert intervals(statistics("regression", list(true), said, groups), 100) == whole
    assert (
        whole["spearman"].value
        == intervals(statistics("regression", list(true), said), 100)["spearman"].value
    )
