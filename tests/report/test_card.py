import pytest
import samples
import yaml
from huggingface_hub import ModelCard

from feinschliff.report import card

LEGAL = {"text-classification", "token-classification"}


def front_matter(text: str) -> dict:
    head = text.split("---\n")[1]
    return yaml.safe_load(head)


@pytest.mark.parametrize("name", samples.ALL)
def test_the_hub_reads_the_metadata(name):
    text = card(samples.ALL[name]())
    data = ModelCard(text).data
    assert data.pipeline_tag in LEGAL
    assert (data.pipeline_tag == "token-classification") == (name == "ner")
    assert data.library_name == "transformers"
    assert data.license == "apache-2.0"
    assert data.language == ["en"]
    assert data.base_model == "sentence-transformers/all-MiniLM-L6-v2"
    assert "feinschliff" in data.tags
    assert {r.metric_name for r in data.eval_results} == set(samples.ALL[name]()["metrics"]["test"])
    assert all(isinstance(r.metric_value, float) for r in data.eval_results)


@pytest.mark.parametrize("name", samples.ALL)
def test_the_card_tells_the_four_promises_and_how_to_use_it(name):
    text = card(samples.ALL[name]())
    for heading in (
        "How to use it",
        "Better",
        "Cheaper than from scratch",
        "Adapted to this data",
        "Flexible",
    ):
        assert f"\n## {heading}\n" in text
    assert "pipeline(" in text
    assert "\n\n\n" not in text


def test_code_in_the_card_is_python():
    for name in samples.ALL:
        for block in card(samples.ALL[name]()).split("```python\n")[1:]:
            compile(block.split("```")[0], name, "exec")
    result = samples.binary()
    result["data"]["columns"]["text_pair"] = "answer"
    for block in card(result).split("```python\n")[1:]:
        assert "second text" in block
        compile(block.split("```")[0], "pair", "exec")


def test_the_thresholds_of_labels_are_named():
    result = samples.multilabel()
    assert "`thresholds` in `feinschliff.json`" in card(result)
    result["decisions"] = {"thresholds": {"it's": 0.3364879935979843, "late": 0.18}}
    text = card(result)
    assert """    "it's": 0.336488,\n    'late': 0.18,\n""" in text
    compile(text.split("```python\n")[2].split("```")[0], "thresholds", "exec")


def test_no_folder_and_no_text_of_the_user_is_published():
    result = samples.binary()
    result["model"] |= {"source": "/home/anna/secret/bert", "name": None}
    result["config"]["data"]["train"] = "/home/anna/reviews.csv"
    result["mistakes"][0]["text"] = "private words"
    text = card(result)
    assert "anna" not in text
    assert "secret" not in text
    assert "private words" not in text
    assert "base_model" not in front_matter(text)


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("Apache-2.0", {"license": "apache-2.0"}),
        ("Own Terms 1.0", {"license": "other", "license_name": "own terms 1.0"}),
        (None, {}),
    ],
)
def test_licences_are_named_as_the_hub_does(licence, expected):
    result = samples.binary()
    result["model"]["licence"] = licence
    found = front_matter(card(result))
    assert {key: value for key, value in found.items() if key.startswith("license")} == expected


def test_markdown_and_yaml_in_names_are_harmless():
    result = samples.binary()
    result["title"] = 'a: "b" | # <script>\n--- [x](y)'
    result["data"]["labels"] = ["a|b", "<img src=x>", "*bold*\nnext"]
    text = card(result)
    assert front_matter(text)["model-index"][0]["name"] == 'a: "b" | # <script> --- [x](y)'
    assert "<script>" not in text.split("---\n", 2)[2]
    assert r"a\|b, &lt;img src=x&gt;, \*bold\* next" in text


def test_many_labels_are_counted_not_listed():
    assert "and 23 more" in card(samples.binary() | {"data": {"labels": [str(i) for i in range(123)]}})


def test_an_empty_result_makes_a_valid_card():
    text = card({})
    assert ModelCard(text).data.pipeline_tag == "text-classification"
    assert "Undecided" in text


def test_a_data_set_of_the_hub_is_named_by_its_id():
    result = samples.binary()
    result["config"]["data"] |= {"train": "hf://owner/reviews@main/small:train", "test": None}
    data = ModelCard(card(result)).data
    assert data.datasets == ["owner/reviews"]
    assert {r.dataset_type for r in data.eval_results} == {"owner/reviews"}
    assert "f1" in data.metrics
    result["config"]["data"]["test"] = "/home/anna/test.csv"
    data = ModelCard(card(result)).data
    assert data.datasets == ["owner/reviews"]
    assert {r.dataset_type for r in data.eval_results} == {"custom"}, "measured on other texts"


def test_the_card_tells_luck_confidence_rules_slices_and_the_learning_curve():
    result = samples.binary()
    result["slices"] = [
        {
            "kind": kind,
            "name": name,
            "count": 40,
            "errors": {"value": 0.3, "low": 0.2, "high": 0.4},
            "rest": 0.1,
            "difference": {"value": 0.2, "low": 0.1, "high": 0.3},
            "p_value": p,
        }
        for kind, name, p in (
            ("length", "1-42", 0.01),
            ("length", "43-90", 0.5),
            ("word", "secretword", 0.001),
        )
    ]
    goal = {"text": "accuracy>=0.95", "label": None, "bound": 0.95, "reached": True, "value": 0.96}
    share = {"value": 0.8, "low": 0.7, "high": 0.9}
    result["decisions"] = {"goals": [{**goal, "low": 0.94, "high": 0.97, "count": 800}], "answered": share}
    result["config"]["decide"] = {"goal": ["accuracy>=0.95"], "goal_level": 0.95}
    result["learning_curve"] = [
        {"system": system, "labels": n, "score": share, "seconds": 3.0}
        for system in ("scratch", "fine-tuned")
        for n in (100, 200)
    ]
    result["systems"][0] |= {"seconds": 30.0, "energy_kwh": 0.0021}
    result["seeds"] = {
        "trials": [
            {"seed": n, "dev": {"macro_f1": 0.8}, "test": {"macro_f1": 0.79}, "seconds": 1.0, "kept": n == 1}
            for n in (1, 2)
        ],
        "metrics": {"macro_f1": {"mean": 0.79, "spread": 0.012, "low": 0.77, "high": 0.81}},
    }
    text = card(result)
    for expected in (
        "standard deviation of 0.012",
        "| **1** | 0.800 | 0.790 |",
        "| characters 1-42 | 40 | 30.0% | 10.0% |",
        "| Fine-tuned model | 100 | 0.800 | 0.700 to 0.900 | 3.0\u00a0s |",
        "Asked of its decisions: accuracy&gt;=0.95 (shown by dev with 95% certainty)",
        "| accuracy&gt;=0.95 |",
        "- Texts answered: 80.0% (70.0% to 90.0%)",
        "2.1\u00a0Wh",
        "Calibration error",
    ):
        assert expected in text, expected
    assert "43-90" not in text
    assert "secretword" not in text
    assert ModelCard(text).data.eval_results


def test_the_card_does_not_say_that_goals_are_kept_which_are_not():
    result = samples.binary()
    result["config"]["decide"] = {"goal": ["precision>=0.99", "f1"], "coverage": 0.9}
    goal = {"text": "precision>=0.99", "label": None, "bound": 0.99, "reached": False, "value": None}
    result["decisions"] = {"goals": [goal]}
    text = card(result)
    assert "precision&gt;=0.99 (not shown to be reached by dev); f1." in text
    assert "possible answers" not in text
