"""The command line: one command per file of this folder, and the only place that prints.

A command is a module whose name does not start with an underscore. It has a function of the module's name,
or `app`, a group of functions. Nothing heavy is imported before a command runs.

Exit codes: 0 done; 2 wrong usage or configuration; 3 the data gate refused; 4 a required quality was not met;
1 anything else; 130 interrupted.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from types import TracebackType


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Expected failures end in one message on stderr, without a traceback; `--debug` shows it.
    """
    import signal

    from feinschliff.cli._commands import command_line, hoist_flags
    from feinschliff.cli._errors import refused, stdout_fails
    from feinschliff.cli._output import complain, settle_streams
    from feinschliff.cli._waiting import wait_as_fits
    from feinschliff.errors import FeinschliffError, ProcessLost, RunInterrupted

    given = hoist_flags(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    if not debug:
        sys.excepthook = _one_line
    settle_streams()
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    wait_as_fits()
    try:
        return command_line().main(given, prog_name="feinschliff") or 0
    except FeinschliffError as error:
        failure = error
    except (OSError, MemoryError, RuntimeError, ImportError) as error:
        reason = refused(error)
        if reason is None:
            raise
        failure = reason
    if debug:
        traceback.print_exception(failure)
    if _is_helper() and isinstance(failure, ProcessLost | RunInterrupted):
        return failure.exit_code  # the first process says it
    complain(str(failure) if failure.exit_code == 130 else f"Error: {failure}")
    stdout_fails()
    return failure.exit_code


def _is_helper() -> bool:
    """Tell whether a launcher started this process beside the first one of a run."""
    return os.environ.get("RANK", "0") != "0"


def _one_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show an unexpected exception as one line; Python then exits with 1."""
    from feinschliff.cli._output import escaped

    detail = escaped(" ".join(str(error).split()))
    print(f"Error: {kind.__name__}{': ' if detail else ''}{detail}", file=sys.stderr)
    print("This is a defect of Feinschliff. Run again with --debug to see where.", file=sys.stderr)
