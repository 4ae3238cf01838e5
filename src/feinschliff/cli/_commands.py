"""Find the commands in this folder and import one only when it is asked for."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from feinschliff import __version__
from feinschliff.errors import RunInterrupted, no_such

ORDER = (
    "quickstart",
    "audit",
    "train",
    "adapt",
    "evaluate",
    "compare",
    "predict",
    "export",
    "push",
    "serve",
    "tune",
    "models",
    "config",
)
FLAGS = ("--debug", "--quiet", "-q")


class Commands(TyperGroup):
    """A group whose members are the modules of this folder."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands in the order of a user's way."""
        folder = importlib.import_module("feinschliff.cli").__path__
        names = [m.name for m in pkgutil.iter_modules(folder) if not m.name.startswith("_")]
        return sorted(names, key=lambda n: (ORDER.index(n) if n in ORDER else len(ORDER), n))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import and return one command.

        Raises:
            ConfigError: there is none of that name.
        """
        known = self.list_commands(ctx)
        if cmd_name not in known:
            raise no_such("command", cmd_name, known)
        module = importlib.import_module(f"feinschliff.cli.{cmd_name}")
        app = getattr(module, "app", None)
        if app is None:
            app = typer.Typer(rich_markup_mode=None, add_completion=False)
            app.command()(getattr(module, cmd_name))
        command = typer.main.get_command(app)
        command.name = cmd_name
        return command

    def invoke(self, ctx: Any) -> Any:
        """Run the command; an interruption that it does not explain itself is explained here."""
        try:
            found = super().invoke(ctx)
            sys.stdout.flush()  # what cannot be written is said while that can be explained
            return found
        except KeyboardInterrupt:
            raise RunInterrupted("Interrupted") from None


def command_line() -> Any:
    """Return the whole command line, ready for `.main(arguments)`."""
    app = typer.Typer(cls=Commands, rich_markup_mode=None, no_args_is_help=True)
    app.callback()(feinschliff)
    return typer.main.get_command(app)


def hoist_flags(arguments: Sequence[str]) -> list[str]:
    """Move the global flags to the front, so that they may also stand after the command.

    >>> hoist_flags(["train", "a.csv", "--debug"])
    ['--debug', 'train', 'a.csv']
    """
    end = list(arguments).index("--") if "--" in arguments else len(arguments)
    flags = [a for a in arguments[:end] if a in FLAGS]
    return [*flags, *(a for a in arguments[:end] if a not in FLAGS), *arguments[end:]]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"feinschliff {__version__}")
        raise typer.Exit


def feinschliff(
    ctx: typer.Context,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show results and errors only.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Fine-tune a pretrained language model on your own text, and prove what the fine-tuning gained."""
    ctx.obj = {"quiet": quiet, "debug": debug}
