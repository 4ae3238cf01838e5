"""The promise `flexible`: sizes are those of the weights, and only runs on the same base are named."""

import json
from types import SimpleNamespace

import samples
import torch

from feinschliff.report import card, html
from feinschliff.report.flexible import flexible, flexible_facts
from feinschliff.report.language import Language


class Headed(torch.nn.Module):
    base_model_prefix = "base_model"

    def __init__(self):
        super().__init__()
        self.base_model = torch.nn.Linear(10, 10)
        self.classifier = torch.nn.Linear(10, 2)


def facts(folder, adapter=None):
    result = samples.binary()
    return flexible_facts(result, folder, Headed(), adapter)


def test_an_adapter_shares_the_base_and_a_tuned_model_does_not(tmp_path):
    whole = facts(tmp_path / "run")
    assert (whole["task_bytes"], whole["shared_bytes"]) == (4 * 132, 0)
    thin = facts(tmp_path / "run", SimpleNamespace(tensors={"a": torch.zeros(10, 3)}))
    assert thin["task_bytes"] == 4 * (30 + 22)
    assert thin["shared_bytes"] == thin["base_bytes"] == samples.binary()["model"]["size_bytes"]


def test_runs_on_the_same_base_are_listed_beside(tmp_path):
    others = samples.binary()["data"] | {"fingerprint": "another"}
    for name, change in {
        "spam": {"data": others},
        "again": {},
        "other": {"data": others, "model": samples.binary()["model"] | {"source": "elsewhere"}},
        "broken": {"schema": 99, "data": others},
        "self": {},
    }.items():
        (tmp_path / name).mkdir()
        result = samples.binary() | change | {"flexible": {"task_bytes": 1234567}}
        (tmp_path / name / "result.json").write_text(json.dumps(result))
    found = facts(tmp_path / "self")
    assert [other["name"] for other in found["others"]] == ["spam"]
    result = samples.binary() | {"flexible": found}
    page = html(result)
    assert "Other tasks on the same base" in page
    assert "1.2\u00a0MB" in page
    assert "spam" not in card(result), "names of folders are not published"
    assert flexible_facts(samples.binary(), tmp_path / "no" / "where", Headed(), None)["others"] == []


def test_only_where_all_weights_were_tuned_is_it_said():
    result = samples.binary()
    for method, trainable, said in (
        ("full", result["model"]["parameters"], "All weights were tuned"),
        ("full", 1000, "The model is kept as a whole"),
        ("lora", 1000, "The model is kept as a whole"),
    ):
        result["model"]["trainable_parameters"] = trainable
        result["flexible"] = {"method": method, "task_bytes": 10**6, "base_bytes": 10**6, "shared_bytes": 0}
        assert flexible(result, Language("en"))["text"].startswith(said)
