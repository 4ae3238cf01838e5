"""An array that grows by parts, in memory while it is small and in a mapped file when it is large."""

from __future__ import annotations

import tempfile
from typing import IO

import numpy as np

LARGE_BYTES = 256 * 2**20
"""Beyond this an array lies on disk: some 67 million tokens."""


class Column:
    """Parts of one array, appended one after the other.

    The file has no name in the file system's folders: it vanishes with the last use of the array, however the
    process ends. It lies where `TMPDIR` says.

    Args:
        dtype: Of the array.
        width: Values a row, for arrays of two dimensions.

    Raises:
        OSError: no space is left for the file.
    """

    def __init__(self, dtype: type, width: int | None = None):
        self.dtype = np.dtype(dtype)
        self.tail = () if width is None else (width,)
        self.parts: list[np.ndarray] = []
        self.waiting = 0
        self.rows = 0
        self.file: IO[bytes] | None = None

    def append(self, part: np.ndarray) -> None:
        """Add rows [R] or [R, width]."""
        part = np.ascontiguousarray(part, self.dtype)
        self.parts.append(part)
        self.rows += len(part)
        self.waiting += part.nbytes
        if self.waiting > LARGE_BYTES:
            self._write()

    def finish(self) -> np.ndarray:
        """Return all rows, read-only where they lie on disk."""
        shape = (self.rows, *self.tail)
        if self.file is None:
            return np.concatenate(self.parts) if self.parts else np.zeros(shape, self.dtype)
        self._write()
        return np.memmap(self.file, self.dtype, mode="r", shape=shape)

    def _write(self) -> None:
        if self.file is None:
            self.file = tempfile.TemporaryFile(prefix="feinschliff-")  # noqa: SIM115
        for part in self.parts:
            part.tofile(self.file)
        self.parts, self.waiting = [], 0
        self.file.flush()
