"""`feinschliff config`: write, explain and show settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from feinschliff.config import Setting

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    help="Write, explain and show the settings.",
)


@app.command()
def init(
    file: Annotated[Path, typer.Argument(help="File to write.")] = Path("feinschliff.yaml"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
) -> None:
    """Write a YAML file with every setting, its default, and what it does."""
    from feinschliff.config import dump_config, load_config
    from feinschliff.errors import ConfigError, command

    if file.exists() and not overwrite:
        raise ConfigError(
            "the file exists", where=str(file), hint="Choose another name, or add --overwrite to replace it"
        )
    try:
        file.write_text(dump_config(load_config(), comments=True), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", where=str(file)) from None
    print(f"Wrote {file}. Use it: {command('train', 'DATA', '--config', file)}")


@app.command()
def explain(
    name: Annotated[
        str | None,
        typer.Argument(help="A setting (train.learning_rate), a section (train), or nothing for all."),
    ] = None,
) -> None:
    """Explain one setting, a section, or every setting."""
    from feinschliff.config import settings
    from feinschliff.errors import ConfigError, nearest

    known = settings()
    found = [
        s
        for s in known
        if name is None or name in (s.name, s.name.partition(".")[0], s.name.rpartition(".")[2])
    ]
    if not found:
        close = nearest(name or "", [s.name for s in known]) or next(
            (s.name for s in known if nearest(name or "", [s.name.rpartition(".")[2]])), None
        )
        raise ConfigError(
            f"there is no setting '{name}'",
            allowed="`feinschliff config explain` lists all",
            hint=f"Did you mean '{close}'?" if close else None,
        )
    print("\n\n".join(_explanation(s) for s in found))


@app.command()
def show(
    config: Annotated[Path | None, typer.Option("--config", "-c", help="YAML file with settings.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change one setting; repeatable.")
    ] = None,
) -> None:
    """Show the settings that a file and overrides result in, as YAML."""
    from feinschliff.config import dump_config, load_config

    print(dump_config(load_config(config, set_ or ())), end="")


def _explanation(setting: Setting) -> str:
    from feinschliff.cli._names import names_of

    bounds = f", {setting.bounds}" if setting.bounds else ""
    names = [f"    {name}: {meaning}" for name, meaning in names_of(setting.name).items()]
    listed = "\n".join(["\n  Names:", *names]) if names else ""
    change = f"{setting.name}=VALUE"
    if setting.type.startswith("list of "):
        change = f"'{setting.name}=[VALUE, VALUE]'"
    return (
        f"{setting.name}\n"
        f"  {setting.description}\n"
        f"  Type: {setting.type}{bounds}\n"
        f"  Default: {_as_yaml(setting.default)}\n"
        f"  Change it: --set {change}{listed}"
    )


def _as_yaml(value: Any) -> str:
    import yaml

    return yaml.safe_dump(value, default_flow_style=True, width=10_000).split("\n...")[0].strip()
