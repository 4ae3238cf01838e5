import json

import numpy as np
import pytest
import samples

from feinschliff.errors import ConfigError, DataError, ResourceError
from feinschliff.report import check, read, write
from feinschliff.report.result import plain


@pytest.mark.parametrize("name", samples.ALL)
def test_write_then_read_gives_the_same(name, tmp_path):
    result = plain(samples.ALL[name]())
    write(result, tmp_path / "result.json")
    assert read(tmp_path / "result.json") == result == read(tmp_path)


def test_numpy_and_undefined_numbers_become_plain_json(tmp_path):
    result = samples.binary()
    result["metrics"]["test"]["roc_auc"] = {"value": np.float32(0.5), "low": float("nan"), "high": np.inf}
    result["extra"] = {"counts": np.arange(3), "pair": (1, 2)}
    write(result, tmp_path / "result.json")
    found = read(tmp_path)
    assert found["metrics"]["test"]["roc_auc"] == {"value": 0.5, "low": None, "high": None}
    assert found["extra"] == {"counts": [0, 1, 2], "pair": [1, 2]}


@pytest.mark.parametrize(
    "key", ["task", "primary_metric", "model", "data", "metrics", "systems", "comparisons", "cost"]
)
def test_a_missing_required_key_is_named(key):
    result = samples.binary()
    del result[key]
    with pytest.raises(DataError, match=f"{key}: field required"):
        check(result)


def test_all_problems_come_in_one_message():
    result = samples.binary() | {"task": 3, "primary_metric": None}
    with pytest.raises(DataError) as error:
        check(result, "result.json")
    assert str(error.value).startswith("result.json: task:")
    assert "primary_metric" in str(error.value)


def test_another_schema_is_refused():
    with pytest.raises(DataError, match="schema 2"):
        check(samples.binary() | {"schema": 2})


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "result.json"
    write(samples.binary(), path)
    before = path.read_bytes()
    with pytest.raises(DataError):
        write(samples.binary() | {"systems": 1}, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


def test_a_missing_folder_is_said(tmp_path):
    with pytest.raises(ResourceError, match="No such file"):
        write(samples.binary(), tmp_path / "none" / "result.json")


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (None, ConfigError, "cannot be read"),
        ("{", DataError, "not valid JSON"),
        ("[1]", DataError, "must be an object"),
        ("{}", DataError, "schema None"),
        ("\xff", DataError, "not valid JSON"),
    ],
)
def test_what_is_no_result_is_refused(tmp_path, content, error, message):
    path = tmp_path / "result.json"
    if content is not None:
        path.write_text(content, encoding="latin-1")
    with pytest.raises(error, match=message):
        read(path)


def test_the_file_is_plain_utf8(tmp_path):
    write(samples.binary() | {"title": "Bücher 📚"}, tmp_path / "result.json")
    text = (tmp_path / "result.json").read_text(encoding="utf-8")
    assert "Bücher 📚" in text
    assert json.loads(text)["title"] == "Bücher 📚"
