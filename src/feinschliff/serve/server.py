"""Run a service until it is told to stop; then finish what was accepted."""

from __future__ import annotations

import asyncio
import socket
from types import FrameType

import uvicorn

from feinschliff.errors import ConfigError
from feinschliff.serve.app import create_app
from feinschliff.serve.connection import protocol
from feinschliff.serve.service import Service

GRACE_SECONDS = 0.3
"""After a signal, time for requests that are on their way to arrive; they are still answered."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that is bound but does not listen yet; port 0 takes a free one.

    Raises:
        ConfigError: the address is taken, or not one of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
    except (OSError, OverflowError) as error:
        found.close()
        raise ConfigError(
            f"cannot listen there: {getattr(error, 'strerror', None) or error}",
            where=f"{host}:{port}",
            hint="Choose another --host or --port",
        ) from None
    return found


def server(service: Service) -> uvicorn.Server:
    """Return a server; its `run(sockets=[...])` ends after SIGTERM or Ctrl-C, at once after a second one."""
    limits = service.limits
    config = uvicorn.Config(
        create_app(service),
        http=protocol(limits),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=limits.connections,
        timeout_keep_alive=max(1, round(limits.idle_seconds)),
        timeout_graceful_shutdown=max(1, round(limits.stop_seconds)),
    )
    return _Server(config, service)


class _Server(uvicorn.Server):
    """uvicorn's server, which tells the service before it closes connections."""

    def __init__(self, config: uvicorn.Config, service: Service):
        super().__init__(config)
        self.service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop; the signal is not raised again afterwards, so that the process ends with 0."""
        self.force_exit = self.should_exit
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close connections after their answers, give those on their way a moment, then stop."""
        self.service.stopping = True
        await asyncio.sleep(GRACE_SECONDS)
        await super().shutdown(sockets)
