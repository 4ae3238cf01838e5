"""A stand-in for the model hub on this machine: what down- and uploads ask for, and how they can fail."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import yaml

COMMIT = "0123456789abcdef0123456789abcdef01234567"


BRANCH_COMMIT = "f" * 40
TOKENS = {"Bearer hf_writer": "write", "Bearer hf_reader": "read"}


@dataclass
class Store:
    """What uploads made.

    Attributes:
        root: Folder for new repositories; those of `models` may be written as well.
        private: Names of private repositories.
        blobs: Large files by their SHA-256.
        commits: Message and changed paths of each commit.
    """

    root: Path
    private: set[str] = field(default_factory=set)
    blobs: dict[str, bytes] = field(default_factory=dict)
    commits: list[tuple[str, list[str]]] = field(default_factory=list)


class Hub(BaseHTTPRequestHandler):
    """Serve `models` by name, a branch as `name@branch`; `owner/gated`, `owner/down` and some more fail.

    The token `hf_writer` may write to the repositories of `owner`, `hf_reader` to none.
    """

    models: dict[str, Path]
    store: Store | None

    def do_POST(self) -> None:
        """Take what an upload sends."""
        body = self.body()
        path = urlsplit(self.path).path.strip("/")
        rights = TOKENS.get(self.headers.get("Authorization", ""))
        if rights is None:
            return self.reply(401, b"", {"X-Error-Message": "Invalid username or password."})
        if path == "api/validate-yaml":
            return self.validate(json.loads(body)["content"])
        if path == "api/repos/create":
            wish = json.loads(body)
            name = f"{wish['organization']}/{wish['name']}"
            if name == "owner/down":
                return self.reply(503, b"")
            if rights != "write" or wish["organization"] != "owner":
                return self.reply(403, b"", {"X-Error-Message": "You have no rights for this namespace."})
            made = name not in self.models
            if made:
                self.models[name] = self.store.root / name
                self.models[name].mkdir(parents=True)
                (self.models[name] / ".gitattributes").write_text("*.safetensors filter=lfs\n")
                self.store.private |= {name} if wish.get("visibility") == "private" else set()
            return self.tell({"url": f"http://{self.headers['Host']}/{name}"}, 200 if made else 409)
        if rights != "write":
            return self.reply(403, b"", {"X-Error-Message": "Your token cannot write."})
        if path.endswith(".git/info/lfs/objects/batch"):
            objects = json.loads(body)["objects"]
            for wanted in (o for o in objects if o["oid"] not in self.store.blobs):
                wanted["actions"] = {"upload": {"href": f"http://{self.headers['Host']}/lfs/{wanted['oid']}"}}
            return self.tell({"transfer": "basic", "objects": objects})
        owner, base, what, branch = path.removeprefix("api/models/").split("/")
        name = f"{owner}/{base}"
        if what == "branch":
            key = f"{name}@{branch}"
            if key not in self.models:
                self.models[key] = self.models[f"{name}@{BRANCH_COMMIT}"] = Path(
                    shutil.copytree(self.models[name], self.store.root / key)
                )
                return self.tell({})
            return self.reply(409, b"")
        if what == "preupload":
            files = json.loads(body)["files"]
            modes = ["lfs" if f["path"].endswith(".safetensors") else "regular" for f in files]
            return self.tell(
                {
                    "files": [
                        {"path": f["path"], "uploadMode": mode, "shouldIgnore": False}
                        for f, mode in zip(files, modes, strict=True)
                    ]
                }
            )
        assert what == "commit", path
        folder = self.models[name if branch == "main" else f"{name}@{branch}"]
        header, *changes = [json.loads(line) for line in body.splitlines()]
        for change in changes:
            value = change["value"]
            file = folder / value["path"]
            if change["key"] == "deletedFile":
                file.unlink()
            elif change["key"] == "lfsFile":
                file.write_bytes(self.store.blobs[value["oid"]])
            else:
                file.write_bytes(base64.b64decode(value["content"]))
        self.store.commits.append((header["value"]["summary"], [c["value"]["path"] for c in changes]))
        self.tell({"commitUrl": f"http://{self.headers['Host']}/{name}/commit/{COMMIT}", "commitOid": COMMIT})

    def do_PUT(self) -> None:
        """Take a large file and check that it is the one announced."""
        content = self.body()
        digest = hashlib.sha256(content).hexdigest()
        if not self.path.endswith(digest):
            return self.reply(400, b"")
        self.store.blobs[digest] = content
        self.reply(200, b"")

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def validate(self, card: str) -> None:
        """Answer whether the metadata of a card has the form that the Hub documents for `model-index`."""
        try:
            data = yaml.safe_load(card.split("---\n")[1])
            for model in data.get("model-index", ()):
                assert model["name"]
                for result in model["results"]:
                    assert result["task"]["type"]
                    assert result["dataset"]["type"]
                    assert result["dataset"]["name"]
                    for metric in result["metrics"]:
                        assert metric["type"]
                        assert isinstance(metric["value"], float)
            assert data.get("license") != "unheard-of"
        except (AssertionError, KeyError, IndexError, yaml.YAMLError) as error:
            return self.tell({"errors": [{"message": f"wrong metadata: {error!r}"}], "warnings": []}, 400)
        self.tell({"errors": [], "warnings": []})

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if self.headers.get("Authorization", "Bearer hf_reader") not in TOKENS:
            return self.reply(401, b"", {"X-Error-Message": "Invalid credentials in Authorization header"})
        path = urlsplit(self.path).path.strip("/")
        is_api = path.startswith("api/models/")
        name = "/".join(path.removeprefix("api/models/").split("/")[:2])
        what = path.removeprefix("api/models/").split("/")[2:]
        if name == "owner/gated":
            return self.reply(403, b"", {"X-Error-Code": "GatedRepo"})
        if name == "owner/down":
            return self.reply(503, b"")
        if name == "owner/page":
            return self.reply(200, b"<html>Log in to this network</html>", {"Content-Type": "text/html"})
        if name == "owner/list":
            return self.tell([])
        if name == "owner/shut":
            return self.reply(401, b"")
        if name not in self.models:
            return self.reply(401, b"", {"X-Error-Code": "RepoNotFound"})
        if is_api and not what:
            private = self.store is not None and name in self.store.private
            return self.tell({"id": name, "modelId": name, "private": private, "siblings": []})
        branch = f"{name}@{what[1]}" if len(what) > 1 else ""
        if branch.endswith(BRANCH_COMMIT):
            branch = next((known for known in self.models if known.startswith(f"{name}@")), branch)
        if branch and branch not in self.models and what[1] not in ("main", COMMIT):
            return self.reply(404, b"", {"X-Error-Code": "RevisionNotFound"})
        folder = self.models.get(branch, self.models[name])
        commit = BRANCH_COMMIT if branch in self.models else COMMIT
        files = sorted(p for p in folder.rglob("*") if p.is_file())
        if is_api and what[0] == "revision":
            siblings = [{"rfilename": str(p.relative_to(folder))} for p in files]
            return self.tell({"id": name, "modelId": name, "sha": commit, "siblings": siblings})
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
            return self.reply(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
        content = file.read_bytes()
        tag = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        self.reply(200, content, {"ETag": f'"{tag}"', "X-Repo-Commit": commit, "Accept-Ranges": "none"})

    def tell(self, tree: object, status: int = 200) -> None:
        self.reply(status, json.dumps(tree).encode(), {"Content-Type": "application/json"})

    def reply(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def serve(models: dict[str, Path], store: Store | None = None) -> Iterator[str]:
    """Serve model folders by name, and take new ones into a store; yield the address for HF_ENDPOINT."""
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), type("Serving", (Hub,), {"models": models, "store": store})
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
