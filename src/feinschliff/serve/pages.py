"""Pages for people: each one file, without anything from the network."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from functools import cache
from importlib.resources import files
from typing import Any


def docs(openapi: dict[str, Any]) -> str:
    """Return a page that shows an OpenAPI description."""
    sections = []
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            sections.append(_operation(path, method, operation))
    title = f"{openapi['info']['title']} {openapi['info']['version']}"
    return (
        _read("docs.html").replace("{{title}}", html.escape(title)).replace("{{routes}}", "\n".join(sections))
    )


@cache
def page() -> tuple[str, str]:
    """Return the page to try models, and the policy that lets nothing else run in it."""
    style, script = _read("page.css"), _read("page.js")
    text = _read("page.html").replace("{{style}}", style).replace("{{script}}", script)
    allowed = {name: _digest(part) for name, part in (("style", style), ("script", script))}
    policy = (
        f"default-src 'none'; style-src {allowed['style']}; script-src {allowed['script']}; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
    return text, policy


def _digest(part: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()}'"


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    parts = [f"<h2><b>{method.upper()}</b> <code>{html.escape(path)}</code></h2>"]
    parts.append(f"<p>{html.escape(operation.get('description', ''))}</p>")
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content:
        call = (
            f"curl -X POST http://localhost:8000{path} -H 'Content-Type: application/json' \\\n"
            f"  -d '{json.dumps(content['example'])}'"
        )
        parts.append(f"<pre>{html.escape(call)}</pre>")
        schema = html.escape(json.dumps(content["schema"], indent=1))
        parts.append(f"<details><summary>Schema of the body</summary><pre>{schema}</pre></details>")
    rows = [
        f"<tr><th scope=row>{status}</th><td>{html.escape(answer['description'])}</td></tr>"
        for status, answer in sorted(operation["responses"].items())
        if status != "422" or content
    ]
    parts.append(f"<details><summary>Answers</summary><table>{''.join(rows)}</table></details>")
    return f"<section>{''.join(parts)}</section>"


@cache
def _read(name: str) -> str:
    return (files("feinschliff.serve") / name).read_text(encoding="utf-8")
