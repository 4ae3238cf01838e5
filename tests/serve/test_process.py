"""The command itself: started, told to stop while it works, killed, and started again."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from serving import TEXTS

import feinschliff
from feinschliff import registry
from feinschliff.bundle import load


@pytest.fixture(scope="module")
def exported(folders, tmp_path_factory):
    """Give the folder of a model that runs without torch."""
    folder = tmp_path_factory.mktemp("exported") / "sentiment"
    folder.mkdir()
    model = load(folders["classification"], "cpu")
    registry.load("exporters", "onnx").export(model, folder, "float32")
    return folder


@contextlib.contextmanager
def serving(folder, log, port=0, *options):
    """Start `feinschliff serve`, its log in a file; yield the process and its port."""
    command = [sys.executable, "-m", "feinschliff", "serve", folder, "--port", port, *options]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with log.open("w") as lines:
        process = subprocess.Popen(
            [str(part) for part in command], stdout=subprocess.PIPE, stderr=lines, text=True, env=environment
        )
    try:
        said = process.stdout.readline()
        assert "Serving sentiment at http://127.0.0.1:" in said, log.read_text()
        yield process, int(said.split("127.0.0.1:")[1].split("/")[0])
    finally:
        process.kill()
        process.communicate()


def ask(port, texts, path="/predict"):
    """Send one request on a connection of its own; return the labels."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", path, json.dumps({"inputs": texts}), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        tree = json.loads(answer.read())
        assert answer.status == 200, tree
        return [row["label"] for row in tree]
    finally:
        connection.close()


def test_told_to_stop_it_finishes_what_it_accepted(exported, tmp_path):
    texts = [f"{text} {i}" for i, text in enumerate(TEXTS * 30)]
    expected = [p.label for p in load(exported).predict(texts)]
    log = tmp_path / "log"
    options = ("--batch-size", 4, "--queue", 4096)
    with serving(exported, log, 0, *options) as (process, port), ThreadPoolExecutor(12) as pool:
        assert ask(port, TEXTS) == [p.label for p in load(exported).predict(TEXTS)]
        waiting = [pool.submit(ask, port, texts) for _ in range(12)]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        deadline = time.monotonic() + 20
        queued = 0.0
        while queued < 900 and time.monotonic() < deadline:
            connection.request("GET", "/metrics")
            page = connection.getresponse().read()
            queued = float(page.split(b"feinschliff_queued_texts ")[-1].split()[0])
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert not all(task.done() for task in waiting), "the signal came too late to show anything"
        assert [task.result() for task in waiting] == [expected] * 12
        assert process.wait(timeout=20) == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {line["status"] for line in lines if line["event"] == "request"} == {200}


def test_killed_under_load_it_comes_back_on_the_same_port(exported, tmp_path):
    expected = [p.label for p in load(exported).predict(TEXTS)]
    wrong, good, stop = [], [], threading.Event()

    def keep_asking(port):
        while not stop.is_set():
            try:
                answer = ask(port, TEXTS)
                (good if answer == expected else wrong).append(time.monotonic())
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)

    with serving(exported, tmp_path / "one") as (process, port):
        threads = [threading.Thread(target=keep_asking, args=(port,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            deadline = time.monotonic() + 60
            while len(good) < 20 and time.monotonic() < deadline:
                time.sleep(0.01)
            assert len(good) >= 20
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed = time.monotonic()
            with serving(exported, tmp_path / "two", port):
                deadline = time.monotonic() + 20
                while not any(when > killed for when in list(good)) and time.monotonic() < deadline:
                    time.sleep(0.01)
                stop.set()
                for thread in threads:
                    thread.join()
        finally:
            stop.set()
    assert wrong == []
    assert any(when > killed for when in good)


def test_an_export_is_served_without_torch(exported):
    code = (
        "import sys; from feinschliff.serve import server, app, shelf;"
        "shelf.Shelf(shelf.named([sys.argv[1]]));"
        "print([n for n in ('torch', 'transformers', 'pandas') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(exported)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_running_an_export_leaves_nothing_in_the_home_of_the_user_and_tells_nobody(exported, tmp_path):
    """Builds of onnxruntime keep an identifier and events there, and send them."""
    home, texts = tmp_path / "home", tmp_path / "texts.txt"
    home.mkdir()
    texts.write_text("one\ntwo\n", encoding="utf-8")
    named = {name: str(home) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_DATA_HOME")}
    command = [sys.executable, "-m", "feinschliff", "predict", exported, texts, "-o", tmp_path / "out.csv"]
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"} | named
    subprocess.run([str(part) for part in command], env=environment, check=True, capture_output=True)
    left = [path.name.lower() for path in home.rglob("*")]
    assert [name for name in left if name == ".ses" or "microsoft" in name or "onnx" in name] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "no such folder"),
        (["{}", "--host", "0.0.0.0", "--port", "0", "--allow-host", "x"], "every name is allowed"),
        (["{}", "--port", "0", "--api-key", "k", "--allow-host", "x"], "every name is allowed"),
        (["{}", "{}"], "two models are called 'sentiment'"),
        (["{}", "--host", "192.0.2.1"], "cannot listen there"),
        (["{}", "--log-level", "loud"], "there is no level 'loud'"),
    ],
)
def test_wrong_usage_is_said(exported, command, capsys, arguments, said):
    assert command("serve", *(argument.format(exported) for argument in arguments)) == 2
    assert said in capsys.readouterr().err


def test_without_the_extra_it_says_what_to_install(exported, command, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.setattr(feinschliff, "serve", feinschliff.serve)  # what is imported here takes its place
    for name in [n for n in sys.modules if n.startswith("feinschliff.serve")]:
        monkeypatch.delitem(sys.modules, name)
    assert command("serve", str(exported)) == 2
    assert "pip install 'feinschliff[serve]'" in capsys.readouterr().err


@pytest.fixture
def command():
    from feinschliff.cli import main

    handler, hook = signal.getsignal(signal.SIGTERM), sys.excepthook
    yield lambda *arguments: main(list(arguments))
    signal.signal(signal.SIGTERM, handler)
    sys.excepthook = hook
