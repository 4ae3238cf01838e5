"""Publishing: what reaches the Hub loads again with the same answers, and nothing else reaches it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from huggingface_hub import ModelCard

import model_hub
import tiny
from feinschliff import bundle, registry
from feinschliff.data import Records
from feinschliff.errors import ConfigError, ModelError
from feinschliff.publish import check_name, prepare

MAIN = "import sys; from feinschliff.cli import main; sys.exit(main(sys.argv[1:]))"
FETCH = "import sys, huggingface_hub as h; print(h.snapshot_download(sys.argv[1], revision=sys.argv[2]))"
PUSH_ALL = """
import json, sys
from feinschliff.errors import FeinschliffError
from feinschliff.publish import push
for folder, repo, options in json.loads(sys.argv[1]):
    try:
        print(json.dumps([push(folder, repo, **options).commit, 0]))
    except FeinschliffError as error:
        print(json.dumps([str(error), error.exit_code]))
"""


@pytest.fixture
def hub(tmp_path):
    """Give a hub that can be written to."""
    models, store = {}, model_hub.Store(tmp_path / "hub")
    with model_hub.serve(models, store) as endpoint:
        yield models, store, endpoint


@pytest.fixture
def folder(trained, tmp_path):
    """Give a copy of a run's model folder, with files that do not belong there."""
    copy = Path(shutil.copytree(trained, tmp_path / "run")) / "model"
    (copy / "predictions.jsonl").write_text('{"text": "private words"}')
    (copy / "notes.txt").write_text("private words")
    (copy / "checkpoint-1").mkdir()
    shutil.copy(copy / "model.safetensors", copy / "checkpoint-1")
    return copy


def python(endpoint: str, home: Path, code: str, *arguments: object, **env: str):
    """Run code in a process of its own, whose hub is at `endpoint`."""
    settings = {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0", "NO_PROXY": "127.0.0.1"}
    settings |= {"HF_HUB_DISABLE_XET": "1", "HF_TOKEN": "hf_writer", **env}
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_what_is_pushed_answers_as_the_original_and_nothing_else_is_there(hub, folder, tmp_path):
    models, store, endpoint = hub
    push = ("push", folder.parent, "owner/new", "--private", "--branch", "v1", "--message", "First")
    done = python(endpoint, tmp_path / "a", MAIN, *push, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["branch"], told["commit"]) == ("v1", model_hub.COMMIT)
    assert set(told["kept_back"]) == {"checkpoint-1", "notes.txt", "predictions.jsonl", "profile.json"}
    assert store.private == {"owner/new"}
    assert [p.name for p in models["owner/new"].iterdir()] == [".gitattributes"]
    ((message, paths),) = store.commits
    assert message == "First"
    assert sorted(paths) == told["files"]
    there = {p.name: p.read_bytes() for p in models["owner/new@v1"].rglob("*") if p.is_file()}
    assert set(there) == {*told["files"], ".gitattributes"}
    for words in (b"private words", str(tmp_path).encode(), b"the soup was", bytes(tiny.__file__, "utf-8")):
        assert not [name for name, content in there.items() if words in content]

    fetched = python(endpoint, tmp_path / "b", FETCH, "owner/new", "v1")
    texts = ["the soup was wonderful.", "this film annoyed everyone.", ""]
    again, original = bundle.load(fetched.stdout.strip(), "cpu"), bundle.load(folder, "cpu")
    assert again.predict(texts) == original.predict(texts)
    assert again.profile is None


def test_an_export_goes_with_both_of_its_graphs(folder, tmp_path):
    known = Records(pa.table({"id": ["0", "1"], "text": ["the soup was wonderful.", "a joy"]}))
    (tmp_path / "export").mkdir()
    export = registry.load("exporters", "onnx").export
    export(bundle.load(folder, "cpu"), tmp_path / "export", "int8", known, recheck=True)
    shutil.copy(folder / "README.md", tmp_path / "export")
    sent = {operation.path_in_repo for operation in prepare(tmp_path / "export", "owner/new")}
    assert {"model.onnx", "float32.onnx", "export.json"} <= sent


def test_the_card_carries_the_scores_and_says_how_to_load_it(trained):
    card = next(a for a in prepare(trained / "model", "owner/new", "v1") if a.path_in_repo == "README.md")
    text = card.path_or_fileobj.decode()
    result = json.loads((trained / "result.json").read_text())
    found = {r.metric_name: r for r in ModelCard(text).data.eval_results}
    measured = result["metrics"]["test"]
    assert set(found) == set(measured)
    for name, score in found.items():
        assert score.metric_value == pytest.approx(measured[name]["value"], abs=5e-5)
        assert (score.task_type, score.task_name) == ("text-classification", "classification")
        assert (score.dataset_name, score.dataset_type, score.dataset_split) == ("toy", "custom", "test")
    assert 'feinschliff.load("owner/new@v1")' in text
    assert 'model="owner/new", revision="v1")' in text
    assert "path/to" not in text
    for block in text.split("```python\n")[1:]:
        compile(block.split("```")[0], "card", "exec")


def test_a_base_model_in_a_folder_is_named_without_the_folder(folder):
    path = folder / "feinschliff.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "base_model": "/home/anna/secret/bert"}))
    sent = {a.path_in_repo: a.path_or_fileobj for a in prepare(folder, "owner/new")}
    assert json.loads(sent["feinschliff.json"])["base_model"] == "bert"


def test_a_later_model_replaces_the_earlier_one_and_leaves_other_files(hub, folder, tmp_path):
    models, store, endpoint = hub
    models["owner/old"] = tmp_path / "old"
    models["owner/old"].mkdir()
    for name in ("model.onnx", "profile.json", "picture.png", "model.safetensors"):
        (models["owner/old"] / name).write_bytes(b"old")
    done = python(endpoint, tmp_path, MAIN, "push", folder, "owner/old")
    assert done.returncode == 0, done.stderr
    assert "deleted there, of an earlier model: model.onnx, profile.json" in done.stdout
    names = {p.name for p in models["owner/old"].iterdir()}
    assert "picture.png" in names
    assert not names & {"model.onnx", "profile.json"}
    same = (models["owner/old"] / "model.safetensors").read_bytes()
    assert same == (folder / "model.safetensors").read_bytes()
    assert len(store.commits) == 1


def test_every_failure_has_its_message_and_changes_nothing(hub, folder, tmp_path):
    models, store, endpoint = hub
    models["owner/public"] = tmp_path / "public"
    models["owner/public"].mkdir()
    wrong = Path(shutil.copytree(folder, tmp_path / "wrong"))
    card = wrong / "README.md"
    card.write_text(card.read_text().replace("---\n", "---\nlicense: unheard-of\n", 1))
    cases = [
        (folder, "owner/public", {"private": True}, "is public, but --private was asked", 2),
        (folder, "stranger/new", {}, "you may not write", 1),
        (folder, "owner/down", {}, "cannot take the upload now", 1),
        (wrong, "owner/new", {}, "refuses the upload", 2),
    ]
    asked = json.dumps([(str(f), repo, options) for f, repo, options, _, _ in cases])
    done = python(endpoint, tmp_path, PUSH_ALL, asked)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    for (_, repo, _, words, code), (text, exit_code) in zip(cases, found, strict=True):
        assert words in text, repo
        assert repo in text
        assert exit_code == code, text
    one = json.dumps([(str(folder), "owner/public", {})])
    for env, words in (
        ({"HF_TOKEN": ""}, "not logged in"),
        ({"HF_TOKEN": "hf_unknown"}, "does not accept your token"),
        ({"HF_TOKEN": "hf_reader"}, "you may not write"),
        ({"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE is set"),
        ({"HF_ENDPOINT": "http://127.0.0.1:9"}, "cannot be reached"),
    ):
        text, code = json.loads(python(endpoint, tmp_path, PUSH_ALL, one, **env).stdout)
        assert words in text
        assert code == 1
    assert store.commits == []


@pytest.mark.parametrize("name", ["name", "a/b/c", "owner/-x", "owner/a b", "", "owner/" + "x" * 97, "../x"])
def test_names_the_hub_does_not_allow(name):
    with pytest.raises(ConfigError, match="no name of a repository"):
        check_name(name)


def test_a_folder_that_is_no_whole_model_is_refused(folder, encoder):
    with pytest.raises(ConfigError, match="no tuned model"):
        bundle.find(encoder("bert"))
    (folder / "README.md").unlink()
    assert "README.md" in {a.path_in_repo for a in prepare(folder, "owner/new")}, "made from result.json"
    (folder / "README.md").write_text("---\nmodel-index: 3\n---\n")
    with pytest.raises(ConfigError, match="metadata"):
        prepare(folder, "owner/new")
    (folder / "README.md").unlink()
    (folder.parent / "result.json").unlink()
    with pytest.raises(ConfigError, match="has no card"):
        prepare(folder, "owner/new")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"lacks model\.safetensors"):
        prepare(folder, "owner/new")
