"""`feinschliff tune`: try settings on data before a run."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from feinschliff.cli import _options as options

ROWS = 12
"""Rates shown."""


def tune(
    ctx: typer.Context,
    data: Annotated[str, typer.Argument(metavar="DATA", help="File, folder or hf://owner/name with texts.")],
    lr_range: Annotated[
        bool, typer.Option("--lr-range", help="Let the learning rate rise step by step, and watch the loss.")
    ] = False,
    low: Annotated[float, typer.Option("--low", min=1e-9, help="First rate.")] = 1e-6,
    high: Annotated[float, typer.Option("--high", max=10.0, help="Last rate.")] = 1e-2,
    steps: Annotated[int, typer.Option("--steps", min=10, help="Steps between them.")] = 100,
    model: options.Model = None,
    text: options.Text = None,
    label: options.Label = None,
    format: options.Format = None,
    set_: options.Overrides = None,
    config: options.Config = None,
    json: options.AsJson = False,
) -> None:
    """Try learning rates on the training part of the data; nothing is written, test texts are not used.

    The rate at which the loss falls fastest is a peak rate to try: --set train.learning_rate=RATE. What
    decides is the score on dev of a whole run.
    """
    from feinschliff.cli._output import console, print_json, table
    from feinschliff.cli._progress import Display
    from feinschliff.config import load_config
    from feinschliff.errors import ConfigError, command
    from feinschliff.pipeline import learning_rate_range

    if not lr_range:
        raise ConfigError("nothing to try is named", where="tune", hint="Add --lr-range")
    if not low < high:
        raise ConfigError(f"{low} is not below {high}", where="--low", hint="Give --low less than --high")
    source = {"data.train": data, "data.text": text, "data.label": label, "data.format": format}
    chosen = load_config(config, set_ or (), source | {"model.source": model})
    with Display(ctx.obj["quiet"] or json) as display:
        found = learning_rate_range(chosen, low, high, steps, display)
    if json:
        print_json(found.__dict__)
        return
    screen = console()
    rows: Any = table("rate", "mean loss", "", right=("rate", "mean loss"))
    step = max(1, len(found.rates) // ROWS)
    shown = sorted(
        {*range(0, len(found.rates), step), *map(found.rates.index, (found.steepest, found.lowest))}
    )
    for index in shown:
        rate = found.rates[index]
        notes = ["falls fastest"] * (rate == found.steepest) + ["lowest"] * (rate == found.lowest)
        rows.add_row(f"{rate:.2g}", f"{found.losses[index]:.4f}", ", ".join(notes))
    screen.print(rows)
    named = {"--model": model, "--text": text, "--label": label, "--format": format, "--config": config}
    given = [part for option, value in named.items() if value is not None for part in (option, value)]
    settings = [part for setting in set_ or () for part in ("--set", setting)]
    rate = f"train.learning_rate={found.steepest:.1g}"
    screen.print(f"\nTry: {command('train', data, *given, *settings, '--set', rate)}", soft_wrap=True)
