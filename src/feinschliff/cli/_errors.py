"""Failures of the machine, put into words."""

from __future__ import annotations

import errno
import math
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from feinschliff.errors import ResourceError, is_out_of_memory

STDOUT = "standard output"

REFUSALS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EFBIG)
"""What the system says of a file or folder that may not be read or written so."""


def refused(error: BaseException) -> ResourceError | None:
    """Return what to tell the user where the machine is at fault, None for what is not expected of it."""
    if is_out_of_memory(error):
        return ResourceError(
            "the machine has not enough memory",
            hint="End other programs, or take less data, a smaller model or model.max_length_tokens",
        )
    if not isinstance(error, OSError):
        return None
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return no_space(error)
    if error.errno not in REFUSALS:
        return None
    return ResourceError(
        f"the system refuses it: {error.strerror}",
        where=None if error.filename is None else str(error.filename),
        hint="Look at the rights and limits there, or choose another folder",
    )


def no_space(error: OSError) -> ResourceError:
    """Say on which disk there is no space left, and how much there is."""
    if error.filename is None and stdout_fails(trial="\n"):
        return ResourceError("no space left where it goes", where=STDOUT)
    path = Path(error.filename or ".").absolute()
    existing = next(p for p in (path, *path.parents) if p.exists())
    free = shutil.disk_usage(existing).free
    return ResourceError(
        f"no space left on its disk ({size(free)} free)",
        where=str(path),
        hint="Free some space or choose another folder with --output-dir, and run again",
    )


def stdout_fails(trial: str = "") -> bool:
    """Tell whether what was printed cannot be written; it is forgotten then, so that the program can end."""
    try:
        sys.stdout.write(trial)
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        return True
    return False


@contextmanager
def telling(folder: str) -> Iterator[None]:
    """Say that a run is complete where what it found cannot be printed.

    Raises:
        ResourceError: standard output cannot be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno == errno.EPIPE:  # the reader has seen enough
            raise
        raise ResourceError(
            f"cannot be written: {error.strerror}", where=STDOUT, hint=f"The run is complete: {folder}"
        ) from None


def size(count: float) -> str:
    """Write a number of bytes for people.

    >>> size(1_500_000)
    '1.5 MB'
    """
    if count < 1000:
        return f"{count:.0f} bytes"
    units = ("kB", "MB", "GB", "TB")
    power = min(int(math.log10(count) / 3), len(units))
    return f"{count / 1000**power:.1f} {units[power - 1]}"
