"""Files and folders that outlast a loss of power, and that only one program works on at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from feinschliff.errors import ConfigError


def flush(path: Path) -> None:
    """Wait until a file, or the list of a folder's files, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def flush_all(folder: Path) -> None:
    """Wait until a folder and all files in it are on the disk."""
    for path in folder.rglob("*"):
        flush(path)
    flush(folder)


def lock(handle: int) -> bool | None:
    """Lock an open file or folder as long as it stays open.

    Returns:
        False where another has locked it, None where the system has no such locks.
    """
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        return None
    return True


@contextmanager
def held(folder: Path, fact: str, hint: str) -> Iterator[None]:
    """Keep others out of a folder until the context ends; the lock goes with the process, however it ends.

    Args:
        fact, hint: What to say where another holds it.

    Raises:
        ConfigError: another holds it.
    """
    if os.name == "nt":  # which opens no folders
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        if lock(handle) is False:
            raise ConfigError(fact, where=str(folder), hint=hint)
        yield
    finally:
        os.close(handle)
