"""Errors a user can act on: each says where, what, what is allowed, and what to do next.

Every expected failure is a `FeinschliffError`. The command line prints it without a traceback and ends
with its `exit_code`; anything else is a defect of ours and ends with 1 and a traceback.
"""

from __future__ import annotations

import difflib
import re
import shlex
import shutil
import sys
from collections.abc import Collection, Iterable
from pathlib import Path

PASSWORD = re.compile(r"://[^/\s:@]*:[^/\s@]*@")
"""User and password in an address, which no message repeats."""


class FeinschliffError(Exception):
    """An expected failure.

    Args:
        fact: What is wrong, in one sentence.
        where: The place: `file:line`, a setting's name, a folder.
        allowed: What would have been accepted.
        hint: What to do next: a command, a setting.
    """

    exit_code = 1

    def __init__(
        self, fact: str, *, where: str | None = None, allowed: str | None = None, hint: str | None = None
    ):
        self.fact, self.where, self.allowed, self.hint = fact, where, allowed, hint
        super().__init__(fact)

    def __str__(self) -> str:
        text = f"{self.where}: {self.fact}" if self.where else self.fact
        whole = " ".join(_sentence(part) for part in (text, self.allowed, self.hint) if part)
        return PASSWORD.sub("://", whole)


class ConfigError(FeinschliffError):
    """Wrong usage or configuration: a setting, a path, a column name, an argument."""

    exit_code = 2


class DataError(FeinschliffError):
    """The data cannot be trained on or read as it is; the gate refuses."""

    exit_code = 3


class QualityError(FeinschliffError):
    """A quality asked for by `--require` was not reached."""

    exit_code = 4


class ModelError(FeinschliffError):
    """A model cannot be found, loaded, or saved without loss."""

    exit_code = 1


class UnknownModelError(ModelError):
    """The name given is neither a folder, nor a packaged model, nor a model of the hub."""

    exit_code = 2


class HubError(FeinschliffError):
    """The Hugging Face Hub cannot be reached, or does not let this user do it."""

    exit_code = 1


class MissingExtraError(FeinschliffError):
    """An optional dependency is not installed."""

    exit_code = 2

    def __init__(self, what: str, extra: str):
        super().__init__(
            f"{what} needs the optional extra '{extra}', which is not installed",
            hint=f"Install it: {install(f'feinschliff[{extra}]')}",
        )


ELSEWHERE = "Free some space there, or name another folder"
"""What to do when something cannot be written."""


class ResourceError(FeinschliffError):
    """The machine ran out of something: disk space, memory."""

    exit_code = 1


class ProcessLost(ResourceError):  # noqa: N818  (the field says it like this)
    """Another of the processes that train together ended, or can no longer be reached."""

    def __init__(self) -> None:
        super().__init__(
            "another process of this run ended or can no longer be reached", where="several processes"
        )


class RunInterrupted(FeinschliffError):  # noqa: N818  (an interruption is not an error of anyone's)
    """The user or the system asked the run to stop; a checkpoint was written."""

    exit_code = 130


MEMORY_SIGNS = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "Cannot allocate memory",
    "failed to map segment",
)
"""How it is said: CUDA and MPS, torch on Linux and on Windows, the system, the loader of libraries."""


def first_line(error: object) -> str:
    """Return the first line of another library's message, or the name of its class if it says nothing.

    >>> first_line(ValueError("no such key.\\nTraceback")), first_line(TimeoutError())
    ('no such key', 'TimeoutError')
    """
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].strip()[:200].rstrip(".:")


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an exception says that memory ran out."""
    said = isinstance(error, RuntimeError | OSError | ImportError) and any(
        s in str(error) for s in MEMORY_SIGNS
    )
    return isinstance(error, MemoryError) or said


def install(package: str, *flags: str) -> str:
    """Return the command that installs a package where this program runs.

    `feinschliff[EXTRA]` adds what the extra needs to the Feinschliff that is there, from a clone or a wheel.
    """
    return shlex.join([sys.executable or "python", "-m", "pip", "install", *flags, package])


def command(*words: object) -> str:
    """Return a command of this program as it can be pasted into a shell.

    >>> command("train", "--resume", "my runs/1")
    "feinschliff train --resume 'my runs/1'"
    """
    return " ".join([program(), shlex.join(map(str, words))])


def program() -> str:
    """Return what a person types to run this program again: its path where the shell would not find it."""
    called = Path(sys.argv[0])
    found = shutil.which("feinschliff")
    if found or called.name != "feinschliff":
        return "feinschliff"
    return shlex.quote(relative(str(called.absolute())))


def relative(path: str) -> str:
    """Return a path as seen from the current folder, where it lies below it."""
    return str(Path(path).relative_to(Path.cwd())) if Path(path).is_relative_to(Path.cwd()) else path


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Return a count with its noun.

    >>> counted(1, "row"), counted(1234, "row"), counted(2, "class", "classes")
    ('1 row', '1,234 rows', '2 classes')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate most like `name`, or None when nothing is close.

    >>> nearest("learning_rat", ["epochs", "learning_rate"])
    'learning_rate'
    """
    found = difflib.get_close_matches(name, list(candidates), n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(name: str, candidates: Iterable[str]) -> str | None:
    """Return the hint for a misspelt name, or None when nothing is close.

    >>> did_you_mean("learning_rat", ["epochs", "learning_rate"])
    "Did you mean 'learning_rate'?"
    """
    close = nearest(name, candidates)
    return f"Did you mean '{close}'?" if close else None


def no_such(what: str, name: str, known: Collection[str], where: str | None = None) -> ConfigError:
    """Return the error for a name that stands for nothing; the nearest is suggested."""
    return ConfigError(
        f"there is no {what} '{name}'",
        where=where,
        allowed=f"There are: {', '.join(known)}",
        hint=did_you_mean(name, known),
    )


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", ":", "\n")) else text + "."
