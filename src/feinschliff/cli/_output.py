"""Where commands write: results to stdout, everything about the way there to stderr."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

WIDE = 160
"""Columns of a table that goes to a file or another program."""


def console(*, stderr: bool = False, quiet: bool = False) -> Console:
    """Return a console that prints text as it is, no markup, no colouring of numbers; nothing if quiet."""
    from rich.console import Console

    options: dict[str, Any] = {"stderr": stderr, "quiet": quiet}
    found = Console(**options, highlight=False, markup=False, emoji=False)
    return (
        found
        if found.is_terminal
        else Console(**options, highlight=False, markup=False, emoji=False, width=WIDE, soft_wrap=True)
    )


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

    print(json.dumps(plain(value), ensure_ascii=False, indent=2, allow_nan=False))
