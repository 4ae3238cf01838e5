"""`feinschliff train`: from a file of labelled texts to a model and a report."""

from __future__ import annotations

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
    model: options.Model = None,
    task: options.Task = None,
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
    output_dir: options.OutputDir = None,
    seed: options.Seed = None,
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
    require: options.RequireOfRun = None,
    goal: options.Goal = None,
    set_: options.Overrides = None,
    config: options.Config = None,
    overwrite: options.Overwrite = False,
    resume: options.Resume = None,
) -> None:
    """Fine-tune a model on labelled texts, and report what the fine-tuning gained.

    Columns and task are found in the data, or named by options. Without --test a part of the data is kept for
    the final scores. Settings come from --config, then from the options, then from --set.
    """
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
    chosen = options.configure(config, set_, named, resume)
    if chosen.data.train is None:
        raise ConfigError(
            "no data was given",
            where="train",
            hint="Name a file: feinschliff train reviews.csv; or data.train in --config",
        )
    run_and_show(chosen, ctx.obj["quiet"], resume=resume is not None, overwrite=overwrite)


def run_and_show(config: RunConfig, quiet: bool, *, resume: bool = False, overwrite: bool = False) -> None:
    """Run, show the way on stderr, and print the summary on stdout.

    Raises:
        QualityError: a required quality was not reached; the run is complete nevertheless.
    """
    from feinschliff.cli._errors import telling
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
        with telling((result["config"] or {})["output_dir"]):
            print_summary(result)
