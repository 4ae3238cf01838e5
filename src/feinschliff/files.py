"""Files and folders that outlast a loss of power, and that only one program works on at a time."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from feinschliff.errors import ConfigError

SCRATCH = (".feinschliff-", ".scratch")
"""How the names of temporary folders begin and end."""
SOON_SECONDS = 60
"""Age from which a temporary folder that nobody holds was left behind."""


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
    with held(part, ConfigError("is being written by another call", where=str(folder))):
        try:
            for path in part.iterdir():  # left by a call that was killed
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            yield part
        finally:
            shutil.rmtree(part, ignore_errors=True)


@contextmanager
def held(folder: Path, refusal: ConfigError) -> Iterator[None]:
    """Make a folder where there is none, and keep others out of it until the context ends.

    The lock goes with the process, however it ends. Who removes the folder does so while holding it.

    Raises:
        ConfigError: the one given, where another holds it.
    """
    handle: int | None = None
    try:
        while handle is None:
            with _unless_removed(folder):
                folder.mkdir(parents=True, exist_ok=True)
                if os.name == "nt":  # which opens no folders
                    break
                handle = os.open(folder, os.O_RDONLY)
                if lock(handle) is False:
                    raise refusal
            if handle is not None and not is_at(handle, folder):
                os.close(handle)
                handle = None
        yield
    finally:
        if handle is not None:
            os.close(handle)


@contextmanager
def scratch() -> Iterator[Path]:
    """Give a temporary folder; those that killed programs left are removed on the way.

    Raises:
        OSError: none can be made.
    """
    root = Path(tempfile.gettempdir())
    for path in root.glob(f"{SCRATCH[0]}*{SCRATCH[1]}") if os.name != "nt" else ():
        with suppress(OSError):
            _remove_abandoned(path)
    folder = Path(tempfile.mkdtemp(SCRATCH[1], SCRATCH[0], root))
    try:
        with held(folder, ConfigError("is in use", where=str(folder))):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(folder: Path) -> None:
    """Remove a temporary folder that nobody holds, unless it was made just now and will be held soon."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        if time.time() - os.fstat(handle).st_mtime > SOON_SECONDS and lock(handle):
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(handle)


@contextmanager
def _unless_removed(folder: Path) -> Iterator[None]:
    """Pass over what goes wrong because the folder's holder removes it just now."""
    try:
        yield
    except (FileExistsError, FileNotFoundError):
        if os.path.lexists(folder) and not folder.is_dir():
            raise


def is_at(handle: int, path: Path) -> bool:
    """Return whether an open file or folder still is what lies at its path."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
