"""The server survives what strangers send, and keeps nothing of it."""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.error
import urllib.request

import hostile
import psutil
import pytest
from serving import TEXTS, connect, raw, received, running, service_of

from feinschliff.bundle import load

PATIENCE = 0.5
"""Seconds that the impatient server waits for a sender; the other one waits long enough when busy."""


@pytest.fixture(scope="module")
def service(folders):
    chosen = [folders[name] for name in ("classification", "ner")]
    return service_of(*chosen, limits={"body_seconds": 5.0, "idle_seconds": 5.0, "connections": 60})


@pytest.fixture(scope="module")
def url(service):
    with running(service) as found:
        yield found


@pytest.fixture(scope="module")
def impatient(folders):
    with running(service_of(folders["ner"], limits={"body_seconds": PATIENCE})) as found:
        yield found


def post(url, tree):
    request = urllib.request.Request(
        url, json.dumps(tree).encode(), {"Content-Type": "application/json", "Connection": "close"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def status(answer: bytes) -> int:
    return int(answer[9:12])


def test_hundreds_of_malformed_requests(url, folders, service):
    expected = load(folders["ner"], "cpu").predict(TEXTS)
    threads = threading.active_count()
    counts, wrong = hostile.run(url, ["classification", "ner"], 400, seed=1, slow_share=0.01)
    assert wrong == []
    seen = {status for _, status in counts}
    assert {400, 404, 405, 413, 415, 422} <= seen, counts
    assert "hang" not in seen
    assert ("wrong_types", "cut") not in counts
    assert service.batcher.alive
    assert service.batcher.queued == 0
    found = post(f"{url}/models/ner/predict", {"inputs": TEXTS})
    assert [len(answer["spans"]) for answer in found] == [len(p.spans) for p in expected]
    assert threading.active_count() <= threads + 2


def test_a_long_body_is_answered_and_never_kept(url):
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n"
    before = psutil.Process().memory_info().rss
    with connect(url) as to:
        to.sendall(head)
        for _ in range(50):
            to.sendall(b"x" * 1_000_000)
        assert psutil.Process().memory_info().rss < before + 20_000_000
        answer = received(to)
    assert status(answer) == 413
    assert b"connection: close" in answer.lower()


def test_a_body_that_is_announced_too_long_is_not_asked_for(url):
    answer = raw(
        url, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\nExpect: 100-continue\r\n\r\n"
    )
    assert status(answer) == 413


@pytest.mark.parametrize(
    ("begin", "expected"),
    [
        (b"", 0),
        (b"POST / HTTP/1.1\r\nHo", 408),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", 408),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{", 408),
    ],
)
@pytest.mark.parametrize("trickle", [False, True])
def test_slow_senders_are_cut_off(impatient, begin, expected, trickle):
    begun = time.monotonic()
    with connect(impatient) as to:
        to.sendall(begin)
        while trickle and begin and time.monotonic() - begun < PATIENCE * 0.8:
            to.sendall(b"a")
            time.sleep(0.1)
        answer = received(to)
    assert PATIENCE * 0.8 < time.monotonic() - begun < PATIENCE + 5
    assert (status(answer) if answer else 0) == expected


def test_headers_without_end(url):
    answer = raw(url, b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % i for i in range(9000)))
    assert status(answer) == 431


def test_headers_too_long_that_come_at_once(url):
    many = b"".join(b"X-%d: y\r\n" % i for i in range(4000))
    assert status(raw(url, b"GET /health HTTP/1.1\r\nHost: x\r\n" + many + b"\r\n\r\n")) == 431
    assert status(raw(url, b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 20_000 + b"\r\n\r\n")) == 200


def test_an_answer_that_nobody_reads_does_not_keep_the_connection(url):
    with connect(url) as to:
        to.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        port = to.getsockname()[1]
        begun = time.monotonic()
        while port not in clients(url):
            assert time.monotonic() - begun < 20, "the connection is not accepted"
        to.sendall(b"GET /docs HTTP/1.1\r\nHost: x\r\n\r\n" * 1000)
        while port in clients(url):
            assert time.monotonic() - begun < 20, "the connection is still open"
            time.sleep(0.05)
    assert post(url, {"inputs": "x"})


def clients(url):
    """Return the ports of the clients that are connected to the server."""
    port = int(url.rpartition(":")[2])
    found = psutil.Process().net_connections("tcp")
    return {c.raddr.port for c in found if c.laddr.port == port and c.status == "ESTABLISHED"}


def test_too_many_connections_are_refused_and_then_welcome_again(url):
    held = [connect(url) for _ in range(60)]
    time.sleep(0.1)
    ask = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert status(raw(url, ask)) == 503
    for connection in held:
        connection.close()
    begun = time.monotonic()
    while (answer := status(raw(url, ask))) != 200 and time.monotonic() - begun < 20:
        time.sleep(0.05)
    assert answer == 200


def test_errors_are_json_and_say_why(url):
    for path, body, code, said in (
        ("/", b"{", 400, "not JSON"),
        ("/", b"[1]", 422, "must be a JSON object"),
        ("/", b"{}", 422, 'lacks "inputs"'),
        ("/", b'{"inputs": 3}', 422, "inputs must be a text, not a number"),
        ("/", b'{"inputs": ["a", null]}', 422, "inputs[1] must be a text, not null"),
        ("/", b'{"inputs": []}', 422, "empty"),
        ("/", b'{"inputs": "\\ud800"}', 422, "surrogate"),
        ("/", json.dumps({"inputs": "x" * 50_001}).encode(), 413, "50,001 characters"),
        ("/", json.dumps({"inputs": ["x"] * 257}).encode(), 413, "257 texts"),
        ("/", b"\xff", 400, "UTF-8"),
        ("/", b"[" * 100_000, 400, "nested"),
        ("/nothing", b"{}", 404, "nothing at this path"),
        ("/health", b"{}", 405, "method"),
    ):
        request = urllib.request.Request(url + path, body, {"Content-Type": "application/json"})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=20)
        answer = json.loads(refused.value.read())
        assert refused.value.code == code, (path, body[:40])
        assert said in answer["error"]
