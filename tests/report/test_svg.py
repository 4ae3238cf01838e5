import math

import pytest
import samples
from hypothesis import given
from hypothesis import strategies as st
from pages import Page

from feinschliff.report import charts
from feinschliff.report.language import Language
from feinschliff.report.svg import Scale, sample, scale

EN = Language("en")
numbers = st.floats(-1e6, 1e6, allow_subnormal=False)


@given(st.lists(numbers, min_size=1))
def test_a_scale_holds_its_values_and_round_ticks(values):
    on = scale(values)
    assert all(0 <= on(v) <= 1 for v in values)
    ticks = on.ticks(5)
    assert 1 <= len(ticks) <= 11
    slack = 1e-6 * (on.high - on.low)
    assert all(on.low - slack <= tick <= on.high + slack for tick in ticks)
    texts = [f"{tick:.{on.digits}f}" for tick in on.ticks(4)]
    assert len(texts) == len(set(texts))


def test_a_scale_of_nothing_is_still_a_scale():
    assert scale([None, math.nan]).ticks() == scale([]).ticks()
    assert scale([0.5])(0.5) == pytest.approx(0.5)


@given(st.integers(1, 500), st.integers(2, 60))
def test_a_sample_keeps_both_ends(size, most):
    points = [(float(i), 0.0) for i in range(size)]
    kept = sample(points, most)
    assert len(kept) == min(size, most)
    assert (kept[0], kept[-1]) == (points[0], points[-1])


def test_a_score_off_the_scale_is_an_arrow():
    on = Scale(0.8, 0.9)
    assert "◂" in charts.interval({"value": 0.3, "low": 0.2, "high": 0.4}, on, "plain")
    assert "▸" in charts.interval(0.95, on, "plain")
    drawn = charts.interval({"value": 0.85, "low": 0.7, "high": 0.95}, on, "own")
    assert 'x1="0.00%"' in drawn
    assert 'x2="100.00%"' in drawn


def test_charts_say_in_words_what_they_show():
    result = samples.binary()
    drawn = [
        charts.histogram(result["data"]["lengths"], EN),
        charts.reliability(result["calibration"], EN),
        charts.scatter(samples.regression()["scatter"], EN),
        charts.heat_map(["a", "b"], [[3, 1], [0, 2]], EN),
        charts.curve("loss", "Loss", {"plain": [(0, 1.0), (1, 0.5)]}, EN, "epoch"),
        charts.learning(
            samples.ner()["learning_curve"], "F1", {"fine-tuned": "Fine-tuned", "scratch": "From scratch"}, EN
        ),
    ]
    for svg in drawn:
        page = Page(svg)
        assert page.elements[0].attributes["role"] == "img"
        assert [e.tag for e in page.elements[1:3]] == ["title", "desc"]
        assert all(len(e.text) > 3 for e in page.elements[1:3])


@pytest.mark.parametrize(
    "lengths",
    [
        {},
        {"tokens": {"bins": [0, 1], "counts": [0]}},
        {"tokens": {"bins": [0, 1], "counts": [1, 2]}},
        {"tokens": None},
    ],
)
def test_lengths_that_cannot_be_drawn_are_left_out(lengths):
    assert charts.histogram(lengths, EN) is None


def test_one_very_long_text_does_not_flatten_the_lengths():
    svg = charts.histogram({"tokens": {"bins": [0, 10, 20, 200_000], "counts": [500, 490, 1]}}, EN)
    assert "1 longer" in svg
    assert "100,000" not in svg


def test_empty_classes_and_empty_matrices_draw_nothing():
    assert Page(charts.heat_map(["a", "b"], [[0, 0], [0, 0]], EN)).all("rect") == []


def test_a_crowded_matrix_is_drawn_in_few_elements():
    size = 60
    matrix = [[1 + (i * j) % 5 for j in range(size)] for i in range(size)]
    page = Page(charts.heat_map([str(i) for i in range(size)], matrix, EN))
    assert not page.all("rect")
    assert len(page.all("path")) <= 10
