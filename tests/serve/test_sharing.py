"""Several LoRA models of different tasks on one base in memory, mixed within a batch."""

from __future__ import annotations

import dataclasses
import json
import shutil
import threading

import pytest
from fastapi.testclient import TestClient
from serving import TEXTS, service_of

import tiny
from feinschliff.bundle import load
from feinschliff.errors import UnknownModelError
from feinschliff.pipeline import run
from feinschliff.serve.app import create_app
from feinschliff.serve.engine import Explainer, Item, OneModel
from feinschliff.serve.sharing import SharedEngine, alike
from feinschliff.serve.shelf import Shelf, named

LORA = {"train.method": "lora", "train.lora_rank": 4, "train.epochs": 1, "train.learning_rate": 2e-2}
ROWS = {
    "ner": [
        {"text": f"Ann met {n} here.", "spans": [{"start": 8, "end": 8 + len(n), "label": "P"}]}
        for n in map(str, range(100, 140))
    ],
    "regression": [
        {"text": f"{'very ' * (i % 5)}good {i}", "label": (i % 5) + 0.5 * (i % 2)} for i in range(40)
    ],
}


@pytest.fixture(scope="module")
def runs(encoder, toy_csv, tmp_path_factory):
    """Give the folders of three runs on one base."""
    root, base = tmp_path_factory.mktemp("lora"), encoder("bert")
    for task, rows in ROWS.items():
        file = root / f"{task}.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        run(tiny.config(base, file, root / task, **LORA, task=task))
    run(tiny.config(base, toy_csv, root / "classification", **LORA))
    return [root / name for name in ("classification", "ner", "regression")]


def test_mixed_batches_are_answered_as_the_merged_models_answer(runs):
    shelf = Shelf(named(map(str, runs)), "cpu")
    engines = {served.engine for served in shelf.all}
    assert len(engines) == 1
    (engine,) = engines
    assert isinstance(engine, SharedEngine)
    items = [Item(served.model, text) for text in TEXTS for served in shelf.all]
    found = engine.predict(items)
    merged = [load(folder, "cpu").predict(TEXTS) for folder in runs]
    for place, prediction in enumerate(found):
        text, model = divmod(place, len(runs))
        expected = merged[model][text]
        assert alike(prediction, expected), (prediction, expected)
        assert prediction.label == expected.label or isinstance(expected.label, float)
    changed = engine.base._changed.values()
    assert all(len(layer.changes) == 3 for layer in changed)
    assert changed


def test_shared_models_know_unusual_texts_and_explain_as_the_merged_ones(runs):
    pytest.importorskip("captum")
    shelf, texts = Shelf(named(map(str, runs)), "cpu"), ["the soup was wonderful.", "qqq zzz 77 " * 60]
    for served, folder in zip(shelf.all, runs, strict=True):
        merged = load(folder, "cpu")
        found = served.engine.predict([Item(served.model, text) for text in texts])
        for one, other in zip(found, merged.predict(texts), strict=True):
            assert (one.novelty is None) == (other.novelty is None) == (served.name == "ner")
            assert other.novelty is None or one.novelty == pytest.approx(other.novelty, abs=0.02)
        (mine,) = Explainer().predict([Item(served.model, texts[0])])
        (theirs,) = merged.explain(texts[:1])
        for one, other in zip(mine, theirs, strict=True):
            assert one.label == other.label
            weights = [[w["weight"] for w in each.words] for each in (one, other)]
            assert weights[0] == pytest.approx(weights[1], abs=2e-2)
        again = served.engine.predict([Item(served.model, texts[0])])
        assert alike(again[0], found[0])


def test_no_base_is_fetched_to_be_shared(runs, tmp_path, monkeypatch):
    copies = [shutil.copytree(folder, tmp_path / folder.name) for folder in runs[:2]]
    for folder in copies:
        config = folder / "adapter" / "adapter_config.json"
        tree = json.loads(config.read_text())
        config.write_text(json.dumps({**tree, "base_model_name_or_path": "someone/base"}))
    asked = []

    def download(source, *_, fetch):
        asked.append((source, fetch))
        raise UnknownModelError("not here", where=source)

    monkeypatch.setattr("feinschliff.models.locate.download", download)
    assert isinstance(Shelf(named([str(copies[0])]), "cpu").all[0].engine, OneModel)
    assert asked == []
    shelf = Shelf(named(map(str, copies)), "cpu")
    assert all(isinstance(served.engine, OneModel) for served in shelf.all)
    assert asked == [("someone/base", False)]


def test_only_one_base_is_in_memory(runs):
    shelf = Shelf(named(map(str, runs)), "cpu")
    engine = shelf.all[0].engine
    of_base = sum(p.numel() for p in engine.base.backbone.parameters())
    own = [sum(p.numel() for p in served.model.learner.model.parameters()) for served in shelf.all]
    merged = [sum(p.numel() for p in load(folder, "cpu").learner.model.parameters()) for folder in runs]
    assert all(mine < whole / 4 for mine, whole in zip(own, merged, strict=True))
    assert of_base + sum(own) < 1.5 * merged[0]


def test_the_server_mixes_them_and_takes_new_versions(runs, tmp_path):
    copies = [shutil.copytree(folder, tmp_path / folder.name) for folder in runs[:2]]
    service = service_of(*copies)
    merged = {folder.name: load(folder, "cpu") for folder in copies}
    with TestClient(create_app(service)) as client:
        for name, model in merged.items():
            found = client.post(f"/models/{name}/predict", json={"inputs": TEXTS}).json()
            for answer, expected in zip(found, model.predict(TEXTS), strict=True):
                spans = expected.spans
                assert answer.get("label") == expected.label or spans is not None
                assert len(answer.get("spans", ())) == len(spans or ())
            about = client.get(f"/models/{name}").json()
            assert about["shares_base"]
            assert about["explains"]
    spec = json.loads((copies[0] / "model" / "feinschliff.json").read_text())
    (copies[0] / "model" / "feinschliff.json").write_text(json.dumps(spec | {"fingerprint": "new"}))
    service.shelf.refresh()
    assert service.shelf.refresh() == (["classification"], [])
    new = service.shelf.get("classification")
    assert (new.version, new.model.spec.fingerprint) == (2, "new")
    assert new.engine is service.shelf.get("ner").engine
    expected = merged["classification"].predict(TEXTS)
    found = new.engine.predict([Item(new.model, text) for text in TEXTS])
    assert all(map(alike, found, expected))


def test_a_batch_is_not_disturbed_by_a_reload_in_another_thread(runs):
    """The server's batches and the trial of a new version are computed by different threads."""
    shelf = Shelf(named(map(str, runs)), "cpu")
    items = [Item(served.model, text) for text in TEXTS for served in shelf.all]
    engine, loaded = shelf.all[0].engine, []
    expected = engine.predict(items)
    reload = threading.Thread(target=lambda: loaded.append(shelf._load("new", shelf.all[0].folder, 2)))

    def meanwhile(*_):
        if not reload.ident:
            reload.start()
            reload.join(5)  # it would be through by then if it need not wait

    for layer in list(engine.base._changed.values())[:1]:
        layer.register_forward_pre_hook(meanwhile)
    found = engine.predict(items)
    reload.join()
    assert all(map(alike, found, expected))
    assert loaded[0].engine is engine


def test_a_model_that_would_answer_otherwise_keeps_its_own_network(runs, tmp_path, encoder):
    copies = [shutil.copytree(folder, tmp_path / folder.name) for folder in runs[:2]]
    config = copies[0] / "adapter" / "adapter_config.json"
    tree = json.loads(config.read_text())
    config.write_text(json.dumps({**tree, "lora_alpha": tree["lora_alpha"] * 30}))
    shelf = Shelf(named(map(str, copies)), "cpu")
    first, second = shelf.all
    assert isinstance(first.engine, OneModel)
    assert isinstance(second.engine, SharedEngine)
    expected = load(copies[0], "cpu").predict(TEXTS)
    found = first.engine.predict([Item(first.model, text) for text in TEXTS])
    assert [dataclasses.replace(p, score=None, probabilities=None) for p in found] == [
        dataclasses.replace(p, score=None, probabilities=None) for p in expected
    ]


def test_a_single_model_keeps_its_own_network(runs):
    (served,) = Shelf(named([str(runs[0])]), "cpu").all
    assert isinstance(served.engine, OneModel)
