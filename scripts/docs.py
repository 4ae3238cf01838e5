"""Write the pages of docs/ that come from the program itself; `--check` only says if they are current."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

import feinschliff
from feinschliff import api, registry
from feinschliff.cli._commands import command_line
from feinschliff.cli._names import LISTS, names_of
from feinschliff.config import RunConfig, settings

DOCS = Path(__file__).parent.parent / "docs"
WIDTH = 100
MADE = "<!-- Made by `make docs` from the program; do not edit. -->\n\n"

INTRO = """
Every setting of a run. Write them into a YAML file (`feinschliff config init` makes one with all of them) and
pass it with `--config`, or change single ones with `--set section.name=value`. The settings of a run, all
defaults filled in, are saved in its folder as `config.yaml`; `feinschliff train --config` of it, with another
`--output-dir`, repeats the run. A default of `null` means: not set, or, where the meaning says so, found or
chosen."""

EXIT_CODES = """## Exit codes

| code | meaning |
|---|---|
| 0 | done |
| 1 | failed for another reason than those below |
| 2 | wrong usage or configuration |
| 3 | the data was refused |
| 4 | a quality asked for with `--require`, or with `--max-loss` of an export, was not reached |
| 130 | interrupted; the message says how to go on |

Results go to stdout, everything about the way there to stderr. An expected failure is one message on stderr;
`--debug`, before or after the command, shows the traceback.
"""


FORMATS = """
## Formats

Found by suffix and content; `--format NAME` names one. Any file may be compressed (`.gz`, `.zst`); `-` is
standard input.
"""


NAMES = """
## Names

What stands in the settings that take names. `feinschliff config explain SETTING` lists it, too."""


def pages() -> dict[Path, str]:
    """Return the generated pages and what they should hold."""
    return {
        DOCS / "cli.md": cli_page(),
        DOCS / "config.md": config_page(),
        DOCS / "python.md": python_page(),
    }


def cli_page() -> str:
    """Return the page with the help of every command."""
    parts = [MADE + "# Commands\n\n"]
    for name, text in _helps(command_line(), "feinschliff"):
        parts.append(f"## {name}\n\n```text\n{text.rstrip()}\n```\n\n")
    return "".join(parts) + EXIT_CODES + formats()


def formats() -> str:
    """Return the section with the formats that are read."""
    lines = [FORMATS, "| format | suffixes | what it is |", "|---|---|---|"]
    for name in registry.names("readers"):
        module = registry.load("readers", name)
        suffixes = " ".join(f"`{suffix}`" for suffix in module.SUFFIXES)
        lines.append(f"| `{name}` | {suffixes} | {_cell(module.DESCRIPTION)} |")
    return "\n".join(lines) + "\n"


def config_page() -> str:
    """Return the page with every setting."""
    lines = [MADE + "# Settings", INTRO]
    section = None
    for setting in settings():
        parent, _, key = setting.name.rpartition(".")
        if parent != section:
            section = parent
            title = _section_title(parent) if parent else "What is learnt, and where it goes."
            lines += [
                f"\n## {parent or 'run'}\n",
                title + "\n",
                "| setting | default | type | meaning |",
                "|---|---|---|---|",
            ]
        default = (
            yaml.safe_dump(setting.default, default_flow_style=True, width=10_000).split("\n...")[0].strip()
        )
        kind = ", ".join(part for part in (setting.type, setting.bounds) if part)
        lines.append(f"| `{key}` | `{default}` | {_cell(kind)} | {_cell(setting.description)} |")
    return "\n".join(lines) + "\n" + names()


def names() -> str:
    """Return the sections with the names that settings take."""
    lines = [NAMES]
    known: set[str] = set()
    for setting in LISTS:
        new = {name: meaning for name, meaning in names_of(setting).items() if name not in known}
        more = "Those above, and:\n\n" if len(new) < len(names_of(setting)) else ""
        known |= new.keys()
        lines += [f"\n### {setting}\n", f"{more}| name | meaning |", "|---|---|"]
        lines += [f"| `{name}` | {_cell(meaning)} |" for name, meaning in new.items()]
    return "\n".join(lines) + "\n"


def python_page() -> str:
    """Return the page with every public function and class of the library."""
    parts = [MADE + "# From Python\n\n", inspect.getdoc(api) or "", "\n"]
    for name in feinschliff.__all__:
        found = inspect.unwrap(getattr(feinschliff, name))  # folders of the same names answer for functions
        if not callable(found):
            continue
        parts.append(f"\n## {name}\n\n{_described(found, name)}")
        if not inspect.isclass(found) or issubclass(found, BaseException | BaseModel):
            continue
        for method, value in vars(found).items():
            if not method.startswith("_") and inspect.isfunction(value):
                parts.append(f"\n### {name}.{method}\n\n{_described(value, method)}")
    return "".join(parts)


def _described(found: Any, name: str) -> str:
    """Return the signature and the docstring of a function or class."""
    is_plain = inspect.isclass(found) and issubclass(found, BaseException | BaseModel | dict)
    call = name if is_plain else _call(inspect.signature(found), name)
    return f"```python\n{call}\n```\n\n```text\n{inspect.getdoc(found)}\n```\n"


def _call(signature: inspect.Signature, name: str) -> str:
    """Return a signature in one line, or with an argument on each."""
    parts: list[str] = []
    is_open = True
    for parameter in signature.parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and is_open:
            parts.append("*")
        is_open = is_open and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.KEYWORD_ONLY)
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        star = "*" if parameter.kind is parameter.VAR_POSITIONAL else ""
        parts.append(f"{star}{parameter.name}: {parameter.annotation}{default}")
    arrow = f" -> {signature.return_annotation}" if isinstance(signature.return_annotation, str) else ""
    line = f"{name}({', '.join(parts)}){arrow}"
    return (
        line
        if len(line) <= WIDTH
        else "\n".join([f"{name}(", *(f"    {part}," for part in parts), f"){arrow}"])
    )


def _section_title(name: str) -> str:
    return (RunConfig.model_fields[name].annotation.__doc__ or "").splitlines()[0]  # type: ignore[union-attr]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _helps(command: Any, name: str, parent: Any = None) -> Iterator[tuple[str, str]]:
    """Yield the help text of a command, then of those below it."""
    context = command.context_class(
        command,
        info_name=name.rpartition(" ")[2],
        parent=parent,
        terminal_width=WIDTH,
        max_content_width=WIDTH,
    )
    yield name, command.get_help(context)
    if hasattr(command, "list_commands"):
        for below in command.list_commands(context):
            yield from _helps(command.get_command(context, below), f"{name} {below}", context)


def main() -> int:
    """Write or check the pages; return 1 if a check finds one that is not current."""
    outdated = [
        path
        for path, text in pages().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    if "--check" in sys.argv[1:]:
        for path in outdated:
            sys.stderr.write(f"{path.relative_to(DOCS.parent)} is not current. Run: make docs\n")
        return 1 if outdated else 0
    for path in outdated:
        path.write_text(pages()[path], encoding="utf-8")
        sys.stdout.write(f"Wrote {path.relative_to(DOCS.parent)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
