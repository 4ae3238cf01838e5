"""What every request passes before anything of it is understood, and every answer on its way out."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from feinschliff.serve.metrics import Metrics
from feinschliff.serve.query import Refusal
from feinschliff.serve.settings import Limits

LOG = logging.getLogger(__name__)
OPEN = frozenset(["/", "/health", "/ready", "/v2/health/live", "/v2/health/ready", "/docs", "/openapi.json"])
"""What is shown without a key (of `/` only the page)."""
PAGE = re.compile(r"/|/docs|/models/[^/]+/report")
"""What a person may come to by a link on another site."""
IDENTIFIER = re.compile(r"[A-Za-z0-9._-]{1,64}")
UNKNOWN = "unknown"
PORT = re.compile(r":\d*$")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Guard:
    """ASGI middleware: key, body within its limits of size and time, one log line and metrics per request.

    Args:
        app: What answers.
        limits: Of bodies.
        metrics: Where requests are counted.
        key: Expected as `Authorization: Bearer KEY`; None lets everyone in.
        hosts: Names under which the server may be addressed; None for any. A page of another site, whose name
            was made to lead here, is so kept from asking in its visitor's browser (DNS rebinding).
        stopping: Tells whether the server is about to stop; then connections are closed after the answer.
    """

    def __init__(
        self,
        app: Any,
        *,
        limits: Limits,
        metrics: Metrics,
        key: str | None,
        hosts: frozenset[str] | None,
        stopping: Callable[[], bool],
    ):
        self.app, self.limits, self.metrics, self.stopping = app, limits, metrics, stopping
        self.hosts = hosts
        self.key = f"Bearer {key}".encode() if key else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = time.monotonic()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        facts = scope["facts"] = {}
        asked = headers.get(b"x-request-id", b"").decode("latin-1")
        identifier = asked if IDENTIFIER.fullmatch(asked) else uuid.uuid4().hex
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                more = [(b"x-request-id", identifier.encode()), (b"x-content-type-options", b"nosniff")]
                if self.stopping():
                    more.append((b"connection", b"close"))
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        try:
            try:
                self._check_site(scope, headers)
                self._check_key(scope, headers)
                body = await self._body(scope, headers, receive)
                await self.app(scope, _replay(body), answer)
            except Refusal as refusal:
                await _refuse(answer, refusal)
            except Exception:
                LOG.exception("failed", extra={"facts": {"id": identifier, **_place(scope)}})
                if status:
                    raise
                await _refuse(answer, Refusal(500, "the server failed; its log says where"))
        except asyncio.CancelledError:
            status = status or 499
            raise
        finally:
            self._record(scope, status or 499, time.monotonic() - begun, identifier, facts)

    def _check_site(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        if self.hosts is None:
            return
        asked = PORT.sub("", headers.get(b"host", b"").decode("latin-1")).lower()
        if asked and asked not in self.hosts:
            raise Refusal(403, "this server is not meant to be reached under that name; see --allow-host")
        if (
            headers.get(b"sec-fetch-site") == b"cross-site"
            and b"content-type" not in headers
            and not _is_visit(scope, headers)
        ):
            raise Refusal(403, "pages of other sites may not ask here")

    def _check_key(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        if self.key is None or (scope["method"] in ("GET", "HEAD") and scope["path"] in OPEN):
            return
        if not hmac.compare_digest(headers.get(b"authorization", b""), self.key):
            raise Refusal(
                401,
                "an API key is needed: Authorization: Bearer KEY",
                {"www-authenticate": "Bearer", "connection": "close"},
            )

    async def _body(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        """Read the body, never more than its limit into memory.

        What is too long is read to its end without being kept, as long as the time allows: most clients read
        an answer only after they have sent everything.
        """
        length = headers.get(b"content-length", b"")
        if (
            scope["method"] in ("GET", "HEAD")
            and length in (b"", b"0")
            and b"transfer-encoding" not in headers
        ):
            return b""
        limit = self.limits.body_bytes
        too_long = Refusal(
            413, f"the body is longer than the {limit:,} bytes that are allowed", {"connection": "close"}
        )
        declared = int(length) if length.isdigit() else 0
        if declared > limit and b"expect" in headers:
            raise too_long
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self.limits.body_seconds):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Refusal(499, "the client has gone")
                    size += len(message.get("body", b""))
                    if max(size, declared) <= limit:
                        parts.append(message.get("body", b""))
                    else:
                        parts.clear()
                    more = message.get("more_body", False)
        except TimeoutError:
            raise Refusal(
                408,
                f"the body did not arrive within {self.limits.body_seconds:g} seconds",
                {"connection": "close"},
            ) from None
        if max(size, declared) > limit:
            raise too_long
        return b"".join(parts)

    def _record(self, scope: Scope, status: int, seconds: float, identifier: str, facts: Any) -> None:
        place = _place(scope)
        self.metrics.requests.labels(place["route"], str(status)).inc()
        self.metrics.seconds.labels(place["route"]).observe(seconds)
        level = logging.ERROR if status >= 500 and status != 503 else logging.INFO
        if LOG.isEnabledFor(level):
            told = {"id": identifier, **place, "status": status, "ms": round(1000 * seconds, 2), **facts}
            LOG.log(level, "request", extra={"facts": told})


def _is_visit(scope: Scope, headers: dict[bytes, bytes]) -> bool:
    """Tell whether a browser opens a page in a tab of its own, which the site that led there cannot read."""
    return (
        scope["method"] == "GET"
        and headers.get(b"sec-fetch-mode") == b"navigate"
        and headers.get(b"sec-fetch-dest") == b"document"
        and PAGE.fullmatch(scope["path"]) is not None
    )


def _place(scope: Scope) -> dict[str, str]:
    """Return method and route, never a path that a client made up."""
    route = getattr(scope.get("route"), "path", UNKNOWN)
    method = scope["method"] if scope["method"] in ("GET", "POST", "HEAD") else "other"
    return {"method": method, "route": route}


def _replay(body: bytes) -> Receive:
    """Give the whole body to whoever asks first."""
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Message:
        return next(messages, {"type": "http.disconnect"})

    return receive


async def _refuse(send: Send, refusal: Refusal) -> None:
    body = json.dumps({"error": refusal.reason}, ensure_ascii=False).encode("utf-8", "backslashreplace")
    headers = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        **refusal.headers,
    }
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
