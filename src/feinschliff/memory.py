"""Give memory back to the system."""

from __future__ import annotations

import ctypes
import os


def trim() -> None:
    """Return what nothing uses any more, which the C library keeps for later otherwise, in many pieces.

    Does nothing where the C library does not offer it (glibc does).
    """
    if malloc_trim := getattr(ctypes.CDLL(None) if os.name == "posix" else None, "malloc_trim", None):
        malloc_trim(0)
