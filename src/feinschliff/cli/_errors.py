"""Failures of the machine, put into words."""

from __future__ import annotations

import errno
import math
import shutil
from pathlib import Path

from feinschliff.errors import ResourceError

REFUSALS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EFBIG)
"""What the system says of a file or folder that may not be read or written so."""


def refused(error: OSError) -> ResourceError | None:
    """Return what to tell the user where the machine is at fault, None for what is not expected of it."""
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
    path = Path(error.filename or ".").absolute()
    existing = next(p for p in (path, *path.parents) if p.exists())
    free = shutil.disk_usage(existing).free
    return ResourceError(
        f"no space left on its disk ({size(free)} free)",
        where=str(path),
        hint="Free some space or choose another folder with --output-dir, and run again",
    )


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
