"""Models to serve, and servers that run within the test."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from feinschliff import bundle, registry
from feinschliff.encode import Reading
from feinschliff.models import load as loading
from feinschliff.models.layers import output_layer
from feinschliff.serve import server
from feinschliff.serve.service import Service
from feinschliff.serve.settings import Limits
from feinschliff.serve.shelf import Shelf, named

TEXTS = [
    "the soup was wonderful today.",
    "",
    "my order came broken again, as always, to my surprise, for the whole family und das ist schön.",
    "a joy",
    "the new phone stopped working. " * 12,
    "our hotel room is a pain 🎉.",
]


def save_model(
    task: str, encoder: Path, folder: Path, *, seed: int = 3, pairs: bool = False, **rules
) -> Path:
    """Save an untrained model whose logits differ enough to decide; return its folder."""
    labels = () if task == "regression" else ("bad", "good")
    part = registry.load("tasks", task)
    network = loading.load_model(encoder, part.AUTO_CLASS, **part.head(labels))
    with torch.no_grad():
        output = output_layer(network, network.config.num_labels)
        output.weight.normal_(0, 2, generator=torch.Generator().manual_seed(seed))
    reading = Reading(48, window_overlap_tokens=8, pairs=pairs)
    spec = bundle.Spec(task, labels, reading, decision=rules)
    bundle.save(bundle.Model(network, loading.load_tokenizer(encoder), spec, device="cpu"), folder)
    return folder


def service_of(*sources: object, limits: dict | None = None, **settings) -> Service:
    """Return a service of model folders; no folder is watched unless asked for."""
    shelf = Shelf(named(str(source) for source in sources), device="cpu")
    return Service(shelf, Limits(**(limits or {})), **{"reload_seconds": 0.0, **settings})


@contextlib.contextmanager
def running(service: Service) -> Iterator[str]:
    """Serve on a real socket within the context; yield the URL."""
    bound = server.listen("127.0.0.1", 0)
    served = server.server(service)
    thread = threading.Thread(target=served.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    while not served.started:
        time.sleep(0.01)
        assert thread.is_alive(), "the server did not start"
    try:
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        served.should_exit = True
        thread.join(20)
        assert not thread.is_alive(), "the server did not stop"


def connect(url: str) -> socket.socket:
    """Open a bare connection."""
    host, port = url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=10)


def raw(url: str, data: bytes) -> bytes:
    """Send bytes and return everything that comes back before the server closes the connection."""
    with connect(url) as to:
        with contextlib.suppress(OSError):
            to.sendall(data)
        return received(to)


def received(connection: socket.socket) -> bytes:
    """Return everything that comes until the server closes the connection."""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            found += part
    return found
