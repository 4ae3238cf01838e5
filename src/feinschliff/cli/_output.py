"""Where commands write: results to stdout, everything about the way there to stderr."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
WIDE = 160
"""Columns of a table that goes to a file or another program."""


def console(*, stderr: bool = False, quiet: bool = False) -> Console:
    """Return a console that prints text as it is, no markup, no colouring of numbers; nothing if quiet."""
    from rich.console import Console
    from rich.segment import Segment

    class Plain(Console):
        def render_str(self, text: str, **options: Any) -> Text:
            return super().render_str(escaped(text), **options)

        def render(self, *arguments: Any) -> Iterable[Segment]:
            for part in super().render(*arguments):  # of texts that were made elsewhere
                yield part if part.control else Segment(escaped(part.text), part.style)

    options: dict[str, Any] = {"file": _Aside() if stderr else None, "quiet": quiet}
    found = Plain(**options, highlight=False, markup=False, emoji=False)
    return (
        found
        if found.is_terminal
        else Plain(**options, highlight=False, markup=False, emoji=False, width=WIDE, soft_wrap=True)
    )


def escaped(text: str) -> str:
    r"""Return a text whose control characters are written as `\x1b`: files do not command the terminal."""
    return CONTROLS.sub(lambda sign: f"\\x{ord(sign[0]):02x}", text)


class _Aside:
    """Standard error, on which nothing depends: when its reader is gone, the work goes on in silence."""

    def __init__(self) -> None:
        self.stream = sys.stderr

    def write(self, text: str) -> int:
        """Write what can be written."""
        with suppress(OSError):
            self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Send it off, if that is possible."""
        with suppress(OSError):
            self.stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def complain(text: str) -> None:
    """Print a message on stderr, if somebody reads it."""
    print(escaped(text), file=_Aside(), flush=True)


def settle_streams() -> None:
    """Let every character be printed, and streams that were closed be empty ones."""
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115  (as long as the program runs)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def for_programs() -> None:
    """Let stdout be in UTF-8, as JSON is, whatever the terminal speaks."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")


def table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """Return an empty table.

    Args:
        columns: Headings.
        right: The headings of the columns with numbers.
    """
    from rich import box
    from rich.table import Table

    found = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for name in columns:
        found.add_column(name, justify="right" if name in right else "left", overflow="fold")
    return found


def print_json(value: Any) -> None:
    """Print a value as JSON on stdout; numbers that are not finite become null."""
    import json

    from feinschliff.report.result import plain

    for_programs()
    print(json.dumps(plain(value), ensure_ascii=False, indent=2, allow_nan=False))
