"""What holds for every command: help, flags, exit codes, and one message for a failure."""

from __future__ import annotations

import errno
import importlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from feinschliff.cli._commands import command_line, hoist_flags
from feinschliff.cli._errors import telling
from feinschliff.cli._output import console, table
from feinschliff.cli._progress import Display
from feinschliff.errors import ConfigError, DataError, ModelError, QualityError, ResourceError
from feinschliff.train.events import Notice, Stage

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


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        ImportError("libtorch.so: failed to map segment from shared object"),
    ],
)
def test_too_little_memory_is_no_defect(cli, monkeypatch, error):
    failing(monkeypatch, error)
    done = cli("config", "explain")
    assert done.code == 1
    assert done.err.startswith("Error: the machine has not enough memory. End other programs")


def shell(command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command line of a shell, in which F stands for the program."""
    command = command.replace("F ", f"{sys.executable} -m feinschliff ", 1)
    return subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        env={**os.environ, **variables},
        encoding="utf-8",
        check=False,
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_standard_output_that_cannot_be_written_is_named():
    done = shell("F config explain > /dev/full")
    assert (done.returncode, done.stderr) == (1, "Error: standard output: no space left where it goes.\n")
    failure = OSError(errno.ENOSPC, "No space left on device")
    with (
        pytest.raises(ResourceError, match=r"cannot be written: .*The run is complete: runs/1"),
        telling("runs/1"),
    ):
        raise failure


def test_a_terminal_without_a_letter_shows_it_otherwise(trained, tmp_path):
    data = tmp_path / "in.jsonl"
    lines = (json.dumps({"text": f"schön → gut, {n}"}, ensure_ascii=False) for n in range(30))
    data.write_text("\n".join(lines), encoding="utf-8")
    done = shell(f"F predict {trained} {data}", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout.count("schön → gut")) == (0, 30), done.stderr
    done = shell(f"F audit {data}", PYTHONIOENCODING="latin-1")
    assert "Error" not in done.stderr


def test_streams_that_were_closed_and_names_that_are_no_text(trained):
    done = shell(f"F predict {trained} - <&-")
    assert (done.returncode, "<stdin>: the file is empty" in done.stderr) == (3, True), done.stderr
    assert shell("F config explain 2>&- >&-").returncode == 0
    done = shell(f"F predict {trained} $'/\\xff.csv'")
    assert (done.returncode, "\\udcff.csv: the name is no valid UTF-8. Rename" in done.stderr) == (2, True)


def test_work_goes_on_when_nobody_reads_what_is_said(monkeypatch):
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(sys, "stderr", Gone())
    with Display() as display:
        display(Notice("still at work"))
        display(Stage("train", "100 texts"))


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


def test_names_and_texts_do_not_command_the_terminal(cli, tmp_path, capfd):
    file = tmp_path / "bad\x1b[31m.csv"
    file.write_text("text,label\na,b,c\n", encoding="utf-8")
    done = cli("audit", file)
    assert "\x1b" not in done.err
    assert "bad\\x1b[31m.csv" in done.err
    screen = console()
    screen.print("a\x1b]0;title\x07b\r\x9b31m", style="bold")
    rows = table("name")
    rows.add_row("ä\x1b[2Jß")
    screen.print(rows)
    out = capfd.readouterr().out
    assert "a\\x1b]0;title\\x07b\\x0d\\x9b31m" in out
    assert "ä\\x1b[2Jß" in out


def test_no_message_repeats_a_password():
    error = ConfigError("http://user:s3cret@host:9/x cannot be reached", where="https://:pw@other/")
    assert str(error) == "https://other/: http://host:9/x cannot be reached."
