"""Characters from bytes: the encoding is found by reading the file once, and said when it is not UTF-8.

UTF-8 and byte order marks are certain. Otherwise the three single-byte encodings of Western text (Windows,
DOS, old Macintosh) compete: each is judged by how many of the file's bytes above 127 it turns into characters
that Western European text is made of. Nothing is guessed for other scripts; `data.encoding` names them. A
file that is UTF-8 but for a few bytes (two exports pasted together) is read as UTF-8, those bytes as cp1252.
"""

from __future__ import annotations

import codecs
import encodings.aliases
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from feinschliff.config import DataConfig
from feinschliff.errors import ConfigError, DataError, did_you_mean
from feinschliff.readers._input import Input

MAX_LINE_BYTES = 1 << 30
"""A file with a longer line is refused: it is not what it seems."""
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WESTERN = "äöüÄÖÜßéèêëàâáãåæçìíîïñòóôõøœùúûýÿÉÈÊÀÂÁÃÅÆÇÍÎÑÓÔÕØŒÚÛ€£§°²³µ·«»„“”‚‘’–—…•¿¡™®©½¼´¨ª\xa0\xad"
_CANDIDATES = ("cp1252", "cp850", "mac_roman")
_HINT = "Save the file as UTF-8, or name its encoding: --set data.encoding=..."


@dataclass(frozen=True)
class Encoding:
    """How a file's bytes become characters.

    Attributes:
        name: A Python codec.
        errors: Its error handler.
        notes: What the user should know about it.
    """

    name: str = "utf-8"
    errors: str = "strict"
    notes: tuple[str, ...] = ()


def find_encoding(file: Input, config: DataConfig) -> Encoding:
    """Return the encoding of a text file: the named one, or the one its bytes show.

    Raises:
        ConfigError: `data.encoding` names no text encoding.
        DataError: the file is not text, or in no encoding that can be recognised.
    """
    if reason := file.not_text():
        raise DataError(reason, where=file.name)
    if config.encoding is not None:
        named = _known(config.encoding)
        return Encoding("utf-8-sig" if named == "utf-8" else named)
    for bom, name in _BOMS:
        if file.head.startswith(bom) and name != "utf-8-sig":
            return Encoding(name, notes=(f"encoding {name}",))
    if wide := _wide(file.head):
        return Encoding(wide, notes=(f"encoding {wide}",))
    return _judge(file, _scan(file))


def agreed(found: Sequence[Encoding]) -> list[Encoding]:
    """Return the encodings of a source's files, where guessed the most frequent guess.

    A short file alone may look like any of the Western encodings.
    """
    guesses = Counter(encoding for encoding in found if encoding.name in _CANDIDATES)
    common = max(guesses, key=lambda guess: guesses[guess], default=None)
    return [common if common and encoding in guesses else encoding for encoding in found]


def read_text(file: Input, encoding: Encoding) -> str:
    """Return the whole text of a file.

    Raises:
        DataError: bytes that the encoding does not know; a NUL character.
    """
    return "".join(read_lines(file, encoding))


def read_lines(file: Input, encoding: Encoding) -> Iterator[str]:
    """Yield the lines with their ends (`\\n`, `\\r\\n` or `\\r`), as the csv module wants them.

    Raises:
        DataError: bytes that the encoding does not know; a NUL character.
    """
    if encoding.errors != "strict":
        codecs.register_error(_as_cp1252.__name__, _as_cp1252)
    try:
        with file.open() as stream:
            text = io.TextIOWrapper(stream, encoding.name, encoding.errors, newline="")
            for number, line in enumerate(text, start=1):
                if "\0" in line:
                    raise DataError("the content is not text: a NUL character", where=f"{file.name}:{number}")
                yield line
            text.detach()
    except UnicodeError:
        raise _undecodable(file, encoding.name) from None


def head_text(file: Input, encoding: str | None = None) -> str:
    """Return the beginning of a file as text, for looking at its format; never fails."""
    bom = next((name for bom, name in _BOMS if file.head.startswith(bom)), None)
    text = file.head.decode(encoding or bom or _wide(file.head) or "utf-8", errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _known(name: str) -> str:
    try:
        codec = codecs.lookup(name)
        io.TextIOWrapper(io.BytesIO(), name)  # refuses codecs that are not for text
        if codec.name in ("idna", "punycode", "undefined"):
            raise LookupError
        return codec.name
    except (LookupError, ValueError, TypeError):
        raise ConfigError(
            f"there is no text encoding '{name}'",
            where="data.encoding",
            allowed="For example utf-8, cp1252, latin-1, utf-16",
            hint=did_you_mean(name.lower(), encodings.aliases.aliases),
        ) from None


def _wide(head: bytes) -> str | None:
    """Return the UTF-16 variant whose text these bytes look like, by where the zero bytes stand."""
    sample = np.frombuffer(head[: len(head) // 2 * 2], dtype=np.uint8).reshape(-1, 2)
    if len(sample) < 2:
        return None
    even, odd = (sample == 0).mean(axis=0)
    if max(even, odd) < 0.4 or min(even, odd) > 0.05:
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


@dataclass
class _Scan:
    """What one pass over the bytes found.

    Attributes:
        invalid: Bytes that are no part of a UTF-8 character.
        continued: Bytes that continue a UTF-8 character.
        first_invalid_line: Where `invalid` begins.
        counts: int64 [256], how often each byte occurs, over the stretches with invalid bytes.
    """

    invalid: int
    continued: int
    first_invalid_line: int
    counts: np.ndarray


def _scan(file: Input) -> _Scan:
    """Look at all bytes.

    Raises:
        DataError: there is a NUL byte, or a line that does not end.
    """
    found = _Scan(0, 0, 0, np.zeros(256, dtype=np.int64))
    pending, line, line_bytes = b"", 1, 0
    with file.open() as stream:
        while chunk := stream.read(1 << 20):
            if (nul := chunk.find(b"\0")) >= 0:
                where = f"{file.name}:{line + chunk[:nul].count(10)}"
                raise DataError("the content is not text: a NUL byte", where=where)
            newline = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
            line_bytes = line_bytes + len(chunk) if newline < 0 else len(chunk) - newline
            if line_bytes > MAX_LINE_BYTES:
                raise DataError(f"a line has more than {MAX_LINE_BYTES:,} bytes", where=f"{file.name}:{line}")
            if pending or not chunk.isascii():
                chunk = pending + chunk
                end = _character_boundary(chunk)
                chunk, pending = chunk[:end], chunk[end:]
                _judge_bytes(chunk, found, line)
            line += chunk.count(b"\n")
    _judge_bytes(pending, found, line)
    return found


def _character_boundary(data: bytes) -> int:
    """Return where the last UTF-8 character begins, which the end of the data may cut."""
    for back in range(1, min(4, len(data) + 1)):
        if data[-back] >= 0xC0:
            return len(data) - back
        if data[-back] < 0x80:
            break
    return len(data)


def _judge_bytes(data: bytes, found: _Scan, line: int) -> None:
    try:
        found.continued += len(data) - len(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        valid = data.decode("utf-8", errors="ignore")
        num_valid = len(valid.encode("utf-8"))
        found.first_invalid_line = found.first_invalid_line or line + data.count(b"\n", 0, error.start)
        found.invalid += len(data) - num_valid
        found.continued += num_valid - len(valid)
        found.counts += np.bincount(np.frombuffer(data, dtype=np.uint8), minlength=256)


def _judge(file: Input, found: _Scan) -> Encoding:
    if not found.invalid:
        return Encoding("utf-8-sig")
    if found.continued >= found.invalid:
        note = (
            f"encoding utf-8, but {found.invalid} other bytes, the first in line {found.first_invalid_line},"
        )
        return Encoding("utf-8-sig", _as_cp1252.__name__, (f"{note} read as cp1252",))
    high = found.counts[128:]
    letters = found.counts[65:91].sum() + found.counts[97:123].sum()
    name = max(_CANDIDATES, key=lambda codec: _western_share(codec, high))
    another_script = high.sum() >= 50 and high.sum() > letters / 4
    if another_script or _western_share(name, high) < 0.8:
        where = f"{file.name}:{found.first_invalid_line}"
        raise DataError(
            "the bytes are neither UTF-8 nor another encoding that can be recognised",
            where=where,
            hint=f"{_HINT} (such as cp1250, cp1251, shift_jis)",
        )
    return Encoding(name, notes=(f"encoding {name}",))


def _western_share(codec: str, high: np.ndarray) -> float:
    """Return the share of bytes above 127 that are Western characters in the codec; 0 if one is undefined."""
    characters = [bytes([byte]).decode(codec, errors="replace") for byte in range(128, 256)]
    if any(n and c == "\ufffd" for n, c in zip(high, characters, strict=True)):
        return 0.0
    return float(high[[c in _WESTERN for c in characters]].sum() / high.sum())


def _as_cp1252(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start : error.end].decode("cp1252"), error.end


def _undecodable(file: Input, name: str) -> DataError:
    """Return the error that names the first byte the encoding does not know."""
    name = name.removesuffix("-sig")
    decoder = codecs.getincrementaldecoder(name)()
    line, offset = 1, 0
    with file.open() as stream:
        chunk = b"."
        while chunk:
            chunk = stream.read(1 << 16)
            try:
                line += decoder.decode(chunk, final=not chunk).count("\n")
            except UnicodeDecodeError as error:
                line += error.object.count(b"\n", 0, error.start)
                position = offset + len(chunk) - len(error.object) + error.start + 1
                fact = f"byte {position} (0x{error.object[error.start]:02x}) is not {name}"
                return DataError(fact, where=f"{file.name}:{line}", hint=_HINT)
            except UnicodeError as error:
                return DataError(f"the content is not {name}: {error}", where=file.name, hint=_HINT)
            offset += len(chunk)
    return DataError(f"the content is not {name}", where=file.name, hint=_HINT)
