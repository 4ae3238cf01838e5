"""Predictions made so far, kept beside the output until it is complete, so that a killed call can go on.

Each chunk of rows becomes a file that takes its name when it is whole. A later call that reads the
same input with the same model takes them as they are, and writes what an uninterrupted one would have
written.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

    import pyarrow as pa


class Parts:
    """The chunks of one output.

    Args:
        output: File that will be written; None keeps nothing.
        key: What the predictions depend on; parts of another key are thrown away.
    """

    def __init__(self, output: Path | None, key: Mapping[str, Any]):
        self.output, self.held = output, ExitStack()
        self.folder = output and output.with_name(f".{output.name}.parts")
        self.key = json.loads(json.dumps(key))
        self.num_found = 0

    def __enter__(self) -> Self:
        """Find the parts of an earlier call.

        Raises:
            ConfigError: another call is writing this output.
        """
        from feinschliff.errors import ConfigError
        from feinschliff.files import held

        if self.folder is None:
            return self
        assert self.output
        hint = "Wait for it, or name another file with -o"
        busy = ConfigError("is being written by another call", where=str(self.output), hint=hint)
        self.held.enter_context(held(self.folder, busy))
        if self._known() != self.key:
            for part in self.folder.iterdir():
                part.unlink()
            (self.folder / "key.json").write_text(json.dumps(self.key), encoding="utf-8")
        while self._path(self.num_found).is_file():
            self.num_found += 1
        return self

    def recall(self, name: str) -> str | None:
        """Return what an earlier call decided on its way."""
        path = self.folder / name if self.folder and self.num_found else None
        return path.read_text(encoding="utf-8") if path and path.is_file() else None

    def remember(self, name: str, value: str) -> None:
        """Keep a decision for a later call."""
        if self.folder is not None:
            (self.folder / name).write_text(value, encoding="utf-8")

    def get(self, number: int) -> pa.Table | None:
        """Return a chunk predicted by an earlier call; None where there is none that can be read."""
        import pyarrow as pa
        from pyarrow import feather

        try:
            return feather.read_table(self._path(number)) if number < self.num_found else None
        except (OSError, pa.ArrowInvalid):
            return None

    def put(self, number: int, rows: pa.Table) -> None:
        """Keep a chunk.

        Raises:
            ResourceError: no space is left.
        """
        from pyarrow import feather  # unlike Parquet it holds whatever a table can hold

        from feinschliff.errors import ELSEWHERE, ResourceError

        if self.folder is None:
            return
        part = self._path(number)
        try:
            feather.write_feather(rows, part.with_suffix(".new"), compression="zstd")
            part.with_suffix(".new").replace(part)
        except OSError as error:
            raise ResourceError(
                f"cannot be written: {error.strerror or error}", where=str(self.folder), hint=ELSEWHERE
            ) from None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Throw everything away when the output is complete, or cannot be for what it is asked.

        Raises:
            RunInterrupted: the call was interrupted and can go on.
        """
        from feinschliff.errors import ConfigError, DataError, RunInterrupted

        if self.folder is None:
            return
        begun = self._path(0).is_file()
        with self.held:
            if not begun or kind is None or issubclass(kind, ConfigError | DataError):
                shutil.rmtree(self.folder, ignore_errors=True)
            elif issubclass(kind, KeyboardInterrupt):
                raise RunInterrupted("Interrupted", hint="The same command goes on from here") from None

    def _known(self) -> Any:
        assert self.folder is not None
        try:
            return json.loads((self.folder / "key.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def _path(self, number: int) -> Path:
        assert self.folder is not None
        return self.folder / f"{number:08}.arrow"


def key(model: Path, data: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what predictions depend on: the files of the model and its exports, the input, the options."""
    from feinschliff import __version__
    from feinschliff.bundle import find
    from feinschliff.models.onnx import EXPORTS

    source = find(model)
    folders = (source, *(source.parent / name for name in EXPORTS))
    files = sorted(path for folder in folders if folder.is_dir() for path in folder.iterdir())
    return {
        "feinschliff": __version__,
        "model": [[str(path.resolve()), *_state(path)] for path in files],
        "input": [str(Path(data).resolve()), *_state(Path(data))],
        "options": dict(options),
    }


def _state(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns
