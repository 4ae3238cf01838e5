"""The folder of a run: chosen, made, and taken away again when nothing came of the run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from feinschliff.config import RunConfig
from feinschliff.errors import ConfigError, FeinschliffError, ResourceError, RunInterrupted
from feinschliff.errors import command as written

LABEL_ERRORS = "label_errors.csv"
CHECKPOINTS = "checkpoints"
ADAPTER = "adapter"
PROBED = "probe.jsonl"
LOGS = "logs"
CONTENT = (
    "config.yaml",
    "result.json",
    "report.html",
    "removed.jsonl",
    PROBED,
    LABEL_ERRORS,
    "model",
    ".model.part",
    "predictions",
    ADAPTER,
    CHECKPOINTS,
    LOGS,
)
"""Everything a run writes."""


def choose(config: RunConfig, resume: bool, overwrite: bool, command: str = "train") -> Path:
    """Return the run's folder; nothing is touched yet.

    Raises:
        ConfigError: it is in use, or there is no run to go on with.
    """
    output = Path(config.output_dir or _next_folder(config)).absolute()
    started, complete = (output / "config.yaml").is_file(), (output / "result.json").is_file()
    if resume:
        if complete or not started:
            fact = "the run is complete" if complete else "there is no run to go on with"
            raise ConfigError(fact, where=str(output), hint="Run without --resume")
        return output
    free = not output.exists() or (output.is_dir() and not any(output.iterdir()))
    if not free and not (overwrite and (started or complete)):
        hint = "Choose another with --output-dir"
        if started:
            hint += ", or replace the earlier run with --overwrite"
        if started and not complete:
            hint += f", or go on with it: {written(command, '--resume', output)}"
        fact = "the output folder is in use" if output.is_dir() else "is a file, not a folder"
        raise ConfigError(fact, where=str(output), hint=hint)
    return output


@contextmanager
def made(output: Path, resume: bool, command: str = "train") -> Iterator[None]:
    """Make the folder of a run; empty it again when nothing worth keeping came of the run.

    Raises:
        ConfigError: it cannot be made.
        ResourceError: something in it cannot be written.
    """
    existed = output.exists()
    try:
        if existed and not resume:
            _empty(output)
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"the output folder cannot be made: {error.strerror}", where=str(output)) from None
    complete = False
    try:
        yield
        complete = True
    except OSError as error:
        where = str(error.filename or output)
        raise ResourceError(f"cannot be written: {error.strerror or error}", where=where) from error
    except FeinschliffError as error:
        if has_checkpoint(output):
            lead = "Go on with" if isinstance(error, RunInterrupted) else "The last checkpoint is kept"
            go_on = f"{lead}: {written(command, '--resume', output)}"
            error.hint = f"{error.hint}. {go_on}" if error.hint else go_on
        raise
    finally:
        if not complete and not resume and not has_checkpoint(output):
            _empty(output)
            if not existed and not any(output.iterdir()):
                output.rmdir()


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


def _next_folder(config: RunConfig) -> Path:
    name = Path(config.data.train or "run").name.split(".")[0] or "run"
    number = 1
    while (Path("runs") / f"{name}-{number}").exists():
        number += 1
    return Path("runs") / f"{name}-{number}"


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write one JSON object a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
