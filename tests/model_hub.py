"""A stand-in for the model hub on this machine: what a download asks for, and the ways it can fail."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """Serve `models`, by name; `owner/gated`, `owner/down` and `owner/broken` fail as their names say."""

    models: dict[str, Path]

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = urlsplit(self.path).path.strip("/")
        is_api = path.startswith("api/models/")
        name = "/".join(path.removeprefix("api/models/").split("/")[:2])
        what = path.removeprefix("api/models/").split("/")[2:]
        if name == "owner/gated":
            return self.reply(403, b"", {"X-Error-Code": "GatedRepo"})
        if name == "owner/down":
            return self.reply(503, b"")
        if name not in self.models:
            return self.reply(401, b"", {"X-Error-Code": "RepoNotFound"})
        if len(what) > 1 and what[1] not in ("main", COMMIT):
            return self.reply(404, b"", {"X-Error-Code": "RevisionNotFound"})
        folder = self.models[name]
        files = sorted(p for p in folder.rglob("*") if p.is_file())
        if is_api and what[0] == "revision":
            siblings = [{"rfilename": str(p.relative_to(folder))} for p in files]
            return self.tell({"id": name, "modelId": name, "sha": COMMIT, "siblings": siblings})
        if is_api and what[0] == "tree":
            entries = [
                {
                    "type": "file",
                    "path": str(p.relative_to(folder)),
                    "size": p.stat().st_size,
                    "oid": hashlib.sha1(p.read_bytes(), usedforsecurity=False).hexdigest(),
                }
                for p in files
            ]
            return self.tell(entries)
        file = folder / "/".join(what[2:])
        if not file.is_file():
            return self.reply(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
        content = file.read_bytes()
        tag = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        self.reply(200, content, {"ETag": f'"{tag}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "none"})

    def tell(self, tree: object) -> None:
        self.reply(200, json.dumps(tree).encode(), {"Content-Type": "application/json"})

    def reply(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def serve(models: dict[str, Path]) -> Iterator[str]:
    """Serve model folders by name; yield the address for HF_ENDPOINT."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Serving", (Hub,), {"models": models}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
