"""A stand-in for the Hub on 127.0.0.1: what `huggingface_hub` asks about a data set, and its files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote

COMMIT = "0123456789abcdef0123456789abcdef01234567"
Repos = dict[str, dict[str, bytes]]
"""`owner/name`, or `owner/name@revision`, to path to content."""


def _handler(repos: Repos, cards: dict[str, dict]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(with_body=True)

        def do_HEAD(self) -> None:
            self.answer(with_body=False)

        def answer(self, with_body: bool) -> None:
            parts = [unquote(part) for part in self.path.partition("?")[0].strip("/").split("/")]
            headers = {"X-Repo-Commit": COMMIT}
            status, body = 404, b"{}"
            if parts[:2] == ["api", "datasets"]:
                name, revision = "/".join(parts[2:4]), "/".join(parts[5:])
                if name not in repos:
                    headers["X-Error-Code"] = "GatedRepo" if "gated" in name else "RepoNotFound"
                elif revision and f"{name}@{revision}" not in repos:
                    headers["X-Error-Code"] = "RevisionNotFound"
                else:
                    found = repos[f"{name}@{revision}" if revision else name]
                    siblings = [{"rfilename": path} for path in found]
                    info = {"id": name, "sha": COMMIT, "siblings": siblings, "cardData": cards.get(name)}
                    status, body = 200, json.dumps(info).encode()
            elif parts[0] == "datasets" and parts[3] == "resolve":
                name = "/".join(parts[1:3])
                for key in (name, f"{name}@refs/convert/parquet"):
                    if (content := repos.get(key, {}).get("/".join(parts[5:]))) is not None:
                        status, body = 200, content
                        headers["ETag"] = f'"{hashlib.sha1(content).hexdigest()}"'
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(key, value)
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    return Handler


@contextmanager
def serve(repos: Repos, cards: dict[str, dict]) -> Iterator[str]:
    """Run the server and give its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(repos, cards))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
