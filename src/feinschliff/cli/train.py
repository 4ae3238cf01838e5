"""`feinschliff train`: from a file of labelled texts to a model and a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from feinschliff.cli import _options as options

if TYPE_CHECKING:
    from feinschliff.config import RunConfig


def train(
    ctx: typer.Context,
    data: Annotated[
        str | None, typer.Argument(help="File, folder or hf://owner/name with labelled texts.")
    ] = None,
    test: Annotated[
        str | None, typer.Option("--test", metavar="FILE", help="Data for the final scores.")
    ] = None,
    dev: Annotated[
        str | None, typer.Option("--dev", metavar="FILE", help="Data for choosing epochs and thresholds.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="Base model: a name of `feinschliff models`, a hub id, a folder."),
    ] = None,
    task: Annotated[
        str | None, typer.Option("--task", help="Task to learn; found in the data if not given.")
    ] = None,
    text: options.Text = None,
    label: options.Label = None,
    text_pair: options.TextPair = None,
    group: Annotated[
        str | None,
        typer.Option(
            "--group", metavar="COLUMN", help="Column whose values never stand on both sides of a split."
        ),
    ] = None,
    format: options.Format = None,
    output_dir: Annotated[
        str | None,
        typer.Option("--output-dir", "-o", metavar="FOLDER", help="New folder for everything the run makes."),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of everything random.")] = None,
    seeds: Annotated[
        int | None,
        typer.Option("--seeds", metavar="N", help="Train N times and report the spread; the best is kept."),
    ] = None,
    evidence: Annotated[
        str | None,
        typer.Option(
            "--evidence", metavar="LEVEL", help="normal; full: with learning curves, also from scratch."
        ),
    ] = None,
    require: options.Require = None,
    goal: options.Goal = None,
    set_: options.Overrides = None,
    config: options.Config = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier run in the output folder.")
    ] = False,
    resume: Annotated[
        Path | None,
        typer.Option("--resume", metavar="RUN", help="Folder of an interrupted run to go on with."),
    ] = None,
) -> None:
    """Fine-tune a model on labelled texts, and report what the fine-tuning gained.

    Columns and task are found in the data, or named by options. Without --test a part of the data is kept for
    the final scores. Settings come from --config, then from the options, then from --set.
    """
    from feinschliff.config import load_config
    from feinschliff.errors import ConfigError

    named = {
        "data.train": data,
        "data.test": test,
        "data.dev": dev,
        "data.text": text,
        "data.label": label,
        "data.text_pair": text_pair,
        "data.group": group,
        "data.format": format,
        "model.source": model,
        "task": task,
        "seed": seed,
        "train.seeds": seeds,
        "evaluate.evidence": evidence,
        "output_dir": output_dir,
        "evaluate.require": require or None,
        "decide.goal": goal or None,
    }
    if resume is not None:
        given = [name for name, value in named.items() if value is not None]
        if given or set_ or config:
            raise ConfigError(
                "a resumed run keeps its settings",
                where="--resume",
                hint="Give --resume RUN alone, or start a new run",
            )
        run_and_show(
            load_config(_saved(resume), values={"output_dir": str(resume)}), ctx.obj["quiet"], resume=True
        )
        return
    chosen = load_config(config, set_ or (), named)
    if chosen.data.train is None:
        raise ConfigError(
            "no data was given",
            where="train",
            hint="Name a file: feinschliff train reviews.csv; or data.train in --config",
        )
    run_and_show(chosen, ctx.obj["quiet"], overwrite=overwrite)


def run_and_show(config: RunConfig, quiet: bool, *, resume: bool = False, overwrite: bool = False) -> None:
    """Run, show the way on stderr, and print the summary on stdout.

    Raises:
        QualityError: a required quality was not reached; the run is complete nevertheless.
    """
    from feinschliff.cli._progress import Display
    from feinschliff.cli._summary import print_summary
    from feinschliff.errors import QualityError
    from feinschliff.pipeline import run
    from feinschliff.report.result import read

    try:
        with Display(quiet) as display:
            result = run(config, listen=display, resume=resume, overwrite=overwrite)
    except QualityError as error:
        print_summary(read(error.where or config.output_dir or "."))
        raise
    if result:  # only the first of several processes has one
        print_summary(result)


def _saved(run: Path) -> Path:
    from feinschliff.errors import ConfigError

    if not (run / "config.yaml").is_file():
        raise ConfigError(
            "the folder holds no run: config.yaml is missing",
            where=str(run),
            hint="Name the folder given as --output-dir",
        )
    return run / "config.yaml"
