"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Text = Annotated[str | None, typer.Option("--text", metavar="COLUMN", help="Column with the text.")]
TextPair = Annotated[
    str | None, typer.Option("--text-pair", metavar="COLUMN", help="Column with the second text of a pair.")
]
Label = Annotated[
    str | None, typer.Option("--label", metavar="COLUMN", help="Column with the label or labels.")
]
Format = Annotated[
    str | None, typer.Option("--format", help="Format of the data, if its name and content do not tell.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Change one setting (train.epochs=3); repeatable."),
]
Config = Annotated[Path | None, typer.Option("--config", "-c", help="YAML file with settings.")]
Require = Annotated[
    list[str] | None,
    typer.Option(
        "--require",
        metavar="QUALITY",
        help="Quality to reach ('macro_f1>=0.85'), otherwise exit code 4; repeatable.",
    ),
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
