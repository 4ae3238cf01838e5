"""What holds for every command: help, flags, exit codes, and one message for a failure."""

from __future__ import annotations

import errno
import importlib
import subprocess
import sys

import pytest

from feinschliff.cli._commands import command_line, hoist_flags
from feinschliff.errors import ConfigError, DataError, ModelError, QualityError

HEAVY = (
    "torch",
    "transformers",
    "sklearn",
    "scipy",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "yaml",
    "jinja2",
)
COMMANDS = command_line().list_commands(None)


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def failing(monkeypatch, error):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr("feinschliff.config.settings", fail)


def test_help_names_every_command_and_imports_nothing_heavy():
    done = python(
        "import sys; from feinschliff.cli import main\n"
        "try: main(['--help'])\n"
        f"except SystemExit: print([m for m in {HEAVY} if m in sys.modules])"
    )
    *text, heavy = done.stdout.splitlines()
    assert heavy == "[]"
    assert [line.split()[0] for line in text[text.index("Commands:") + 1 :]] == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(cli, command):
    done = cli(command, "--help")
    assert done.code == 0
    assert f"Usage: feinschliff {command}" in done.out
    assert importlib.import_module(f"feinschliff.cli.{command}").__doc__


def test_the_module_is_the_command_line():
    done = subprocess.run(
        [sys.executable, "-m", "feinschliff", "--version"], capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("feinschliff ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tran", "a.csv"], "Did you mean 'train'?"),
        (["--nonsense"], "No such option: --nonsense"),
        (["train", "a.csv", "--modle", "x"], "--modle"),
        (["config", "explain", "train.learning_rat"], "Did you mean 'train.learning_rate'?"),
        (["config", "show", "--set", "train.epochs"], "Write section.key=value"),
        (["train"], "no data was given"),
    ],
)
def test_wrong_usage_ends_with_2(cli, arguments, said):
    done = cli(*arguments)
    assert done.code == 2
    assert said in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    ("error", "code"),
    [(ConfigError("x"), 2), (DataError("x"), 3), (QualityError("x"), 4), (ModelError("x"), 1)],
)
def test_an_expected_failure_is_one_message(cli, monkeypatch, error, code):
    failing(monkeypatch, error)
    done = cli("config", "explain")
    assert (done.code, done.err) == (code, "Error: x.\n")


@pytest.mark.parametrize("arguments", [("--debug", "config", "explain"), ("config", "explain", "--debug")])
def test_debug_shows_the_traceback_wherever_it_stands(cli, monkeypatch, arguments):
    failing(monkeypatch, DataError("x"))
    done = cli(*arguments)
    assert done.code == 3
    assert "Traceback" in done.err
    assert done.err.endswith("Error: x.\n")


def test_an_unexpected_failure_is_two_lines():
    code = (
        "import sys, feinschliff.config as c, feinschliff.cli as cli\n"
        "def fail(): raise KeyError('lost')\n"
        "c.settings = fail\n"
        "sys.exit(cli.main(['config', 'explain'{}]))"
    )
    done = python(code.format(""))
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "Error: KeyError: 'lost'"
    assert "--debug" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Traceback" in python(code.format(", '--debug'")).stderr


def test_a_full_disk_is_named(cli, monkeypatch, tmp_path):
    failing(monkeypatch, OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "new" / "model")))
    done = cli("config", "explain")
    assert done.code == 1
    assert f"{tmp_path}/new/model: no space left on its disk (" in done.err
    assert "free)" in done.err


def test_what_the_system_refuses_is_no_defect(cli, monkeypatch):
    for number, reason in ((errno.EFBIG, "File too large"), (errno.EACCES, "Permission denied")):
        failing(monkeypatch, OSError(number, reason, "shut/model.onnx"))
        done = cli("config", "explain")
        assert (done.code, "defect" in done.err) == (1, False)
        assert f"shut/model.onnx: the system refuses it: {reason}. Look at the rights" in done.err
    failing(monkeypatch, OSError(errno.EFBIG, "File too large"))
    assert cli("config", "explain").err.startswith("Error: the system refuses it: File too large.")


def test_an_interruption_ends_with_130(cli, monkeypatch):
    failing(monkeypatch, KeyboardInterrupt())
    done = cli("config", "explain")
    assert (done.code, done.err) == (130, "Interrupted.\n")


def test_a_closed_pipe_is_no_defect():
    done = subprocess.run(
        f"{sys.executable} -m feinschliff config explain | head -1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "task\n"
    assert done.stderr == ""


def test_flags_move_to_the_front_but_not_past_a_double_dash():
    assert hoist_flags(["predict", "m", "-q", "--", "--debug"]) == ["-q", "predict", "m", "--", "--debug"]
