"""The project as a whole: one version, current pages, and nothing that depends on where it was made."""

from __future__ import annotations

import hashlib
import importlib.metadata
import itertools
import re
import shlex
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest

import feinschliff
from feinschliff.cli._commands import command_line
from feinschliff.config import settings

ROOT = Path(__file__).parent.parent


def tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_there_is_one_version():
    assert project()["version"] == feinschliff.__version__
    assert importlib.metadata.version("feinschliff") == feinschliff.__version__
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## (\S+)", changes, re.MULTILINE)[1] == feinschliff.__version__


# The first 12 digits of the SHA-256 of each host that no file may name, this one included.
REGISTRIES = set(
    [
        "a4aa2ac280bb",
        "c2b67f5db935",
        "6af40d8f6023",
        "8b5bb5eb9d75",
        "5c6c4323ca27",
        "a8d98c99d2af",
        "51c6b9f69c48",
        "03eabd6c5c4f",
        "432122f391af",
        "8743857e3ea0",
        "3ca29e55be4b",
        "56634d425a16",
    ]
)


def registries(content: bytes) -> list[str]:
    names = {
        name[start:] for name in re.findall(rb"[a-z]+\.(?:org|com|io)", content) for start in range(len(name))
    }
    return [name.decode() for name in names if hashlib.sha256(name).hexdigest()[:12] in REGISTRIES]


def test_no_file_names_a_package_registry():
    assert registries(b"files.python" + b"hosted.org/simple")
    assert [str(p) for p in tracked() if registries(p.read_bytes())] == []


def test_every_constraint_is_one_exact_version():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert [line for line in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9A-Za-z.]*", line)] == []
    names = [re.sub(r"[-_.]+", "-", line.partition("==")[0]).lower() for line in pins]
    assert len(names) == len(set(names))
    needed = [re.match(r"[A-Za-z0-9_.-]+", d)[0] for d in project()["dependencies"]]
    assert {re.sub(r"[-_.]+", "-", n).lower() for n in needed} <= set(names)


def test_test_files_have_names_of_their_own():
    counts = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in counts.items() if count > 1] == []


def test_the_generated_pages_are_current():
    done = subprocess.run(
        [sys.executable, "scripts/docs.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "page", [p for p in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])], ids=lambda p: p.name
)
def test_links_between_pages_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


FIRST_PAGES = pytest.mark.parametrize("page", ["README.md", "README.de.md"])


def shown_commands(page: str) -> list[list[str]]:
    """Return the words after `feinschliff` of every command shown, in blocks and between backticks."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    lines = blocks.splitlines() + re.findall(
        r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    )
    shown = [re.search(r"(?:^|[|/m] ?)feinschliff ([a-z-].*)", line) for line in lines]
    return [shlex.split(found[1], comments=True) for found in shown if found]


@FIRST_PAGES
def test_commands_on_the_first_page_are_right(page):
    shown = shown_commands(page)
    known = set(command_line().list_commands(None))
    assert {words[0] for words in shown} == known
    for name, *words in shown:
        command = command_line().get_command(None, name)
        if hasattr(command, "commands") and words:
            command = command.commands[words.pop(0)]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("-") and word != "-"} <= options, (name, words)
        overrides = [after.partition("=")[0] for word, after in itertools.pairwise(words) if word == "--set"]
        assert set(overrides) <= {setting.name for setting in settings()}, (name, words)


@FIRST_PAGES
def test_extras_on_the_first_page_are_those_there_are(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    table = text.partition("## Extras\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", " ".join(rows))) == set(project()["optional-dependencies"]) - {"dev"}
