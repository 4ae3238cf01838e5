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
