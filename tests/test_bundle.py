"""A model folder holds all of a model, is written whole or not at all, and predicts in order."""

import errno
import json
import os
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

import tiny
from feinschliff import bundle, registry
from feinschliff.data import Records
from feinschliff.encode import Reading
from feinschliff.errors import ConfigError, ModelError, ResourceError
from feinschliff.models import load as loading
from feinschliff.pipeline import tune
from feinschliff.train import saved

TEXTS = [text for text, _ in tiny.some(30)]


@pytest.fixture(scope="module")
def model(trained):
    return bundle.load(trained)


@pytest.fixture
def folder(trained, tmp_path) -> Path:
    """Give a copy of a saved model that a test may change."""
    return Path(shutil.copytree(trained / "model", tmp_path / "model"))


def test_it_comes_back_from_the_run_and_from_its_own_folder(trained, model):
    other = bundle.load(trained / "model")
    assert (model.task, model.labels) == ("classification", ("bad", "good"))
    assert model.spec == other.spec
    assert model.spec.columns == {"text": "text", "label": "label"}
    assert model.predict(TEXTS) == other.predict(TEXTS)


def test_saving_again_changes_nothing(model, tmp_path):
    bundle.save(model, tmp_path / "again", "# Card\n")
    again = bundle.load(tmp_path / "again")
    assert np.array_equal(again.predict_proba(TEXTS), model.predict_proba(TEXTS))
    assert (tmp_path / "again" / "README.md").read_text() == "# Card\n"
    bundle.save(again, tmp_path / "again")
    assert not (tmp_path / "again" / "README.md").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["again"]


def test_predictions_keep_the_order_whatever_the_lengths(model):
    texts = [text + " indeed" * (i * 7 % 40) for i, text in enumerate(TEXTS)]
    together = model.predict_proba(texts)
    assert together.dtype == np.float32
    for row, text in enumerate(texts):
        np.testing.assert_allclose(model.predict_proba([text])[0], together[row], atol=1e-5)
    backwards = model.predict_proba(texts[::-1])[::-1]
    np.testing.assert_allclose(backwards, together, atol=1e-5)


def test_a_prediction_has_a_label_a_score_and_all_probabilities(model):
    (found,) = model.predict([TEXTS[0]])
    assert found.label in model.labels
    assert found.score == max(found.probabilities.values()) == found.probabilities[found.label]
    assert sum(found.probabilities.values()) == pytest.approx(1)
    assert found.spans is None


def test_windows_of_a_text_are_averaged(model):
    long = " ".join(TEXTS)
    encoded = model.encode([long, "short"])
    assert encoded.num_windows > 3
    logits = model.learner.logits(encoded)
    windows = [
        torch.from_numpy(encoded.input_ids[encoded.starts[w] : encoded.starts[w + 1]][None].astype(np.int64))
        for w in range(encoded.num_windows - 1)
    ]
    with torch.no_grad():
        each = torch.cat([model.learner.model(input_ids=ids).logits for ids in windows])
    np.testing.assert_allclose(logits[0], each.mean(0), rtol=1e-4, atol=1e-5)


def test_texts_of_all_kinds(model):
    odd = ["", " ", "\n\t", "🙂" * 300, "\x00", "a" * 100_000, "日本語", "soup " * 20_000, "\ufeff"]
    found = model.predict_proba(odd)
    assert np.isfinite(found).all()
    assert found[0] == pytest.approx(found[1])
    assert model.predict([]) == []
    assert model.predict_proba([]).shape == (0, 2)


def test_progress_is_told_in_windows(model):
    records = Records(pa.table({"id": ["1", "2"], "place": ["", ""], "text": ["a", " ".join(TEXTS)]}))
    told = []
    predictions = model.predictions(records, told.append)
    assert len(predictions) == 2
    assert sum(told) == model.encode(records.texts).num_windows


def test_what_is_no_list_of_texts(model):
    with pytest.raises(ConfigError, match="one string was given"):
        model.predict("a text")
    with pytest.raises(ConfigError, match="text 1 is int, not a string"):
        model.predict(["a", 1])
    with pytest.raises(ConfigError, match="single texts, not pairs"):
        model.predict(["a"], ["b"])


def test_pairs(encoder):
    rows = [(f"{text}", label) for text, label in tiny.some(40)]
    dataset = tiny.dataset(rows)

    def paired(records: Records) -> Records:
        return Records(records.table.append_column("text_pair", records.table["text"]))

    parts = {name: paired(getattr(dataset, name)) for name in ("train", "dev", "test")}
    dataset = replace(dataset, columns=replace(dataset.columns, text_pair="text_pair"), **parts)
    model = tune(tiny.config(encoder("bert"), Path("none"), **{"train.epochs": 1}), dataset)
    assert len(model.predict(["a", "b"], ["c", "d"])) == 2
    assert model.encode(["a"], ["b"]).token_type_ids.max() == 1
    with pytest.raises(ConfigError, match="reads pairs of texts; give both"):
        model.predict(["a"])
    with pytest.raises(ConfigError, match="2 texts and 1 second text"):
        model.predict(["a", "b"], ["c"])


def test_threads_may_share_a_model(model):
    expected = model.predict_proba(TEXTS)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(model.predict_proba, [TEXTS] * 8):
            assert np.array_equal(found, expected)


def test_a_model_can_be_pickled(model):
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict_proba(TEXTS), model.predict_proba(TEXTS))


def test_a_tokenizer_of_another_model_is_noticed(model, monkeypatch):
    monkeypatch.setattr(model.learner.model.config, "vocab_size", 20)
    with pytest.raises(ModelError, match=r"the tokenizer makes token .* but the model has only 20"):
        model.predict(TEXTS)


def test_a_weight_that_would_be_lost_stops_the_saving(trained, tmp_path, monkeypatch):
    model = bundle.load(trained)
    before = {p.name for p in tmp_path.iterdir()}
    save = model.learner.model.save_pretrained

    def forgetful(folder):
        save(folder)
        weights = load_file(folder / "model.safetensors")
        weights["classifier.bias"] += 1e-7
        save_file(weights, folder / "model.safetensors", {"format": "pt"})

    monkeypatch.setattr(model.learner.model, "save_pretrained", forgetful)
    with pytest.raises(ModelError, match=r"'classifier\.bias' does not survive saving and loading"):
        bundle.save(model, tmp_path / "model")
    model.learner.model.register_buffer("extra", torch.ones(1))
    monkeypatch.setattr(model.learner.model, "save_pretrained", save)
    with pytest.raises(ModelError, match="'extra' does not survive"):
        bundle.save(model, tmp_path / "model")
    assert {p.name for p in tmp_path.iterdir()} == before


def full(*_, **__) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def full_in_rust(*_, **__) -> None:
    raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")


@pytest.mark.parametrize("failure", [full, full_in_rust])
def test_a_full_disk_leaves_the_model_that_was_there(model, folder, monkeypatch, failure):
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    monkeypatch.setattr(type(model.learner.model), "save_pretrained", failure)
    with pytest.raises(
        ResourceError, match="the model cannot be written: no space left on its disk. Free some space"
    ):
        bundle.save(model, folder)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    assert [p.name for p in folder.parent.iterdir()] == ["model"]


def test_a_model_is_on_the_disk_before_it_takes_its_name(model, tmp_path, monkeypatch):
    flushed = []

    def note(part):
        assert not (tmp_path / "model").exists()
        flushed.extend(path.name for path in part.iterdir())

    monkeypatch.setattr(saved, "flush_all", note)
    bundle.save(model, tmp_path / "model")
    assert sorted(flushed) == sorted(path.name for path in (tmp_path / "model").iterdir())


def test_nothing_is_printed(model, tmp_path, capfd):
    bundle.save(model, tmp_path / "model")
    bundle.load(tmp_path / "model")
    assert capfd.readouterr() == ("", "")


def test_folders_that_hold_no_model(tmp_path, folder):
    with pytest.raises(ConfigError, match="there is no such folder"):
        bundle.load(tmp_path / "nowhere")
    (folder / bundle.SPEC_FILE).unlink()
    with pytest.raises(ConfigError, match=r"is no tuned model\. Give a run's folder"):
        bundle.load(folder)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is damaged"),
        ("[]", "is damaged"),
        ("null", "is damaged"),
        ('{"schema": 1, "reading": null}', "is damaged"),
        (
            '{"schema": 1, "task": "ner", "labels": null, "reading": {"max_length_tokens": 9}}',
            r"is damaged \(labels: Input should be a valid tuple",
        ),
        (
            '{"schema": 1, "task": "ner", "labels": [], "reading": {"max_length_tokens": "x"}}',
            r"is damaged \(reading.max_length_tokens: Input should be a valid integer",
        ),
        (
            '{"schema": 1, "task": "ner", "labels": [], "reading": {"max_length_tokens": -5}}',
            r"is damaged \(reading.max_length_tokens: Input should be greater than or equal to 1",
        ),
        ("[" * 100_000, "is damaged"),
        (
            '{"schema": 1, "feinschliff": "9.0", "new": 1, "reading": {}}',
            r"another version of Feinschliff \(9\.0; this is",
        ),
        ('{"schema": 1}', "is damaged"),
        ('{"schema": 99}', "another version of Feinschliff"),
    ],
)
def test_a_damaged_description(folder, content, words):
    (folder / bundle.SPEC_FILE).write_text(content)
    with pytest.raises(ModelError, match=words):
        bundle.load(folder)


@pytest.mark.parametrize(
    "content", ["null", "[1]", '{"model_type": "bert", "hidden_size": "x"}', '{"model_type": 7}']
)
@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "tokenizer.json"])
def test_files_that_hold_something_else(folder, name, content):
    (folder / name).write_text(content)
    try:
        bundle.load(folder)
    except ModelError:
        return
    assert name == "tokenizer_config.json"  # of which most is optional


def test_files_of_two_models(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"id2label": {"0": "good", "1": "bad"}}))
    with pytest.raises(ModelError, match=r"outputs mean good, bad by config.json, and bad, good by feinsch"):
        bundle.load(folder)


def test_lost_weights_and_lost_labels(folder):
    weights = load_file(folder / "model.safetensors")
    del weights["classifier.bias"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 1 weights, such as classifier\.bias"):
        bundle.load(folder)
    tree = json.loads((folder / bundle.SPEC_FILE).read_text())
    assert tree["labels"] == ["bad", "good"]
    assert tree["reading"]["max_length_tokens"] == 64


def test_no_code_of_a_folder_is_run(folder):
    assert loading.load_tokenizer(folder).is_fast
    (folder / "code.py").write_text(f"open({str(folder / 'was_run')!r}, 'w')")
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModelForSequenceClassification": "code.Thing", "AutoConfig": "code.Thing"}
    (folder / "config.json").write_text(json.dumps(config))
    bundle.load(folder).predict(["a"])
    assert not (folder / "was_run").exists()


def test_weights_may_be_read_by_whoever_may_read_the_rest(trained):
    modes = {path.name: path.stat().st_mode for path in (trained / "model").iterdir()}
    assert {"model.safetensors", "config.json"} <= set(modes)
    assert len(set(modes.values())) == 1, modes


def test_pairs_for_a_model_without_segments_are_read_alike_once_saved(tmp_path):
    """Its tokenizer makes segment ids by itself, for which the model has a single vector."""
    base = tiny.make(tmp_path / "base", "bert", type_vocab_size=1)
    settings = json.loads((base / "tokenizer_config.json").read_text()) | {"tokenizer_class": "BertTokenizer"}
    settings.pop("model_input_names", None)
    (base / "tokenizer_config.json").write_text(json.dumps(settings))
    part = registry.load("tasks", "classification")
    network = loading.load_model(base, part.AUTO_CLASS, **part.head(("a", "b")))
    tokenizer = loading.load_tokenizer(base)
    loading.match_inputs(tokenizer, network)
    spec = bundle.Spec("classification", ("a", "b"), Reading(48, pairs=True))
    model = bundle.Model(network, tokenizer, spec, device="cpu")
    bundle.save(model, tmp_path / "model")
    again = bundle.load(tmp_path / "model", "cpu")
    assert again.predict(["the soup"], ["was new."]) == model.predict(["the soup"], ["was new."])
