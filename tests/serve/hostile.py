"""Malformed and hostile requests, made from a seed: `python tests/serve/hostile.py URL [REQUESTS] [SEED]`.

The server must answer each with an error that says why, or close the connection; it must not fail, hang, or
keep anything.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

PATHS = ["/", "/predict", "/models/{}", "/models/{}/predict", "/v2/models/{}/infer"]
TRICKS = [
    *(
        "../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e/%2e%2e/",
        "..%5c..%5c",
        "%00",
        "a%00b",
        ".",
        "..",
    ),
    *("con", "~root", "$(id)", "`id`", "{0}", "{{7*7}}", "%ff%fe", "a" * 5000, "%f0%9f%92%a9", "//", ".."),
    *("classification%20", "CLASSIFICATION", "'%20or%201=1--", "%0d%0aX-Injected:%20yes", "?name=x", "#x"),
]
METHODS = ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"]
SLOW_SECONDS = 30.0
"""No request may take longer than this to be answered or cut off."""


def junk(rng: random.Random, depth: int = 0) -> object:
    """Return a random JSON value, seldom one the server expects."""
    kinds: list[Callable[[], object]] = [
        lambda: None,
        lambda: rng.random() < 0.5,
        lambda: rng.choice([0, -1, 2**31, 2**63, 10**400, 1e308, -0.0]),
        lambda: rng.choice(
            ["", "x", "\x00", "\ud800", "ﷺ" * 50, "👩‍👩‍👧‍👦" * 20, "a" * 60_000, "\u202e\u200b", "%s%n"]
        ),
        lambda: [],
        lambda: {},
    ]
    if depth < 4:
        kinds += [
            lambda: [junk(rng, depth + 1) for _ in range(rng.randrange(5))],
            lambda: {
                rng.choice(
                    ["inputs", "text", "text_pair", "parameters", "__proto__", "", "data", "shape"]
                ): junk(rng, depth + 1)
                for _ in range(rng.randrange(4))
            },
        ]
    return rng.choice(kinds)()


def message(
    method: str, path: str, body: bytes = b"", *headers: str, kind: str = "application/json"
) -> bytes:
    """Return a whole HTTP request that asks for the connection to be closed."""
    lines = [f"{method} {path} HTTP/1.1", "Host: x", "Connection: close", *headers]
    if body or method in ("POST", "PUT", "PATCH"):
        lines += [f"Content-Length: {len(body)}", f"Content-Type: {kind}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace") + body


def path_of(rng: random.Random, names: list[str]) -> str:
    return rng.choice(PATHS).format(rng.choice(names))


def wrong_types(rng, names):
    tree = {"inputs": junk(rng), "parameters": junk(rng)}
    if rng.random() < 0.3:
        tensor = {
            "name": junk(rng),
            "shape": junk(rng),
            "datatype": rng.choice(["BYTES", junk(rng)]),
            "data": junk(rng),
        }
        tree = {"inputs": [tensor] * rng.randrange(3), "outputs": junk(rng), "id": junk(rng)}
    return message("POST", path_of(rng, names), json.dumps(rng.choice([tree, tree, junk(rng)])).encode())


def broken_json(rng, names):
    good = b'{"inputs": "a text", "parameters": {"top_k": 1}}'
    choices = [
        good[: rng.randrange(len(good))],
        good.replace(b"text", bytes(rng.randrange(128, 256) for _ in range(4))),
        b"\xff\xfe" + good,
        b"\xef\xbb\xbf" + good,
        good.decode().encode("utf-16"),
        b'{"inputs": NaN}',
        b'{"inputs": ' + b"1" * 5000 + b"}",
        b'{"inputs": "' + b"\\ud800" * 10 + b'"}',
        b"[" * 100_000,
        b'{"inputs":' * 50_000,
        b'{"inputs": ' + b"[" * 90_000 + b"]" * 90_000 + b"}",
        b"\x00" * 1000,
        bytes(rng.randrange(256) for _ in range(200)),
        b'{"inputs": "a", "inputs": ["b"]} trailing',
    ]
    return message("POST", path_of(rng, names), rng.choice(choices))


def too_much(rng, names):
    size = rng.choice([1_000_001, 3_000_000, 5_000_000])
    body = b'{"inputs": "' + b"x" * size + b'"}'
    many = json.dumps({"inputs": ["x"] * 5000}).encode()
    long = json.dumps({"inputs": "x" * 200_000}).encode()
    chunked = message("POST", "/", b"", "Transfer-Encoding: chunked").replace(b"Content-Length: 0\r\n", b"")
    chunked += b"".join(b"%x\r\n%s\r\n" % (65536, b"y" * 65536) for _ in range(30)) + b"0\r\n\r\n"
    return rng.choice([lambda: message("POST", path_of(rng, names), body), lambda: message("POST", "/", many),
                       lambda: message("POST", "/", long), lambda: chunked])()  # fmt: skip


def path_tricks(rng, names):
    name = rng.choice(TRICKS)
    template = rng.choice(["/{}", "/models/{}", "/models/{}/report", "/v2/models/{}/infer", "/v2/models/{}",
                           "/models/{}/predict", "{}", "/models/" + names[0] + "/{}"])  # fmt: skip
    return message(rng.choice(["GET", "POST"]), template.format(name).replace(" ", "%20"), b'{"inputs": "x"}')


def odd_http(rng, names):
    body = b'{"inputs": "x"}'
    noise = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 400)))
    kinds = ["text/plain", "application/xml", "", "multipart/form-data"]
    identifiers = ["a b", "\r\tx", "é" * 20, "x" * 9000]
    lengths = [
        "-1",
        "abc",
        "99999999999999999999",
        "15\r\nContent-Length: 3",
        "15\r\nTransfer-Encoding: chunked",
    ]
    good = message("POST", "/", body)
    upgrade = message("GET", "/", b"", "Upgrade: websocket", "Sec-WebSocket-Key: x")
    return rng.choice(
        [
            message(rng.choice(METHODS), path_of(rng, names), rng.choice([body, b""])),
            message("POST", "/", body, kind=rng.choice(kinds)),
            message("POST", "/", body, "X-Request-ID: " + rng.choice(identifiers)),
            message("POST", "/", body, *[f"X-{i}: {'v' * 100}" for i in range(1000)]),
            good.replace(b"Content-Length: 15", b"Content-Length: " + rng.choice(lengths).encode()),
            upgrade.replace(b"Connection: close", b"Connection: Upgrade"),
            message("POST", "/", body, "Expect: 100-continue"),
            noise + b"\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + noise,
            b"GET " + b"/" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
            message("GET", "/health") * 50,
        ]
    )


KINDS = (wrong_types, wrong_types, broken_json, broken_json, path_tricks, odd_http, odd_http, too_much)


def send(place: tuple[str, int], data: bytes, *, slowly: float = 0.0, leave: bool = False) -> bytes | None:
    """Send bytes and return what comes back; None if the connection was cut off without an answer.

    Args:
        slowly: Seconds between single bytes of the last part.
        leave: Do not wait for an answer.
    """
    with socket.create_connection(place, timeout=SLOW_SECONDS) as to:
        found = b""
        with contextlib.suppress(ConnectionError):
            if slowly:
                half = min(len(data) // 2, 500)
                to.sendall(data[:half])
                to.settimeout(slowly)
                for byte in data[half:]:
                    to.sendall(bytes([byte]))
                    with contextlib.suppress(TimeoutError):
                        if part := to.recv(65536):
                            found += part
                        break
                to.settimeout(SLOW_SECONDS)
            else:
                to.sendall(data)
            if leave:
                return b""
            if not slowly:
                with contextlib.suppress(OSError):  # it may be reset already
                    to.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while part := to.recv(65536):
                found += part
        return found or None


def attack(
    place: tuple[str, int], names: list[str], seed: int, slow_share: float = 0.02
) -> tuple[str, object, str]:
    """Send one hostile request; return its kind, its status (`cut` for no answer), and what went wrong."""
    rng = random.Random(seed)
    kind = rng.choice(KINDS)
    data = kind(rng, names)
    if seed % 500 == 3:
        kind, data = too_much, message("POST", "/", b"z" * 50_000_000)
    slowly = 0.2 if rng.random() < slow_share and kind is not too_much else 0.0
    leave = not slowly and rng.random() < 0.05
    begun = time.monotonic()
    try:
        answer = send(place, data, slowly=slowly, leave=leave)
    except OSError as error:
        return (
            kind.__name__,
            "hang",
            f"{type(error).__name__} after {time.monotonic() - begun:.1f} s: {data[:80]!r}",
        )
    name = kind.__name__ + (" slowly" if slowly else "")
    if leave:
        return name, "left", ""
    if answer is None:
        return name, "cut", ""
    status = int(answer[9:12]) if re.match(rb"HTTP/1\.1 \d{3} ", answer) else "garbled"
    wrong = ""
    if status == "garbled" or (isinstance(status, int) and status >= 500 and status != 503):
        wrong = f"{status}: {data[:120]!r} -> {answer[:200]!r}"
    elif b"X-Injected" in answer.partition(b"\r\n\r\n")[0] or b"root:" in answer or b"Traceback" in answer:
        wrong = f"leak: {data[:120]!r} -> {answer[:200]!r}"
    return name, status, wrong


def run(
    url: str, names: list[str], requests: int, seed: int = 0, clients: int = 16, slow_share: float = 0.02
):
    """Send hostile requests; return how often each kind got each status, and what went wrong."""
    parts = urlsplit(url)
    place = (str(parts.hostname), int(parts.port or 80))
    with ThreadPoolExecutor(clients) as pool:
        found = list(
            pool.map(lambda i: attack(place, names, seed * 1_000_003 + i, slow_share), range(requests))
        )
    return Counter((kind, status) for kind, status, _ in found), [wrong for _, _, wrong in found if wrong]


if __name__ == "__main__":
    import urllib.request

    url, requests, seed = sys.argv[1], int((sys.argv[2:] or ["10000"])[0]), int((sys.argv[3:] or ["0"])[0])
    names = [model["name"] for model in json.load(urllib.request.urlopen(f"{url}/models"))]
    begun = time.monotonic()
    counts, wrong = run(url, names, requests, seed)
    for (kind, status), count in sorted(counts.items(), key=str):
        print(f"{kind:20} {status!s:8} {count}")
    print(f"{requests} requests in {time.monotonic() - begun:.0f} s; {len(wrong)} went wrong")
    print("\n".join(wrong[:20]))
    sys.exit(bool(wrong))
