"""Keys, logs, and the way out."""

from __future__ import annotations

import asyncio
import json
import logging
import time

import pytest
from fastapi.testclient import TestClient
from serving import raw, running, service_of

from feinschliff.bundle import Prediction
from feinschliff.serve import guard
from feinschliff.serve.app import create_app
from feinschliff.serve.logs import JsonLines


@pytest.fixture
def lines(monkeypatch):
    """Give the lines that are logged."""
    found = []

    class Keep(logging.Handler):
        def emit(self, record):
            found.append(json.loads(JsonLines().format(record)))

    logger, handler = logging.getLogger("feinschliff.serve"), Keep()
    logger.addHandler(handler)
    monkeypatch.setattr(logger, "level", logging.INFO)
    logger.manager._clear_cache()
    yield found
    logger.removeHandler(handler)
    logger.manager._clear_cache()


def test_a_key_is_asked_for_everywhere_but_where_nothing_is_told(folders):
    app = create_app(service_of(folders["classification"], key="geheim"))
    with TestClient(app) as client:
        for path in ("/health", "/ready", "/docs", "/openapi.json", "/v2/health/live"):
            assert client.get(path).status_code == 200
        for path in (
            "/models",
            "/metrics",
            "/models/classification/report",
            "/v2/models/classification",
            "/x",
        ):
            assert client.get(path).status_code == 401
        for header in (None, "Bearer", "Bearer gehein", "geheim", "Basic geheim", "Bearer geheim2"):
            headers = {"Authorization": header} if header else {}
            answer = client.post("/", json={"inputs": "x"}, headers=headers)
            assert answer.status_code == 401
            assert "API key" in answer.json()["error"]
        answer = client.post("/", json={"inputs": "x"}, headers={"Authorization": "Bearer geheim"})
        assert answer.status_code == 200


def test_open_paths_answer_head_like_get_without_a_body(folders):
    with running(service_of(folders["classification"], key="geheim")) as url:
        for path in sorted(guard.OPEN):
            head, get = (
                raw(url, f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                for method in ("HEAD", "GET")
            )
            facts, body = head.split(b"\r\n\r\n")
            assert facts.startswith(b"HTTP/1.1 200 ")
            assert body == b""
            said = [line for line in facts.lower().split(b"\r\n") if line.startswith(b"content-")]
            assert said
            assert all(line in get.lower() for line in said)
        answer = raw(url, b"HEAD /models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 401 ")
    service = service_of(folders["classification"])
    service.stopping = True
    with TestClient(create_app(service)) as client:
        assert client.head("/ready").status_code == 503
        assert client.get("/openapi.json").json()["paths"]["/ready"].keys() == {"get"}


def test_a_private_server_is_not_reached_under_the_name_of_another_site(folders):
    hosts = frozenset({"localhost", "127.0.0.1", "[::1]"})
    with TestClient(create_app(service_of(folders["classification"], hosts=hosts))) as client:
        for host, status in (
            ("localhost:8000", 200),
            ("LOCALHOST", 200),
            ("127.0.0.1:1", 200),
            ("[::1]:8000", 200),
            ("[::1]", 200),
            ("evil.example", 403),
            ("evil.example:8000", 403),
            ("localhost.evil.example", 403),
        ):
            answer = client.get("/models", headers={"Host": host})
            assert answer.status_code == status, host
            assert status == 200 or "--allow-host" in answer.json()["error"]
        asked = {"content": b'{"inputs": "x"}', "headers": {"Host": "localhost"}}
        assert client.post("/", **asked).status_code == 200
        asked["headers"]["Sec-Fetch-Site"] = "cross-site"
        assert client.post("/", **asked).status_code == 403
    with TestClient(create_app(service_of(folders["classification"]))) as client:
        assert client.get("/models", headers={"Host": "any.example"}).status_code == 200


def test_a_link_on_another_site_leads_to_the_pages_and_to_nothing_else(folders):
    hosts, link = frozenset({"localhost"}), {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    with TestClient(create_app(service_of(folders["classification"], hosts=hosts))) as client:

        def status(method, path, **headers):
            sent = {"Host": "localhost", "Sec-Fetch-Site": "cross-site", **link, **headers}
            return client.request(method, path, headers=sent).status_code

        report = "/models/classification/report"
        assert [status("GET", path) for path in ("/", "/docs", report)] == [200, 200, 404]
        assert status("GET", "/", Host="evil.example") == 403
        for path in ("/models", "/metrics", "/health", "/models/classification", "/models/a/b/report"):
            assert status("GET", path) == 403
        for method in ("POST", "PUT", "OPTIONS"):
            assert status(method, "/") == 403
        for other in (
            {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
            {"Sec-Fetch-Mode": "cors"},
            {"Sec-Fetch-Dest": "iframe"},
        ):
            assert status("GET", "/", **other) == 403


def test_half_of_a_pair_of_surrogates_is_answered(folders):
    with TestClient(create_app(service_of(folders["classification"]))) as client:
        headers = {"Content-Type": "application/json"}
        body = b'{"inputs": "x", "parameters": {"\\ud800": 1}}'
        answer = client.post("/", content=body, headers=headers)
        assert answer.status_code == 422
        assert "\ud800" in answer.json()["error"]
        tensor = b'{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["x"]}'
        body = b'{"id": "\\ud800", "inputs": [' + tensor + b"]}"
        answer = client.post("/v2/models/classification/infer", content=body, headers=headers)
        assert (answer.status_code, answer.json()["id"]) == (200, "\ud800")
        wanted = b'"outputs": [' + b", ".join([b'{"name": "probabilities"}'] * 500) + b"]}"
        body = b'{"inputs": [' + tensor + b"], " + wanted
        answer = client.post("/v2/models/classification/infer", content=body, headers=headers)
        assert [o["name"] for o in answer.json()["outputs"]] == ["probabilities"]


@pytest.mark.parametrize("log_texts", [False, True])
def test_texts_are_logged_only_when_asked_for(folders, lines, log_texts):
    secret = "my very secret order"
    with TestClient(create_app(service_of(folders["classification"], log_texts=log_texts))) as client:
        client.post("/models/classification", json={"inputs": secret})
        client.get(f"/{secret}")
        client.post("/", json={"inputs": secret, "parameters": {secret: 1}})
    logged = [line for line in lines if line["event"] == "request"]
    assert [(line["route"], line["status"]) for line in logged] == [
        ("/models/{name}", 200),
        ("unknown", 404),
        ("/", 422),
    ]
    assert (secret in json.dumps(lines)) == log_texts
    assert logged[0]["texts"] == 1
    assert logged[0]["computed_ms"] > 0


def test_requests_have_an_identifier_that_nobody_can_forge_lines_with(folders, lines):
    with TestClient(create_app(service_of(folders["classification"]))) as client:
        assert client.get("/health", headers={"X-Request-ID": "abc-1"}).headers["x-request-id"] == "abc-1"
        other = client.get("/health", headers={"X-Request-ID": 'x", "level": "error'}).headers["x-request-id"]
        assert len(other) == 32
    assert [line["id"] for line in lines] == ["abc-1", other]


def test_a_failure_of_ours_is_an_answer_and_a_line_but_no_traceback_for_strangers(folders, lines):
    service = service_of(folders["classification"])

    class Broken:
        def predict(self, items):
            raise ZeroDivisionError("inside")

    object.__setattr__(service.shelf.get(None), "engine", Broken())
    with TestClient(create_app(service)) as client:
        answer = client.post("/", json={"inputs": "x"})
        assert answer.status_code == 500
        assert "inside" not in answer.text
        assert client.get("/health").status_code == 200
    assert any("ZeroDivisionError: inside" in line.get("error", "") for line in lines)


def test_busy_and_late_are_told_as_such(folders):
    service = service_of(
        folders["classification"], limits={"queued_texts": 2, "answer_seconds": 1.5, "wait_seconds": 0.0}
    )

    class Stuck:
        entered = 0

        def predict(self, items):
            self.entered += 1
            time.sleep(3)
            return [Prediction("x") for _ in items]

    engine = Stuck()
    object.__setattr__(service.shelf.get(None), "engine", engine)

    async def until(condition):
        while not condition():
            await asyncio.sleep(0.01)

    async def ask(app):
        import httpx2

        transport = httpx2.ASGITransport(app)
        client = httpx2.AsyncClient(transport=transport, base_url="http://x")
        async with client, app.router.lifespan_context(app):
            tasks = []
            for condition in (
                lambda: engine.entered,
                lambda: service.batcher.queued == 2,
                lambda: True,
                lambda: True,
            ):
                tasks.append(asyncio.create_task(client.post("/", json={"inputs": ["a", "b"]})))
                await asyncio.wait_for(until(condition), 10)
            return [(a.status_code, a.headers.get("retry-after")) for a in await asyncio.gather(*tasks)]

    found = asyncio.run(ask(create_app(service)))
    assert [status for status, _ in found] == [504, 504, 429, 429]
    assert all(int(seconds) >= 1 for status, seconds in found if status == 429)


def test_connections_are_closed_while_stopping(folders):
    service = service_of(folders["classification"])
    with TestClient(create_app(service)) as client:
        assert "connection" not in client.get("/health").headers
        service.stopping = True
        assert client.get("/ready").status_code == 503
        assert client.get("/v2/health/ready").status_code == 503
        assert client.get("/health").headers["connection"] == "close"
        assert client.post("/", json={"inputs": "x"}).status_code == 200
