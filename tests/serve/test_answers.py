"""What the server answers is what the model answers, in each of its languages."""

from __future__ import annotations

import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from fastapi.testclient import TestClient
from serving import TEXTS, running, service_of

import tiny
from feinschliff.bundle import load
from feinschliff.bundle.prediction import each
from feinschliff.evaluate import Predictions, decide, drift
from feinschliff.serve import hugging_face
from feinschliff.serve.app import create_app
from feinschliff.serve.query import Query

TASKS = ("classification", "multilabel", "regression", "ner")


@pytest.fixture(scope="module")
def client(folders):
    with TestClient(create_app(service_of(*folders.values()))) as found:
        yield found


@pytest.fixture(scope="module")
def models(folders):
    return {name: load(folder, "cpu") for name, folder in folders.items()}


def same(answer, prediction):
    if prediction.spans is not None:
        assert [{**s, "score": None} for s in answer["spans"]] == [
            {**s, "score": None} for s in prediction.spans
        ]
        assert [s["score"] for s in answer["spans"]] == pytest.approx(
            [s["score"] for s in prediction.spans], abs=1e-5
        )
        return
    if isinstance(prediction.label, float):
        assert answer["label"] == pytest.approx(prediction.label, rel=1e-5, abs=1e-5)
    else:
        assert answer["label"] == prediction.label
    assert answer["answered"] == prediction.answered
    assert answer.get("possible") == prediction.possible
    if prediction.probabilities:
        assert answer["probabilities"] == pytest.approx(prediction.probabilities, abs=1e-5)


@pytest.mark.parametrize("name", TASKS)
def test_predict_gives_everything_the_model_says(client, models, name):
    found = client.post(f"/models/{name}/predict", json={"inputs": TEXTS}).json()
    expected = models[name].predict(TEXTS)
    for answer, prediction in zip(found, expected, strict=True):
        same(answer, prediction)
    one = client.post(f"/models/{name}/predict", json={"inputs": TEXTS[0]}).json()
    same(one, models[name].predict(TEXTS[:1])[0])


def test_some_texts_are_not_answered_and_some_are(models):
    """Without this the tests above would compare no abstention."""
    assert {p.answered for p in models["classification"].predict(TEXTS)} == {True, False}


def test_pairs(client, models):
    rows = [{"text": a, "text_pair": b} for a, b in zip(TEXTS, TEXTS[::-1], strict=True)]
    found = client.post("/models/pairs/predict", json={"inputs": rows}).json()
    for answer, prediction in zip(found, models["pairs"].predict(TEXTS, TEXTS[::-1]), strict=True):
        same(answer, prediction)
    assert client.post("/models/pairs", json={"inputs": "one"}).status_code == 422
    assert client.post("/models/ner", json={"inputs": rows}).status_code == 422


def test_many_clients_at_once_get_their_own_answers(client, models):
    texts = [f"{text} {i}" for i, text in enumerate(TEXTS * 20)]
    expected = {name: models[name].predict(texts) for name in TASKS}

    def ask(place):
        name = TASKS[place % len(TASKS)]
        return client.post(f"/models/{name}/predict", json={"inputs": texts[place]}).json()

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(ask, range(len(texts))))
    for place, answer in enumerate(found):
        same(answer, expected[TASKS[place % len(TASKS)]][place])
    page = client.get("/metrics").text
    computed = float(page.split("feinschliff_batch_texts_count ")[1].split()[0])
    texts_in_batches = float(page.split("feinschliff_batch_texts_sum ")[1].split()[0])
    assert texts_in_batches > computed, "no two requests shared a batch"


def test_the_client_of_hugging_face_works_unchanged(folders, models, monkeypatch):
    from huggingface_hub import InferenceClient, constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    texts = [text for text in TEXTS if text]
    with running(service_of(*folders.values())) as url:
        for text in texts:
            found = InferenceClient(model=url).text_classification(text)
            expected = models["classification"].predict([text])[0].probabilities
            assert {e.label: e.score for e in found} == pytest.approx(expected, abs=1e-5)
            assert [e.label for e in found if e.chosen] == [
                p.label for p in models["classification"].predict([text]) if p.answered
            ]
            (top,) = InferenceClient(model=f"{url}/models/multilabel").text_classification(text, top_k=1)
            expected = models["multilabel"].predict([text])[0]
            assert top.score == pytest.approx(
                max(expected.probabilities[n] for n in expected.label or expected.probabilities), abs=1e-5
            )
            entities = InferenceClient(model=f"{url}/models/ner").token_classification(text)
            spans = models["ner"].predict([text])[0].spans
            assert [(e.start, e.end, e.entity_group, e.word) for e in entities] == [
                (s["start"], s["end"], s["label"], text[s["start"] : s["end"]]) for s in spans
            ]
        number = InferenceClient(model=f"{url}/models/regression").text_classification(texts[0])
        assert number[0].score == pytest.approx(models["regression"].predict(texts[:1])[0].label, rel=1e-5)


@pytest.mark.parametrize(
    ("task", "rules"),
    [
        ("classification", {}),
        ("classification", {"costs": [[0, 1], [50, 0]], "unsure_cost": None}),
        ("classification", {"costs": [[0, 1], [1, 0]], "unsure_cost": 0.3}),
        ("classification", {"weights": [1.0, 50.0]}),
        ("classification", {"least": [0.9, 0.9]}),
        ("multilabel", {"thresholds": [0.2, 0.9]}),
    ],
)
def test_hugging_face_answers_obey_the_rules(task, rules):
    rows = np.array([[0.8, 0.2], [0.4, 0.6], [0.05, 0.95], [0.3, 0.7]], np.float32)
    decided = rows >= 0.5 if task == "multilabel" else rows.argmax(1)
    found = list(each(decide(Predictions(task, ("bad", "good"), decided, rows), rules)))
    for answer, told in zip(hugging_face.answer(task, Query([""] * len(rows)), found), found, strict=True):
        given = told.label if task == "multilabel" else [told.label] * told.answered
        chosen = [row["chosen"] for row in answer]
        assert {row["label"] for row in answer if row["chosen"]} == set(given)
        assert chosen == sorted(chosen, reverse=True)
        for part in (True, False):
            scores = [row["score"] for row in answer if row["chosen"] == part]
            assert scores == sorted(scores, reverse=True)
    if "weights" in rules or rules.get("unsure_cost", 0) is None:
        assert any(max(p.probabilities.values()) > p.score for p in found)


def test_parameters_of_hugging_face(client):
    def post(name, **parameters):
        return client.post(f"/models/{name}", json={"inputs": TEXTS[2], "parameters": parameters})

    everything = post("ner").json()
    assert {e["entity_group"] for e in everything} == {"good", "bad"}
    only = post("ner", ignore_labels=["bad"], aggregation_strategy="simple").json()
    assert only == [e for e in everything if e["entity_group"] == "good"]
    assert (
        post("classification", function_to_apply="softmax", top_k=None).json()
        == post("classification").json()
    )
    for name, wrong, said in (
        ("classification", {"top_k": 0}, "top_k"),
        ("classification", {"top_k": True}, "top_k"),
        ("classification", {"function_to_apply": "sigmoid"}, "softmax"),
        ("classification", {"topk": 1}, "did you mean top_k"),
        ("ner", {"aggregation_strategy": "none"}, "whole entities"),
        ("ner", {"ignore_labels": "bad"}, "list of labels"),
        ("ner", {"stride": 5}, "stride"),
    ):
        answer = post(name, **wrong)
        assert answer.status_code == 422
        assert said in answer.json()["error"]


@pytest.mark.parametrize("name", TASKS)
def test_open_inference(client, models, name):
    about = client.get(f"/v2/models/{name}").json()
    assert about["name"] == name
    assert about["versions"] == ["1"]
    tensor = {"name": "text", "shape": [len(TEXTS)], "datatype": "BYTES", "data": TEXTS}
    found = client.post(f"/v2/models/{name}/infer", json={"id": "7", "inputs": [tensor]}).json()
    assert (found["id"], found["model_name"], found["model_version"]) == ("7", name, "1")
    outputs = {o["name"]: o for o in found["outputs"]}
    assert [(o["name"], o["datatype"]) for o in about["outputs"]] == [
        (o["name"], o["datatype"]) for o in found["outputs"]
    ]
    expected = models[name].predict(TEXTS)
    if name == "ner":
        spans = [json.loads(row) for row in outputs["spans"]["data"]]
        assert [[(s["start"], s["end"], s["label"]) for s in row] for row in spans] == [
            [(s["start"], s["end"], s["label"]) for s in p.spans] for p in expected
        ]
    elif name == "regression":
        assert outputs["value"]["data"] == pytest.approx([p.label for p in expected], rel=1e-5)
    else:
        flat = [p.probabilities[label] for p in expected for label in about["parameters"]["labels"]]
        assert outputs["probabilities"]["data"] == pytest.approx(flat, abs=1e-5)
        assert outputs["probabilities"]["shape"] == [len(TEXTS), 2]
        labels = [p.label or "" if name == "classification" else json.dumps(p.label) for p in expected]
        assert outputs["label"]["data"] == labels


def test_open_inference_says_what_is_wrong(client):
    good = {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["x"]}
    path = "/v2/models/classification/infer"
    for wrong in (
        {"inputs": []},
        {"inputs": "x"},
        {"inputs": [good, good]},
        {"inputs": [{**good, "datatype": "FP32"}]},
        {"inputs": [{**good, "shape": [2]}]},
        {"inputs": [{**good, "data": "x"}]},
        {"inputs": [good], "outputs": [{"name": "nothing"}]},
        {"inputs": [good], "id": 3},
    ):
        assert client.post(path, json=wrong).status_code == 400, wrong
    assert client.post(path, json={"inputs": [{**good, "data": [3]}]}).status_code == 422
    only = client.post(path, json={"inputs": [good], "outputs": [{"name": "answered"}]}).json()
    assert [o["name"] for o in only["outputs"]] == ["answered"]
    assert client.get("/v2/models/classification/versions/1").status_code == 200
    assert client.get("/v2/models/classification/versions/1/ready").json()["ready"]
    assert client.get("/v2/models/classification/versions/2/ready").status_code == 404
    assert client.get("/v2/models/nothing/ready").status_code == 404


def test_drift_is_seen_and_said(trained, monkeypatch, caplog):
    monkeypatch.setattr("feinschliff.serve.app.DRIFT_SECONDS", 0.05)
    usual = [text for text, _ in tiny.some(120)]
    odd = [f"zxqj vwk {i} qqq! 0x{i:x} " * 9 for i in range(120)]
    service = service_of(trained)
    logger = logging.getLogger("feinschliff.serve")
    monkeypatch.setattr(logger, "propagate", True)
    with TestClient(create_app(service)) as client:
        path = f"/models/{trained.name}"
        client.post(f"{path}/predict", json={"inputs": odd[:2]})
        few = client.get(f"{path}/drift").json()
        service.shelf.get(None).model.watch = drift.Window()
        client.post(f"{path}/predict", json={"inputs": usual})
        before = client.get(f"{path}/drift").json()
        service.shelf.get(None).model.watch = drift.Window()
        client.post(f"{path}/predict", json={"inputs": odd})
        after = client.get(f"{path}/drift").json()
        deadline, expected = time.monotonic() + 20, f'feinschliff_drift{{model="{trained.name}"}} 2.0'
        while expected not in client.get("/metrics").text and time.monotonic() < deadline:
            time.sleep(0.05)
        assert expected in client.get("/metrics").text
    assert (before["texts"], after["texts"], after["compared"]) == (120, 120, 120)
    assert (few["drift"], few["texts"], few["changes"]) == ("too few", 2, [])
    assert before["drift"] == "none"
    assert after["drift"] == "large"
    assert any(record.getMessage() == "drift" for record in caplog.records)
    assert "zxqj" not in caplog.text


def test_a_model_of_unknown_training_data_has_no_drift(client):
    assert client.get("/models/ner/drift").status_code == 404


def test_state_and_description(client, folders):
    assert client.get("/health").json() == {"alive": True}
    assert client.get("/ready").json() == {"ready": True}
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    assert [m["name"] for m in client.get("/models").json()] == list(folders)
    assert client.get("/models/classification").json()["abstains"]
    assert client.get("/models/classification/report").status_code == 404
    missing = client.post("/models/classificaton", json={"inputs": "x"})
    assert missing.status_code == 404
    assert "did you mean classification" in missing.json()["error"]


def test_the_description_of_the_interface_needs_no_network(client):
    described = client.get("/openapi.json").json()
    page = client.get("/docs").text
    assert "://" not in page.replace("http://localhost", "")
    for path in described["paths"]:
        assert path in page


def test_the_default_model_is_the_first(client):
    assert (
        client.post("/", json={"inputs": "x"}).json()
        == client.post("/models/classification", json={"inputs": "x"}).json()
    )
    assert client.post("/predict", json={"inputs": "x"}).json()["answered"] in (True, False)
