"""Models by name, and new versions while requests come in."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from serving import TEXTS, save_model, service_of

from feinschliff.bundle import load
from feinschliff.errors import ConfigError, ModelError
from feinschliff.serve.app import create_app
from feinschliff.serve.shelf import Shelf, named


def test_names(folders, trained, tmp_path, monkeypatch):
    assert list(named([str(trained)])) == [trained.name]
    assert list(named([str(trained / "model")])) == [trained.name]
    assert list(named([f"a.b={trained}"])) == ["a.b"]
    monkeypatch.setitem(named.__globals__, "find", Path)
    assert list(named(["/model"])) == ["model"]  # where the Dockerfile expects it
    monkeypatch.undo()
    for sources, said in (
        ([str(trained), str(trained)], "two models"),
        ([f"a/b={trained}"], "cannot be a model's name"),
        ([str(tmp_path)], "no tuned model"),
        (["nowhere"], "no such folder"),
    ):
        with pytest.raises(ConfigError, match=said):
            named(sources)


def replace(encoder, folder, seed):
    save_model("classification", encoder("bert"), folder, seed=seed)


def test_a_new_version_takes_over_once_it_has_come_to_rest(encoder, folders, tmp_path):
    folder = tmp_path / "m"
    shutil.copytree(folders["classification"], folder)
    shelf = Shelf(named([str(folder)]), "cpu")
    old = shelf.get("m")
    assert shelf.refresh() == ([], [])
    replace(encoder, folder, 11)
    assert shelf.refresh() == ([], [])  # seen for the first time: it may still be written
    assert shelf.refresh() == (["m"], [])
    new = shelf.get("m")
    assert (old.version, new.version) == (1, 2)
    assert new.model.predict(TEXTS) == load(folder, "cpu").predict(TEXTS) != old.model.predict(TEXTS)
    assert shelf.refresh() == ([], [])


def test_a_damaged_version_changes_nothing_and_a_good_one_is_taken_afterwards(encoder, folders, tmp_path):
    folder = tmp_path / "m"
    shutil.copytree(folders["classification"], folder)
    shelf = Shelf(named([str(folder)]), "cpu")
    expected = shelf.get("m").model.predict(TEXTS)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert shelf.refresh() == ([], [])
    assert shelf.refresh() == ([], ["m"])
    assert shelf.refresh() == ([], [])
    assert shelf.get("m").model.predict(TEXTS) == expected
    shutil.rmtree(folder)
    assert shelf.refresh() == shelf.refresh() == ([], [])
    replace(encoder, folder, 12)
    shelf.refresh()
    assert shelf.refresh() == (["m"], [])


@pytest.mark.parametrize(
    ("file", "part"),
    [
        ("tokenizer.json", {"model": {"type": "WordPiece", "vocab": {"a": "x"}}}),
        ("feinschliff.json", {"decision": {"least": [1]}}),
    ],
)
def test_files_damaged_in_ways_nobody_lists_end_no_reloading(folders, tmp_path, caplog, file, part):
    folder = shutil.copytree(folders["classification"], tmp_path / "m")
    shelf, tree = Shelf(named([str(folder)]), "cpu"), json.loads((folder / file).read_text("utf-8"))
    (folder / file).write_text(json.dumps(tree | part), "utf-8")
    shelf.refresh()
    assert shelf.refresh() == ([], ["m"])
    assert [record.getMessage() for record in caplog.records] == ["reload_failed"]
    assert "Traceback" not in str(caplog.records[0].facts["reason"])
    shutil.copytree(folders["classification"], folder, dirs_exist_ok=True)
    (folder / "README.md").write_text("mended", "utf-8")
    shelf.refresh()
    assert shelf.refresh() == (["m"], [])


def test_a_damaged_model_is_not_served_at_all(folders, tmp_path):
    folder = tmp_path / "m"
    shutil.copytree(folders["classification"], folder)
    (folder / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(ModelError):
        Shelf(named([str(folder)]), "cpu")


@pytest.mark.parametrize("during", [False, True])
def test_a_new_version_does_not_inherit_the_alarm_of_the_old_one(encoder, folders, tmp_path, caplog, during):
    folder = shutil.copytree(folders["classification"], tmp_path / "m")
    service = service_of(folder)
    compare = service.drift

    async def reload():
        replace(encoder, folder, 11)
        await service.watch()
        await service.watch()

    async def large(served):
        if during and served.version == 1:
            await reload()
        return {"drift": "large"}

    def gauge():
        return 'feinschliff_drift{model="m"}' in service.metrics.page().decode()

    async def through():
        service.drift = large
        await service.watch_drift()
        if not during:
            assert gauge()
            await reload()
        assert service.shelf.get("m").version == 2
        assert not gauge()
        service.drift = compare
        await service.watch_drift()
        assert not gauge()
        service.drift = large
        await service.watch_drift()
        assert gauge()

    asyncio.run(through())
    warned = [record for record in caplog.records if record.getMessage() == "drift"]
    assert len(warned) == 2 - during


def test_requests_during_a_change_are_answered_by_one_of_the_versions(encoder, folders, tmp_path):
    folder = tmp_path / "m"
    shutil.copytree(folders["classification"], folder)
    before = load(folder, "cpu").predict(TEXTS)
    service = service_of(folder, reload_seconds=0.05)
    done = threading.Event()
    with TestClient(create_app(service)) as client:

        def change():
            replace(encoder, folder, 13)
            while service.shelf.get("m").version == 1 and not done.wait(0.01):
                pass
            done.set()

        thread = threading.Thread(target=change)
        thread.start()
        found = []
        while not done.is_set() and len(found) < 3000:
            found.append(client.post("/predict", json={"inputs": TEXTS}))
        done.set()
        thread.join()
        found.append(client.post("/predict", json={"inputs": TEXTS}))
        assert 'feinschliff_model_version{model="m"} 2.0' in client.get("/metrics").text
    after = load(folder, "cpu").predict(TEXTS)
    assert {answer.status_code for answer in found} == {200}
    said = [[round(row["probabilities"]["good"], 4) for row in answer.json()] for answer in found]
    versions = [[round(p.probabilities["good"], 4) for p in rows] for rows in (before, after)]
    assert all(any(row == pytest.approx(v, abs=2e-4) for v in versions) for row in said)
    assert said[0] == pytest.approx(versions[0], abs=2e-4)
    assert said[-1] == pytest.approx(versions[1], abs=2e-4)
