"""The section on several seeds."""

import pytest
import samples
from pages import Page

from feinschliff.report import html
from feinschliff.report.language import Language
from feinschliff.report.luck import luck
from feinschliff.report.provenance import training


def seeded(kept):
    result = samples.binary()
    primary = result["primary_metric"]
    scores = {42: 0.80, 43: 0.84, 44: 0.82}
    result["seeds"] = {
        "trials": [
            {"seed": s, "dev": {primary: v}, "test": {primary: v}, "seconds": 5.0, "kept": s in kept}
            for s, v in scores.items()
        ],
        "metrics": {primary: {"mean": 0.82, "spread": 0.02, "low": 0.77, "high": 0.87}},
    }
    return result


@pytest.mark.parametrize(
    ("kept", "said"), [((43,), "the training with seed 43"), ((43, 44), "weights of seeds 43 and 44")]
)
def test_it_says_what_was_kept_and_how_far_the_trainings_lie_apart(kept, said):
    view = luck(seeded(kept), Language("en"))
    assert (
        "0.820 on average, with a standard deviation of 0.020 (95% interval of the mean 0.770" in view["text"]
    )
    assert said in view["kept"]
    assert [row["seed"] for row in view["rows"] if row["own"]] == [str(s) for s in kept]


@pytest.mark.parametrize(("kept", "said"), [((43,), True), ((43, 44), False)])
def test_an_average_is_not_the_weights_of_one_step(kept, said):
    notes = training(seeded(kept), Language("en"))["notes"]
    assert any("were kept" in note for note in notes) == said


@pytest.mark.parametrize("language", ["en", "de"])
def test_it_stands_in_the_report_where_there_were_several_seeds(language):
    assert "luck" in Page(html(seeded((43,)), language)).ids()
    assert "luck" not in Page(html(samples.binary(), language)).ids()
