"""Options that several commands share, and the configuration they make."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from feinschliff import registry

if TYPE_CHECKING:
    from feinschliff.config import RunConfig

ModelDir = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL_DIR", help="A run's folder, its model folder, or owner/name[@revision] of the hub."
    ),
]
Model = Annotated[
    str | None,
    typer.Option("--model", "-m", help="Base model: a name of `feinschliff models`, a hub id, a folder."),
]
OutputDir = Annotated[
    str | None,
    typer.Option("--output-dir", "-o", metavar="FOLDER", help="New folder for everything the run makes."),
]
Seed = Annotated[int | None, typer.Option("--seed", help="Seed of everything random.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an earlier run in the output folder.")]
Resume = Annotated[
    Path | None,
    typer.Option("--resume", metavar="RUN", help="Folder of an interrupted run to go on with."),
]
Task = Annotated[
    str | None,
    typer.Option(
        "--task",
        help=f"Task to learn: {', '.join(registry.names('tasks'))}; found in the data if not given.",
    ),
]
Text = Annotated[
    str | None, typer.Option("--text", metavar="COLUMN", help="Column with the text; a.b inside an object.")
]
TextPair = Annotated[
    str | None,
    typer.Option("--text-pair", metavar="COLUMN", help="Column with the second text of a pair, or none."),
]
Label = Annotated[
    str | None,
    typer.Option(
        "--label", metavar="COLUMN", help="Column with the label or labels; a,b,c for columns of 0 and 1."
    ),
]
Format = Annotated[
    str | None, typer.Option("--format", help="Format of the data, if its name and content do not tell.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Change one setting (train.epochs=3); repeatable."),
]
ReadingOverrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Change how the file is read (data.encoding=cp1252, data.delimiter=tab); repeatable.",
    ),
]
Fast = Annotated[
    bool,
    typer.Option(
        "--fast",
        help="Compute in bfloat16 where the hardware multiplies it, and again in float32 where that could "
        "change a decision: the same labels, probabilities that differ by about a hundredth at most "
        "(numbers by a hundredth of their spread).",
    ),
]
Config = Annotated[Path | None, typer.Option("--config", "-c", help="YAML file with settings.")]


def _require(example: str) -> Any:
    return typer.Option(
        "--require",
        metavar="QUALITY",
        help=f"Quality to reach ({example}), otherwise exit code 4; repeatable. The metrics: "
        "feinschliff config explain evaluate.require.",
    )


Require = Annotated[list[str] | None, _require("'macro_f1>=0.85'")]
RequireOfRun = Annotated[
    list[str] | None, _require("'macro_f1>=0.85'; better: the verdict is to use the model")
]
Goal = Annotated[
    list[str] | None,
    typer.Option(
        "--goal",
        metavar="GOAL",
        help="What decisions must reach ('precision>=0.95', 'accuracy>=0.97'), if need be by giving no "
        "answer; repeatable.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def configure(
    config: Path | None, overrides: list[str] | None, named: Mapping[str, Any], resume: Path | None
) -> RunConfig:
    """Return what the options of a run make of the settings; a resumed run keeps those it began with.

    Args:
        named: Settings that have options of their own, None where they were not used.

    Raises:
        ConfigError: a setting is wrong; settings are given with --resume, or there is no run to go on with.
    """
    from feinschliff.config import load_config
    from feinschliff.errors import ConfigError

    if resume is None:
        return load_config(config, overrides or (), named)
    if overrides or config or any(value is not None for value in named.values()):
        raise ConfigError(
            "a resumed run keeps its settings",
            where="--resume",
            hint="Give --resume RUN alone, or start a new run",
        )
    if not (resume / "config.yaml").is_file():
        raise ConfigError(
            "the folder holds no run: config.yaml is missing",
            where=str(resume),
            hint="Name the folder given as --output-dir",
        )
    return load_config(resume / "config.yaml", values={"output_dir": str(resume)})


def reading(overrides: list[str] | None, format: str | None) -> dict[str, Any]:
    """Return the settings of `data` that say how a file is read.

    Raises:
        ConfigError: another setting is named, or a wrong value.
    """
    from feinschliff.config import load_config
    from feinschliff.errors import ConfigError
    from feinschliff.readers import READING

    allowed = tuple(f"data.{name}" for name in READING)
    for text in overrides or ():
        if text.partition("=")[0].strip() not in allowed:
            raise ConfigError(
                f"'{text}' changes nothing here",
                where="--set",
                allowed=f"What says how the file is read: {', '.join(allowed)}",
            )
    data = load_config(None, overrides or (), {"data.format": format}).data
    return {f"data.{name}": value for name, value in data.model_dump(exclude_defaults=True).items()}
