"""Connections that do not wait for ever: for headers that trickle in, or for a client that does not read."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from feinschliff.serve.settings import Limits

HEADER_BYTES = 32_768
PUNCTUATION_BYTES = len(b": \r\n")
CLOSE = b"content-length: 0\r\nconnection: close\r\n\r\n"


async def _too_large(scope: Any, receive: Any, send: Any) -> None:
    headers = [(b"content-length", b"0"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 431, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def protocol(limits: Limits) -> type[asyncio.Protocol]:
    """Return uvicorn's protocol class, bounded in time and in the size of headers."""

    class Bounded(HttpToolsProtocol):
        """One connection."""

        headers_due: asyncio.TimerHandle | None = None
        reading_due: asyncio.TimerHandle | None = None
        seen = 0

        def connection_made(self, transport: Any) -> None:
            """Give the client time for the first headers."""
            super().connection_made(transport)
            self._await_headers()

        def connection_lost(self, exc: Exception | None) -> None:
            """Forget the timers."""
            self._had_headers()
            self.resume_writing()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            """Count what is received while headers are awaited."""
            if self.headers_due is None and self._between():
                self._await_headers()
            self.seen += len(data)
            super().data_received(data)
            if self.headers_due is not None and self.seen > HEADER_BYTES:
                self._end(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")

        def eof_received(self) -> bool:  # type: ignore[override]
            """Still answer a client that has sent its whole request and closes its side."""
            waiting = self.cycle is not None and not self.cycle.more_body and not self.cycle.response_complete
            if waiting:
                self.cycle.keep_alive = False
            return waiting

        def on_headers_complete(self) -> None:
            """Stop the clock: from here on the body's time counts. Refuse headers that came at once."""
            self._had_headers()
            app = self.app
            size = sum(len(name) + len(value) + PUNCTUATION_BYTES for name, value in self.headers)
            if len(self.url) + size > HEADER_BYTES:
                self.app = _too_large
            super().on_headers_complete()
            self.app = app

        def pause_writing(self) -> None:
            """Give the client time to read its answer."""
            super().pause_writing()
            if self.reading_due is None:
                self.reading_due = self.loop.call_later(limits.body_seconds, self.transport.abort)

        def resume_writing(self) -> None:
            """Go on: the client reads."""
            if self.reading_due is not None:
                self.reading_due.cancel()
                self.reading_due = None
            super().resume_writing()

        def _between(self) -> bool:
            return self.cycle is None or self.cycle.response_complete

        def _await_headers(self) -> None:
            self.seen = 0
            self.headers_due = self.loop.call_later(limits.body_seconds, self._too_slow)

        def _had_headers(self) -> None:
            if self.headers_due is not None:
                self.headers_due.cancel()
                self.headers_due = None

        def _too_slow(self) -> None:
            self._end(b"HTTP/1.1 408 Request Timeout\r\n" if self.seen else b"")

        def _end(self, status: bytes) -> None:
            self._had_headers()
            if not self.transport.is_closing():
                if status:
                    self.transport.write(status + CLOSE)
                self.transport.close()

    return Bounded
