"""`feinschliff tune`: try settings on data before a run."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import TYPE_CHECKING, Annotated, Any

import typer

from feinschliff.cli import _options as options

if TYPE_CHECKING:
    from feinschliff.pipeline.search import Trial
    from feinschliff.train.rates import RangeTest

ROWS = 12
"""Rates shown."""


def tune(
    ctx: typer.Context,
    data: Annotated[str, typer.Argument(metavar="DATA", help="File, folder or hf://owner/name with texts.")],
    try_: Annotated[
        list[str] | None,
        typer.Option(
            "--try",
            metavar="NAME=VALUE,VALUE",
            help="Train with each value of a setting (train.epochs=2,4); repeatable, for all combinations.",
        ),
    ] = None,
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
    """Try settings on the training part of the data; nothing is written, test texts are not used.

    With --try, whole trainings are compared by their scores on dev, each with the settings as they are. The
    best of several is partly the luckiest; what it is worth says the test of the run that is made with it.

    With --lr-range, the rate at which the loss falls fastest is a peak rate to try.
    """
    from feinschliff.cli._output import print_json
    from feinschliff.cli._progress import Display
    from feinschliff.config import load_config
    from feinschliff.errors import ConfigError
    from feinschliff.pipeline import learning_rate_range, try_settings

    if lr_range == bool(try_):
        fact = "two things to try are named" if lr_range else "nothing to try is named"
        raise ConfigError(fact, where="tune", hint="Add --lr-range, or --try train.learning_rate=5e-5,1e-4")
    if not low < high:
        raise ConfigError(f"{low} is not below {high}", where="--low", hint="Give --low less than --high")
    source = {"data.train": data, "data.text": text, "data.label": label, "data.format": format}
    values = source | {"model.source": model}
    chosen = load_config(config, set_ or (), values)
    trials = [
        (each, load_config(config, (*(set_ or ()), *each), values)) for each in combinations(try_ or ())
    ]
    with Display(ctx.obj["quiet"] or json) as display:
        if lr_range:
            found = learning_rate_range(chosen, low, high, steps, display)
        else:
            tried = try_settings(chosen, trials, display)
    if json:
        print_json(found.__dict__ if lr_range else [_plain(trial) for trial in tried])
        return
    settings = _show_rates(found) if lr_range else _show_trials(tried)
    named = {"--model": model, "--text": text, "--label": label, "--format": format, "--config": config}
    given = [part for option, value in named.items() if value is not None for part in (option, value)]
    _show_command(data, given, (*(set_ or ()), *settings))


def combinations(choices: Iterable[str]) -> list[tuple[str, ...]]:
    """Return every combination of the values of some settings, as overrides.

    Raises:
        ConfigError: a choice is not written as name and values.

    >>> combinations(["train.epochs=2,4", "train.batch_size=8"])
    [('train.epochs=2', 'train.batch_size=8'), ('train.epochs=4', 'train.batch_size=8')]
    """
    from feinschliff.errors import ConfigError

    parts = []
    for choice in choices:
        name, _, values = choice.partition("=")
        each = [value.strip() for value in values.split(",") if value.strip()]
        if not name.strip() or not each:
            raise ConfigError(
                f"'{choice}' names nothing to try",
                where="--try",
                allowed="Write train.learning_rate=5e-5,1e-4",
            )
        parts.append([f"{name.strip()}={value}" for value in dict.fromkeys(each)])
    return list(product(*parts)) if parts else []


def _show_rates(found: RangeTest) -> list[str]:
    """Print the losses by rate, and return the rate to try as an override."""
    from feinschliff.cli._output import console, table

    rows: Any = table("rate", "mean loss", "", right=("rate", "mean loss"))
    step = max(1, len(found.rates) // ROWS)
    shown = sorted(
        {*range(0, len(found.rates), step), *map(found.rates.index, (found.steepest, found.lowest))}
    )
    for index in shown:
        rate = found.rates[index]
        notes = ["falls fastest"] * (rate == found.steepest) + ["lowest"] * (rate == found.lowest)
        rows.add_row(f"{rate:.2g}", f"{found.losses[index]:.4f}", ", ".join(notes))
    console().print(rows)
    return [f"train.learning_rate={found.steepest:.1g}"]


def _show_trials(found: list[Trial]) -> list[str]:
    """Print the trials, the best first, and return the settings of the best."""
    from feinschliff.cli._output import console, table
    from feinschliff.cli._progress import duration

    screen = console()
    metric = next(trial.gain.metric for trial in found if trial.gain)
    rows: Any = table("settings", f"{metric} on dev", "gain", "p", "time", right=("time",))
    ranked = sorted(found, key=lambda trial: -trial.score.value)
    for trial in ranked:
        gain = trial.gain
        rows.add_row(
            ", ".join(trial.settings) or "as they are",
            f"{trial.score.value:.3f} [{trial.score.low:.3f}, {trial.score.high:.3f}]",
            f"{gain.difference:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]" if gain else "",
            f"{gain.p_value:.3f}" if gain else "",
            duration(trial.seconds),
        )
    screen.print(rows)
    best = ranked[0]
    clear = best.gain is not None and best.gain.p_value < 0.05
    screen.print(
        f"\n{', '.join(best.settings)} is better than the settings as they are."
        if clear
        else "\nNothing tried is clearly better than the settings as they are.",
        soft_wrap=True,
    )
    return list(best.settings)


def _show_command(data: str, given: list[Any], settings: Iterable[str]) -> None:
    from feinschliff.cli._output import console
    from feinschliff.errors import command

    last = {setting.partition("=")[0].strip(): setting for setting in settings}
    parts = [part for setting in last.values() for part in ("--set", setting)]
    console().print(f"\nTry: {command('train', data, *given, *parts)}", soft_wrap=True)


def _plain(trial: Trial) -> dict[str, Any]:
    return {
        "settings": trial.settings,
        "score": trial.score.as_dict(),
        "gain": None if trial.gain is None else trial.gain.__dict__,
        "seconds": round(trial.seconds, 1),
    }
