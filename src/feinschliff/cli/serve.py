"""`feinschliff serve`: tuned models answer over HTTP."""

from __future__ import annotations

from typing import Annotated

import typer

from feinschliff.cli import _options as options

LOOPBACK = {"127.0.0.1": "127.0.0.1", "::1": "[::1]"}
"""Addresses of this machine alone, and how a URL has them."""
PACKAGES = ("fastapi", "uvicorn", "httptools", "prometheus_client")


def serve(
    ctx: typer.Context,
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL_DIR...",
            help="Folders of runs, models or exports, or owner/name of the hub; NAME=DIR names one.",
        ),
    ],
    host: Annotated[str, typer.Option("--host", help="Address; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    api_key: Annotated[
        str | None,
        typer.Option(
            "--api-key",
            envvar="FEINSCHLIFF_API_KEY",
            help="Answer only requests with 'Authorization: Bearer KEY'. Better set as a variable.",
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host",
            metavar="NAME",
            help="Name, such as a proxy's, under which a server for this machine alone and without a key may "
            "be addressed, too; repeatable.",
        ),
    ] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    fast: options.Fast = False,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Most texts computed at once.")] = 64,
    batch_wait: Annotated[
        float,
        typer.Option("--batch-wait", min=0, help="Milliseconds a batch waits for more texts."),
    ] = 2,
    queue: Annotated[
        int, typer.Option("--queue", min=1, help="Texts that may wait; beyond it requests get 429.")
    ] = 1024,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds to answer in.")] = 30,
    max_body: Annotated[int, typer.Option("--max-body", min=1, help="Most bytes of a request.")] = 1_000_000,
    max_texts: Annotated[int, typer.Option("--max-texts", min=1, help="Most texts of a request.")] = 256,
    max_characters: Annotated[
        int, typer.Option("--max-characters", min=1, help="Most characters of a text.")
    ] = 50_000,
    max_connections: Annotated[
        int, typer.Option("--max-connections", min=1, help="Most connections at once.")
    ] = 1000,
    patience: Annotated[
        float, typer.Option("--patience", min=0.1, help="Seconds a client may take to send, or to read.")
    ] = 10,
    reload: Annotated[
        float, typer.Option("--reload", min=0, help="Seconds between looks for new versions; 0 for never.")
    ] = 5,
    stop_timeout: Annotated[
        float, typer.Option("--stop-timeout", min=1, help="Seconds to finish requests when told to stop.")
    ] = 30,
    log_level: Annotated[str, typer.Option("--log-level", help="debug, info, warning or error.")] = "info",
    log_texts: Annotated[bool, typer.Option("--log-texts", help="Log the texts that are sent, too.")] = False,
) -> None:
    """Answer over HTTP: a page to try it at /, JSON for programs, its description at /docs.

    Speaks the JSON of Hugging Face inference and the Open Inference Protocol. Logs are JSON lines on stderr.
    """
    from feinschliff.errors import ConfigError, MissingExtraError

    levels = ("debug", "info", "warning", "error")
    if log_level not in levels:
        raise ConfigError(f"there is no level '{log_level}'", where="--log-level", allowed=", ".join(levels))
    try:
        from feinschliff.serve import server
        from feinschliff.serve.service import Service
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in PACKAGES:
            raise
        raise MissingExtraError("the server", "serve") from None
    from feinschliff.serve.logs import to_stderr
    from feinschliff.serve.settings import Limits
    from feinschliff.serve.shelf import Shelf, named

    sources = named(models)
    bound = server.listen(host, port)
    is_private = not api_key and bound.getsockname()[0] in LOOPBACK
    if allow_host and not is_private:
        raise ConfigError(
            "every name is allowed with a key, or at an address that other machines reach",
            where="--allow-host",
            hint="Leave it out",
        )
    limits = Limits(
        body_bytes=max_body,
        texts=max_texts,
        characters=max_characters,
        queued_texts=queue,
        batch_texts=batch_size,
        wait_seconds=batch_wait / 1000,
        answer_seconds=timeout,
        body_seconds=patience,
        stop_seconds=stop_timeout,
        connections=max_connections,
    )
    to_stderr("warning" if ctx.obj["quiet"] and log_level == "info" else log_level)
    shelf = Shelf(sources, device, fast)
    bound.listen(limits.connections)
    address = f"[{host}]" if ":" in host else host
    typer.echo(f"Serving {', '.join(sources)} at http://{address}:{bound.getsockname()[1]}/ (Ctrl-C stops)")
    hosts = _names(address, allow_host or ()) if is_private else None
    service = Service(shelf, limits, api_key or None, reload, log_texts, hosts)
    server.server(service).run(sockets=[bound])


def _names(address: str, more: list[str] | tuple[()]) -> frozenset[str]:
    """Return the names of a server that is for this machine alone."""
    return frozenset(name.lower() for name in ("localhost", *LOOPBACK.values(), address, *more))
