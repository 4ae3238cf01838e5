"""Files and folders that outlast a loss of power, and that only one program works on at a time."""

from __future__ import annotations

import os
import shutil
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
def beside(folder: Path) -> Iterator[Path]:
    """Give an empty folder in which one is prepared, to be renamed when it is whole; else it is removed.

    Raises:
        ConfigError: another is preparing the same.
    """
    part = folder.with_name(f".{folder.name}.part")
    part.mkdir(parents=True, exist_ok=True)
    with held(part, ConfigError("is being written by another call", where=str(folder))):
        try:
            for path in part.iterdir():  # left by a call that was killed
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            yield part
        finally:
            shutil.rmtree(part, ignore_errors=True)


@contextmanager
def held(folder: Path, refusal: ConfigError) -> Iterator[None]:
    """Keep others out of a folder until the context ends; the lock goes with the process, however it ends.

    Raises:
        ConfigError: the one given, where another holds it.
    """
    if os.name == "nt":  # which opens no folders
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        if lock(handle) is False:
            raise refusal
        yield
    finally:
        os.close(handle)
