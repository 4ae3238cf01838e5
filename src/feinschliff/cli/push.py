"""`feinschliff push`: a tuned model with its card on the Hugging Face Hub."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from feinschliff.cli import _options as options


def push(
    ctx: typer.Context,
    model: Annotated[
        Path, typer.Argument(metavar="MODEL_DIR", help="A run's folder, its model folder, or an export.")
    ],
    repo: Annotated[str, typer.Argument(metavar="REPO", help="owner/name; made if it is not there.")],
    private: Annotated[
        bool, typer.Option("--private", help="Make it private; a public one is refused.")
    ] = False,
    branch: Annotated[
        str | None,
        typer.Option("--branch", "--revision", help="Branch; made if it is not there. main if not given."),
    ] = None,
    message: Annotated[str | None, typer.Option("--message", "-m", help="Message of the commit.")] = None,
    json: options.AsJson = False,
) -> None:
    """Upload a model and its card to the Hugging Face Hub; no texts, predictions or checkpoints."""
    from dataclasses import asdict

    from huggingface_hub.utils import disable_progress_bars

    from feinschliff import publish
    from feinschliff.cli._output import console, print_json

    if json or ctx.find_root().obj["quiet"] or not sys.stderr.isatty():
        disable_progress_bars()
    done = publish.push(model, repo, private=private, branch=branch, message=message)
    if json:
        print_json(asdict(done))
        return
    screen = console()
    screen.print(
        f"{done.url} has the model: {len(done.files)} files, commit {done.commit[:7]} of {done.branch}"
    )
    if done.kept_back:
        screen.print(f"  kept here: {', '.join(done.kept_back)}")
    if done.deleted:
        screen.print(f"  deleted there, of an earlier model: {', '.join(done.deleted)}")
