"""What the learning curves say in words: what was measured, and nothing beyond."""

import pytest
import samples

from feinschliff.report.cheaper import cheaper
from feinschliff.report.language import Language


def curve(own, scratch):
    result = samples.binary()
    result["learning_curve"] = [
        {"system": name, "labels": labels, "score": {"value": v, "low": v - 0.02, "high": v + 0.02}}
        for name, values in (("fine-tuned", own), ("scratch", scratch))
        for labels, v in zip((100, 200, 400), values, strict=True)
    ]
    return " ".join(cheaper(result, Language("en"))["texts"])


def test_a_clear_lead():
    said = curve((0.80, 0.85, 0.92), (0.5, 0.6, 0.7))
    assert "With 100 labelled texts the fine-tuned model already reaches" in said
    assert "more than 400 labelled texts" in said
    assert "The last doubling of the labels brought the fine-tuned model +0.070." in said


def test_what_cannot_be_told_apart_is_not_claimed():
    said = curve((0.60, 0.69, 0.70), (0.5, 0.6, 0.69))
    assert "With 200 labelled texts" in said
    assert "would need more" not in said
    assert "cannot be said" in said


def test_a_lost_comparison_claims_nothing():
    said = curve((0.5, 0.55, 0.6), (0.5, 0.6, 0.7))
    assert "already reaches" not in said
    assert "would need more" not in said


def test_a_curve_that_has_not_begun_to_rise_is_not_read():
    from feinschliff.report.evidence import learning_facts

    def points(system, scores):
        return [
            {"system": system, "labels": n, "score": {"value": v, "low": v - 0.04, "high": v + 0.04}}
            for n, v in zip((55, 107, 211, 419), scores, strict=True)
        ]

    result = samples.binary() | {"learning_curve": points("fine-tuned", (0.6, 0.7, 0.77, 0.82))}
    for scratch, read in (((0.337, 0.33, 0.33, 0.337), False), ((0.34, 0.4, 0.45, 0.5), True)):
        curves = [*result["learning_curve"], *points("scratch", scratch)]
        found = learning_facts(result | {"learning_curve": curves}, 0.95, 1)
        assert (found["needed"] is not None) == read


@pytest.mark.parametrize(
    ("needed", "said"),
    [
        ({"labels": 2, "low": 0, "high": 31}, "would take fewer labels than those at hand, 31 at most"),
        ({"labels": 400, "low": 0, "high": 900}, "would take about 400 labels (0 to 900), 1 times"),
        ({"labels": 900, "low": 700, "high": 5000}, "would take about 900 labels (700 to 5,000)"),
        ({"labels": 900, "low": 700, "high": None}, "would take at least 700 labels"),
        ({"labels": None, "low": None, "high": None}, "40,000 labels would not be enough"),
        ({"labels": 2, "low": 0, "high": None}, None),
    ],
)
def test_labels_that_training_from_scratch_would_need(needed, said):
    result = samples.binary() | {"learning_fit": {"most": 400, "needed": {**needed, "limit": 40_000}}}
    read = [text for text in cheaper(result, Language("en"))["texts"] if "fitted curves" in text]
    assert len(read) == (said is not None)
    assert all(said in text for text in read)


def test_a_fall_is_not_called_chance():
    said = curve((0.60, 0.82, 0.60), (0.5, 0.6, 0.7))
    assert "changed the fine-tuned score by \N{MINUS SIGN}0.220, for the worse" in said
