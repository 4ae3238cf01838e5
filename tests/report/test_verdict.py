import pytest
import samples

from feinschliff.cli._summary import print_summary
from feinschliff.evaluate import not_reached
from feinschliff.report.collect import verdict_facts
from feinschliff.report.failures import calibration
from feinschliff.report.language import Language
from feinschliff.report.promises import better
from feinschliff.report.verdict import gains, system_title, verdict

EN = Language("en")


def compared(**changes):
    """Return a result whose comparison with each named baseline is changed."""
    result = samples.binary()
    for row in result["comparisons"]:
        row.update(changes.get(row["b"], {}))
    return result


def test_every_baseline_clearly_beaten_means_use_it():
    answer = verdict(samples.binary(), EN)
    assert answer.kind == "use"
    assert answer.sentence == "The fine-tuned model beats all 3 simpler systems on 1,066 texts it never saw."
    assert "strongest simpler system (the untuned model) is +0.031" in answer.support
    assert answer.support.endswith("corrected for 3 comparisons).")


def test_one_unclear_difference_means_careful():
    answer = verdict(compared(tfidf={"p_value_corrected": 0.06}), EN)
    assert answer.kind == "careful"
    assert "not clearly better than TF-IDF + logistic regression" in answer.sentence


def test_the_corrected_p_value_decides():
    assert verdict(compared(frozen={"p_value": 0.02, "p_value_corrected": 0.06}), EN).kind == "careful"
    assert verdict(compared(frozen={"p_value": 0.02, "p_value_corrected": None}), EN).kind == "use"


def test_without_p_value_the_interval_decides():
    none = {"p_value": None, "p_value_corrected": None}
    assert verdict(compared(frozen=none | {"low": 0.001, "high": 0.1}), EN).kind == "use"
    assert verdict(compared(frozen=none | {"low": -0.001, "high": 0.1}), EN).kind == "careful"
    assert verdict(compared(frozen=none | {"low": None}), EN).kind == "careful"


def test_a_clearly_better_baseline_means_no():
    answer = verdict(compared(frozen={"difference": -0.1, "low": -0.2, "high": -0.05}), EN)
    assert answer.kind == "reject"
    assert "clearly worse than the untuned model" in answer.sentence


def test_not_beating_the_constant_answer_means_no():
    assert verdict(compared(majority={"p_value_corrected": 0.5}), EN).kind == "reject"


def test_a_missed_requirement_means_no():
    result = samples.binary() | {"requirements": [{"text": "macro_f1>=0.95", "reached": False, "value": 0.9}]}
    answer = verdict(result, EN)
    assert answer.kind == "reject"
    assert "macro_f1>=0.95" in answer.sentence


def decided(**decisions):
    return samples.binary() | {"decisions": decisions}


def test_a_model_that_answers_nothing_is_not_to_be_used():
    goal = {"text": "accuracy>=0.97", "bound": 0.97, "reached": False, "value": None, "high": 1.0, "count": 0}
    answer = verdict(decided(answered={"value": 0.0}, goals=[goal]), EN)
    assert answer.kind == "reject"
    assert answer.sentence == "By its rules the fine-tuned model answers none of the test texts."
    said = " ".join(caution.text for caution in answer.cautions)
    assert "accuracy>=0.97" in said
    assert "0.0% of the test texts" in said


def test_goals_that_are_not_reached_and_few_answers_mean_careful():
    goal = {"text": "recall(a)>=0.9", "bound": 0.9, "reached": True, "value": 0.8, "high": 0.85, "count": 99}
    for facts in ({"goals": [goal]}, {"goals": [goal | {"reached": False, "high": 1.0}]}):
        answer = verdict(decided(**facts), EN)
        assert (answer.kind, "(recall(a)>=0.9)" in answer.sentence) == ("careful", True)
    assert verdict(decided(answered={"value": 0.3}), EN).kind == "careful"
    assert verdict(decided(answered={"value": 0.9}, goals=[goal | {"high": 0.95}]), EN).kind == "use"


def test_better_is_reached_where_the_verdict_is_to_use_the_model():
    assert verdict_facts(samples.binary())["reached"]
    result = compared(tfidf={"p_value_corrected": 0.06})
    missed = verdict_facts(result)
    assert not missed["reached"]
    assert not_reached([missed]) == "better (the verdict is 'careful')"
    assert verdict(result | {"requirements": [missed]}, EN) == verdict(result, EN)


def test_intervals_of_averages_over_rare_labels_are_called_too_narrow():
    result = samples.binary()
    for support, said in ((9, True), (10, False)):
        result["per_class"] = [{"label": name, "support": n} for name, n in (("a", support), ("b", 90))]
        for primary, of_labels in (("macro_f1", True), ("accuracy", False)):
            texts = [c.text for c in verdict(result | {"primary_metric": primary}, EN).cautions]
            assert any("One of 2 labels has fewer than 10" in t for t in texts) == (said and of_labels)


def test_nothing_compared_is_open():
    assert verdict(samples.binary() | {"comparisons": []}, EN).kind == "open"
    assert verdict({}, EN).kind == "open"


def test_kept_leaks_mean_careful():
    result = samples.binary()
    result["config"]["data"]["remove"] = ["empty"]
    answer = verdict(result, EN)
    assert answer.kind == "careful"
    assert answer.sentence == "7 texts of train and dev also stand in test, so the scores flatter the model."
    assert "data" in [caution.section for caution in answer.cautions]


def test_kept_leaks_are_not_called_texts_it_never_saw():
    result = compared(tfidf={"p_value_corrected": 0.5})
    result["config"]["data"]["remove"] = ["empty"]
    assert "never saw" not in verdict(result, EN).sentence


@pytest.mark.parametrize("kind", ["templates", "group_leakage", "shared_texts"])
def test_a_test_that_is_easier_than_new_texts_is_said_to_be(kind):
    result = samples.binary()
    for action, said in (("kept (to remove: ...)", True), ("9 removed from train", False)):
        result["data"]["findings"] = [{"kind": kind, "severity": "warning", "count": 9, "action": action}]
        texts = [caution.text for caution in verdict(result, EN).cautions]
        begins = ("9 texts of train and dev are ", "9 training texts are ", "At least 9 pairs of test")
        assert any(text.startswith(begins) for text in texts) == said


def test_of_first_and_second_texts_that_are_shared_the_more_are_counted():
    result = samples.binary()
    shared = {"kind": "shared_texts", "severity": "warning", "action": "kept"}
    result["data"]["findings"] = [shared | {"count": 83}, shared | {"count": 19}]
    texts = [caution.text for caution in verdict(result, EN).cautions]
    assert [t.split(" share")[0] for t in texts if "pairs" in t] == ["At least 83 pairs of test"]


def test_a_list_of_names_is_no_constant_answer():
    result = compared(majority={"p_value_corrected": 0.5}) | {"task": "ner"}
    answer = verdict(result, EN)
    assert answer.kind == "careful"
    assert "not clearly better than a list of the entities in train" in answer.sentence


def test_a_refuted_coverage_means_careful():
    result = samples.binary()
    for high, kind in ((0.94, "careful"), (0.96, "use")):
        measured = {"value": 0.9, "low": 0.8, "high": high}
        result["decisions"] = {"possible": {"coverage": 0.95, "measured": measured}}
        answer = verdict(result, EN)
        assert (answer.kind, "coverage>=0.95" in answer.sentence) == (kind, kind == "careful")


def test_a_baseline_that_the_task_does_not_have_is_named():
    result = samples.binary()
    result["config"]["evaluate"] = {"baselines": ["majority", "tfidf", "frozen"]}
    assert better(result, EN)["left_out"] == ""
    result["systems"] = [s for s in result["systems"] if s["name"] != "frozen"]
    assert better(result, EN)["left_out"].startswith("Untuned model is not compared")


@pytest.mark.parametrize("turned", [False, True])
def test_lower_is_better_and_order_are_understood(turned):
    result = samples.regression() | {"primary_metric": "rmse"}
    row = {"a": "fine-tuned", "b": "tfidf", "difference": -0.3, "low": -0.4, "high": -0.1}
    if turned:
        row = {"a": "tfidf", "b": "fine-tuned", "difference": 0.3, "low": 0.1, "high": 0.4}
    result["comparisons"] = [row | {"metric": "rmse", "p_value": 0.001}]
    [gain] = gains(result)
    assert (gain.name, gain.gain, gain.low, gain.high, gain.reading) == ("tfidf", 0.3, 0.1, 0.4, "better")


def test_other_metrics_do_not_count():
    result = samples.binary()
    result["comparisons"].append(result["comparisons"][0] | {"metric": "accuracy", "difference": -1.0})
    assert len(gains(result)) == 3


def test_cautions_come_from_the_data():
    result = samples.multilabel()
    result["data"]["splits"]["test"] = 50
    torn = {"kind": "conflicting_labels", "severity": "warning", "count": 900, "action": "kept"}
    result["data"]["findings"] = [torn, torn | {"action": "900 removed from train"}]
    result["calibration"] = {"after": {"ece": 0.2}}
    texts = " ".join(caution.text for caution in verdict(result, EN).cautions)
    assert "Only 50 test texts" in texts
    assert "One of 7 labels is found badly (F1 below 0.5): “content_removal”" in texts
    assert texts.count("900 texts contradict") == 1
    assert "off by 0.200" in texts
    assert "their ends were cut off" in texts
    assert not verdict(samples.binary(), EN).cautions


def test_the_systems_of_entities_and_numbers_are_called_what_they_are():
    names = {
        task: [system_title({"task": task}, name, EN) for name in ("majority", "tfidf")]
        for task in ("classification", "regression", "ner")
    }
    assert names == {
        "classification": ["Always the same answer", "TF-IDF + logistic regression"],
        "regression": ["Always the mean", "TF-IDF + ridge regression"],
        "ner": ["List of the entities in train", "Words, affixes and neighbours + logistic regression"],
    }


def test_the_terminal_says_the_verdict_the_spread_and_how_many_texts_are_answered(capfd):
    result = decided(answered={"value": 0.0})
    result["seeds"] = {
        "trials": [
            {"seed": 1, "test": {"macro_f1": 0.8}, "kept": True},
            {"seed": 2, "test": {"macro_f1": 0.7}},
        ],
        "metrics": {"macro_f1": {"mean": 0.75, "spread": 0.05, "low": 0.6, "high": 0.9}},
    }
    result["cross_validation"] = {"folds": 2, "metrics": {"macro_f1": 0.7}, "alone": [{"macro_f1": 0.7}]}
    result["config"] |= {"output_dir": "run"}
    result["config"]["data"] |= {"text_pair": None, "test": None}
    print_summary(result)
    shown = capfd.readouterr().out
    assert "Answers 0 of 1,066 texts" in shown
    assert "2 trainings with different seeds reach Macro F1 0.750" in shown
    assert "Cross-validation with 2 trainings" in shown
    assert "Do not rely on it. By its rules the fine-tuned model answers none of the test texts." in shown
    assert "- It answers 0.0% of the test texts" in shown


def test_few_groups_in_test_say_nothing_of_others():
    result = samples.binary()
    for groups, said in (
        ({"column": "video", "test": 1, "drawn": False}, "All test texts are of one group (video)"),
        ({"column": "video", "test": 9, "drawn": False}, "The test texts are of only 9 groups (video)"),
        ({"column": "video", "test": 10, "drawn": True}, None),
        ({"column": "video", "test": 500, "drawn": False}, None),
        (None, None),
    ):
        result["data"]["groups"] = groups
        texts = " ".join(caution.text for caution in verdict(result, EN).cautions)
        assert (said in texts) if said else ("group" not in texts)
        method = better(result, EN)["comparisons"]["method"]
        assert ("the 10 groups are drawn" in method) == bool(groups and groups["drawn"])


def test_entities_are_not_offered_a_goal_that_is_refused():
    sure = {"accuracy": 0.9, "low": 0.8, "high": 0.95, "threshold": 0.5}
    curve = [{"coverage": share, **sure} for share in (0.5, 1.0)]
    for result, said in ((samples.ner(), "precision>=0.97"), (samples.binary(), "accuracy>=0.97")):
        result["decisions"] = {"curve": curve}
        assert said in calibration(result, EN)["coverage_note"]


def test_one_test_is_not_corrected_for_several():
    result = samples.binary()
    assert "corrected for several" in better(result, EN)["comparisons"]["method"]
    result["comparisons"] = result["comparisons"][:1]
    assert "corrected" not in better(result, EN)["comparisons"]["method"]
