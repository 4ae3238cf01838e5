"""`result.json`: the only way to and from disk, and the check of its schema."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from feinschliff.errors import ConfigError, DataError, ResourceError
from feinschliff.report.schema import SCHEMA, Result


def check(result: Mapping[str, Any], where: str = "result") -> None:
    """Refuse a value that is not a result of this schema.

    Raises:
        DataError: a required key is missing or a value has another type; all problems in one message.
    """
    if result.get("kind") == "adaptation":
        raise DataError(
            "it is the result of `feinschliff adapt`", where=where, allowed="Results of `feinschliff train`"
        )
    schema = result.get("schema")
    if schema != SCHEMA:
        raise DataError(
            f"it follows schema {schema!r}",
            where=where,
            allowed=f"This version reads schema {SCHEMA}",
            hint="Update Feinschliff, or repeat the run",
        )
    try:
        _schema().validate_python(dict(result))
    except ValidationError as error:
        problems = [f"{_path(e['loc'])}: {e['msg'][0].lower()}{e['msg'][1:]}" for e in error.errors()]
        more = f"; and {len(problems) - 8} more" if len(problems) > 8 else ""
        raise DataError("; ".join(problems[:8]) + more, where=where) from None


def read(path: str | Path) -> Result:
    """Read and check a `result.json`, or the one of a run's folder.

    Raises:
        ConfigError: there is no such file.
        DataError: it is not JSON or not a result.
    """
    path = Path(path)
    path = path / "result.json" if path.is_dir() else path
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except ValueError as error:
        raise DataError(f"not valid JSON: {error}", where=str(path)) from None
    if not isinstance(result, dict):
        raise DataError("not a result: the outermost value must be an object", where=str(path))
    check(result, str(path))
    return result  # type: ignore[return-value]


def write(result: Mapping[str, Any], path: str | Path) -> None:
    """Check a result and write it: the file is complete or is not touched.

    NumPy values become plain ones; numbers that are not finite become null, for JSON knows none.

    Raises:
        DataError: see `check`.
        ResourceError: the file cannot be written.
    """
    path = Path(path)
    tree = plain(result)
    check(tree, str(path))
    write_text(path, json.dumps(tree, ensure_ascii=False, indent=1, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file at once: a reader sees the old content or the new, never a part.

    Raises:
        ResourceError: the folder is missing or not writable, or the disk is full.
    """
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(
            "w",
            encoding="utf-8",
            errors="replace",
            newline="\n",
            dir=path.parent,
            suffix=".part",
            delete=False,
        ) as file:
            temporary = Path(file.name)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise ResourceError(f"cannot be written: {error.strerror}", where=str(path)) from None


def plain(value: Any) -> Any:
    """Return the value made of dict, list, str, int, float, bool and None alone.

    >>> plain({"f1": np.float32(0.5), "r": (1, float("nan"))})
    {'f1': 0.5, 'r': [1, None]}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


@cache
def _schema() -> TypeAdapter[Any]:
    return TypeAdapter(Result)


def _path(parts: tuple[str | int, ...]) -> str:
    return ".".join(str(part) for part in parts if part not in ("float", "Interval"))
