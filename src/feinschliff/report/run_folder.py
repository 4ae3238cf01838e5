"""The folder of a run: chosen, kept from others, and as it was before when nothing came of the run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from os.path import realpath
from pathlib import Path
from typing import Any

import yaml

from feinschliff.config import RunConfig
from feinschliff.errors import ConfigError, FeinschliffError, ResourceError, RunInterrupted
from feinschliff.errors import command as written
from feinschliff.files import held
from feinschliff.models.onnx import EXPORTS
from feinschliff.report.values import part

LABEL_ERRORS = "label_errors.csv"
CHECKPOINTS = "checkpoints"
ADAPTER = "adapter"
PROBED = "probe.jsonl"
LOGS = "logs"
ANOTHER = "Choose another with --output-dir"
CONTENT = (
    "result.json",
    "report.html",
    "removed.jsonl",
    PROBED,
    LABEL_ERRORS,
    "model",
    ".model.part",
    *EXPORTS,
    "predictions",
    ADAPTER,
    CHECKPOINTS,
    LOGS,
    "config.yaml",
)
"""Everything a run writes, or that is made of it. The last one tells that a run has been moved as a whole."""


def learnt_from(model: Path, data: Any) -> bool:
    """Return whether the run in which a model's folder lies names this source as its training data or dev."""
    path = model.parent / "config.yaml"
    if not path.is_file() or not isinstance(data, str | Path):
        return False
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return False  # the model does not need this file
    sources = [part(tree, "data", name) for name in ("train", "dev")]
    return realpath(data) in [realpath(source) for source in sources if isinstance(source, str)]


@contextmanager
def chosen(config: RunConfig, resume: bool, overwrite: bool, command: str = "train") -> Iterator[Path]:
    """Give the folder of a run and keep others out of it; what is in it stays.

    A folder that was made for the run and is still empty in the end is removed.

    Raises:
        ConfigError: it is in use or cannot be made, or there is no run to go on with.
    """
    missing: list[Path] = []
    output = _folder(config, missing)
    with held(output, ConfigError("another run is at work here", where=str(output), hint=ANOTHER)):
        try:
            if _aside(output).is_dir():  # an earlier call was killed
                _settle(output)
            _check(output, resume, overwrite, command)
            yield output
        finally:
            with suppress(OSError):
                for folder in missing:
                    folder.rmdir()


@contextmanager
def made(output: Path, resume: bool, command: str = "train") -> Iterator[None]:
    """Let a run write into its folder, and say how to go on with it when it ends before it is complete.

    An earlier run is kept in a folder of it until the new one is complete, and comes back when nothing worth
    keeping comes of that.

    Raises:
        ConfigError: the earlier run cannot be moved.
        ResourceError: something cannot be written.
    """
    try:
        if not resume:
            _set_aside(output)
    except OSError as error:
        _settle(output)
        raise ConfigError(f"the earlier run cannot be moved: {error.strerror}", where=str(output)) from None
    try:
        yield
    except OSError as error:
        where = str(error.filename or output)
        failure = ResourceError(f"cannot be written: {error.strerror or error}", where=where)
        raise _with_way_on(failure, output, command) from error
    except FeinschliffError as error:
        _with_way_on(error, output, command)
        raise
    except KeyboardInterrupt:
        if not has_checkpoint(output):
            raise
        raise _with_way_on(RunInterrupted("Interrupted"), output, command) from None
    finally:
        if not resume or _complete(output):
            _settle(output)


def _folder(config: RunConfig, missing: list[Path]) -> Path:
    """Make the folder, and note those that were not there, the innermost first."""
    output = Path(config.output_dir).absolute() if config.output_dir else None
    try:
        if output is None:
            return _next_folder(config, missing)
        if output.exists() and not output.is_dir():
            raise ConfigError("is a file, not a folder", where=str(output), hint=ANOTHER)
        _make(output, missing)
    except OSError as error:
        where = str(output or error.filename)
        raise ConfigError(f"the output folder cannot be made: {error.strerror}", where=where) from None
    return output


def _make(folder: Path, missing: list[Path], *, anew: bool = False) -> None:
    absent = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=not anew)
    missing += absent


def _check(output: Path, resume: bool, overwrite: bool, command: str) -> None:
    """Refuse a folder that is in use, or one to go on in where that cannot be."""
    started, complete = (output / "config.yaml").is_file(), _complete(output)
    if resume:
        if complete or not started:
            fact = "the run is complete" if complete else "there is no run to go on with"
            raise ConfigError(fact, where=str(output), hint="Run without --resume")
        return
    if any(output.iterdir()) and not (overwrite and (started or complete)):
        hint = ANOTHER
        if started:
            hint += ", or replace the earlier run with --overwrite"
        if started and not complete:
            hint += f", or go on with it: {written(command, '--resume', output)}"
        raise ConfigError("the output folder is in use", where=str(output), hint=hint)


def _with_way_on(error: FeinschliffError, output: Path, command: str) -> FeinschliffError:
    """Add to an error how to go on with the run, if that is possible."""
    if not has_checkpoint(output) or _complete(output):
        return error
    lead = "Go on with" if isinstance(error, RunInterrupted) else "The last checkpoint is kept"
    go_on = f"{lead}: {written(command, '--resume', output)}"
    if _aside(output).is_dir():
        go_on += f". Until the run is complete, the earlier one is kept in {_aside(output)}"
    error.hint = f"{error.hint}. {go_on}" if error.hint else go_on
    return error


def _complete(output: Path) -> bool:
    return (output / "result.json").is_file()


def _aside(output: Path) -> Path:
    """Return where an earlier run waits: within the folder, which may be a disk of its own."""
    return output / ".old"


def _set_aside(output: Path) -> None:
    """Move an earlier run out of the way; one that was itself to replace a complete one is removed."""
    if _aside(output).is_dir() or not (output / "config.yaml").is_file():
        _empty(output)
    else:
        _move(output, _aside(output))


def _settle(output: Path) -> None:
    """Keep one of two runs: the new one when it is complete, the earlier one when nothing came of the new."""
    old = _aside(output)
    if old.is_dir() and not (old / "config.yaml").is_file():  # killed while moving: the new one never began
        _move(old, output)
    elif _complete(output):
        _empty(old)
    elif not has_checkpoint(output):
        _empty(output)
        _move(old, output)
    with suppress(OSError):
        old.rmdir()


def _move(source: Path, target: Path) -> None:
    """Move what runs write, the mark of a whole run last."""
    for name in CONTENT:
        if (source / name).exists():
            target.mkdir(exist_ok=True)
            (source / name).rename(target / name)


def has_checkpoint(output: Path) -> bool:
    """Tell whether a run can go on: it left a checkpoint, or one of several trainings is done."""
    folder = output / CHECKPOINTS
    return (
        (output / PROBED).is_file() or any(folder.rglob("step-*")) or any(folder.glob("seed-*/fitted.json"))
    )


def _empty(folder: Path) -> None:
    """Remove what runs write, and nothing else."""
    for name in CONTENT:
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _next_folder(config: RunConfig, missing: list[Path]) -> Path:
    """Make the first folder of the data's name that nobody has made yet."""
    name = Path(config.data.train or "run").name.split(".")[0] or "run"
    for number in count(1):
        folder = (Path("runs") / f"{name}-{number}").absolute()
        with suppress(FileExistsError):
            _make(folder, missing, anew=True)
            break
    return folder


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write one JSON object a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
