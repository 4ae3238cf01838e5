"""The bytes of a file: found, decompressed, and refused where they are no text."""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from feinschliff.errors import ConfigError, DataError, ResourceError, nearest
from feinschliff.files import scratch

HEAD_BYTES = 1 << 18
"""How much of a file is looked at to find its format."""
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_NOT_TEXT = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"%PDF-": "a PDF document",
    b"PK\x03\x04": "a ZIP archive or an Office document",
    b"\xd0\xcf\x11\xe0": "an old or encrypted Office document",
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"SQLite format 3": "an SQLite database",
    b"7z\xbc\xaf": "a 7z archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"Rar!": "a RAR archive",
    b"\x93NUMPY": "a NumPy array",
    b"\x7fELF": "a program",
    b"\x80\x04\x95": "a Python pickle",
}


@dataclass(frozen=True)
class Input:
    """One file, readable from its beginning as often as needed.

    Attributes:
        name: What messages call it.
        path: Where the bytes lie, perhaps compressed.
        suffix: Lower-case suffix without `.gz` and `.zst`: `.csv`.
        compression: `gzip`, `zstd` or None; found by content.
        head: The first decompressed bytes, at most HEAD_BYTES.
    """

    name: str
    path: Path
    suffix: str
    compression: str | None
    head: bytes
    keep: Any = field(default=None, repr=False, compare=False)

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open the decompressed bytes for reading.

        Raises:
            DataError: the compressed data is damaged.
        """
        with _open(self.path, self.compression, self.name) as stream:
            yield stream

    @contextmanager
    def local(self) -> Iterator[Path]:
        """Give a path to the decompressed bytes, for formats that jump about in the file."""
        if self.compression is None:
            yield self.path
            return
        with scratch() as folder:
            path = folder / "data"
            with self.open() as source, path.open("wb") as target:
                _copy(source, target)
            yield path

    def not_text(self) -> str | None:
        """Say what the file is when it cannot be text, or return None."""
        for magic, what in _NOT_TEXT.items():
            if self.head.startswith(magic):
                return f"the content is not text: it begins like {what}"
        if self.head[257:262] == b"ustar":
            return "the content is a tar archive; unpack it and name a file or folder in it"
        sample = self.head[:4096]
        controls = sum(byte < 32 and byte not in b"\t\n\r\f\x1b\0" for byte in sample)
        return "the content is not text" if controls > max(8, len(sample) / 10) else None


def open_input(source: Any) -> Input:
    """Find a file and look at its beginning; an Input is returned as it is.

    Args:
        source: A path, `-` for standard input, or an Input.

    Raises:
        ConfigError: no such file, a folder, no permission.
        DataError: the file is empty, or its compressed data is damaged.
    """
    if isinstance(source, Input):
        return source
    if not isinstance(source, str | os.PathLike):
        fact = f"'{type(source).__name__}' is no source of rows"
        raise ConfigError(fact, allowed="A path, '-', hf://owner/name, a data frame, or an iterable of rows")
    if str(source) == "-":
        return _describe("<stdin>", *_spool(sys.stdin.buffer))
    path = Path(source)
    if any(
        "\ud800" <= letter <= "\udfff" for letter in str(path)
    ):  # bytes that are no UTF-8, as Python has them
        raise ConfigError("the name is no valid UTF-8", where=str(path), hint="Rename the file or its folder")
    try:
        if path.is_dir():
            raise ConfigError("is a folder, not a file", where=str(path), hint=suggest_files(path))
        with path.open("rb") as stream:
            if not path.is_file():  # a pipe, which can be read only once
                return _describe(str(path), *_spool(stream))
    except FileNotFoundError:
        raise _missing(path) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        shown = str(path) if len(str(path)) < 300 else f"{str(path)[:80]}..."
        raise ConfigError(f"cannot be read: {reason}", where=shown) from None
    return _describe(str(path), path)


def suggest_files(folder: Path) -> str:
    """Name up to five files of a folder as a hint."""
    names = sorted(p.name for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    if not names:
        return "Name a file"
    return f"Name one of its files: {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}"


def _describe(name: str, path: Path, keep: Any = None) -> Input:
    with path.open("rb") as stream:
        start = stream.read(6)
    compression = next((c for magic, c in _MAGIC.items() if start.startswith(magic)), None)
    suffixes = [s.lower() for s in path.suffixes]
    if compression and suffixes and suffixes[-1] in COMPRESSIONS:
        suffixes.pop()
    suffix = suffixes[-1] if suffixes and keep is None else ""
    with _open(path, compression, name) as stream:
        head = stream.read(HEAD_BYTES)
    if not head:
        raise DataError("the file is empty", where=name)
    return Input(name, path, suffix, compression, head, keep)


def _spool(stream: BinaryIO) -> tuple[Path, Any]:
    """Copy a stream that can be read once into a temporary file, which lives as long as the second value."""
    spool = tempfile.NamedTemporaryFile(prefix="feinschliff-")  # noqa: SIM115
    _copy(stream, spool)  # type: ignore[arg-type]
    spool.flush()
    return Path(spool.name), spool


def _copy(source: BinaryIO, target: BinaryIO) -> None:
    try:
        shutil.copyfileobj(source, target, 1 << 20)
    except OSError as error:
        raise no_space(error, tempfile.gettempdir()) from None


def no_space(error: OSError, folder: str) -> ResourceError:
    """Return the error for a temporary folder that cannot be written to."""
    return ResourceError(
        f"a temporary file could not be written: {error.strerror or error}",
        where=folder,
        hint="Free some space, or set the environment variable TMPDIR to a folder with more",
    )


def _missing(path: Path) -> ConfigError:
    if str(path).startswith(("http:", "https:", "s3:", "gs:")):
        return ConfigError("is an address, not a file", where=str(path), hint="Download the file first")
    siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    close = nearest(path.name, siblings)
    hint = f"Did you mean '{path.parent / close}'?" if close else None
    if not path.parent.is_dir():
        hint = f"The folder '{path.parent}' does not exist either"
    return ConfigError("no such file or folder", where=str(path), hint=hint)


@contextmanager
def _open(path: Path, compression: str | None, name: str) -> Iterator[BinaryIO]:
    if compression is None:
        with path.open("rb") as stream:
            yield stream
        return
    with pa.CompressedInputStream(pa.OSFile(os.fspath(path)), compression) as stream:
        yield io.BufferedReader(_Decompressed(stream, name), 1 << 18)


class _Decompressed(io.RawIOBase):
    """A decompressing stream whose failures name the file."""

    def __init__(self, stream: Any, name: str):
        self.stream, self.name = stream, name

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            return self.stream.readinto(buffer)
        except (OSError, pa.ArrowInvalid) as error:
            raise DataError(
                f"the compressed data is damaged: {error}", where=self.name, hint="Copy the file again"
            ) from None
