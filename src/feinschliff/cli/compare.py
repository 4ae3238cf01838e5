"""`feinschliff compare`: which of several finished runs is better, and could it be chance?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from feinschliff.cli import _options as options


def compare(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Folders of finished runs.")],
    metric: Annotated[
        str | None, typer.Option("--metric", help="Metric to test; the task's primary one if not given.")
    ] = None,
    same_test: Annotated[
        bool,
        typer.Option("--same-test", help="Accept runs on different training data with the same test texts."),
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write a page that shows two runs side by side."),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option("--language", help="Language of the page: en or de."),
    ] = None,
    json: options.AsJson = False,
) -> None:
    """Compare finished runs on the test texts they share, with paired tests.

    Runs whose data or split differ are refused with exit code 3.
    """
    from feinschliff import api
    from feinschliff.cli._output import print_json
    from feinschliff.errors import ConfigError

    if language and html is None:
        raise ConfigError("is the language of the page", where="--language", hint="Add --html FILE")
    found = api.compare(*runs, metric=metric, same_test=same_test, html=html, language=language)
    if json:
        print_json(found)
    else:
        show(found, html)


def show(found: Mapping[str, Any], html: Path | None = None) -> None:
    """Print the runs, best first, and what the paired tests say."""
    from feinschliff.cli._output import console, table
    from feinschliff.cli._progress import duration
    from feinschliff.cli._summary import chance, interval
    from feinschliff.evaluate import LOWER_IS_BETTER

    screen, metric = console(), found["metric"]
    sign = 1 if metric in LOWER_IS_BETTER else -1
    more = [m for m in ("accuracy", "exact_match", "entity_precision", "rmse") if m != metric]
    shown = [metric, *[m for m in more if m in found["runs"][0]["metrics"]][:1]]
    rows = table("run", "model", *shown, "training", right=("training",))
    for run in sorted(found["runs"], key=lambda run: sign * run["metrics"][metric]["value"]):
        seconds = run["train_seconds"]
        rows.add_row(
            run["run"],
            run["model"],
            *(interval(run["metrics"].get(name)) for name in shown),
            "" if seconds is None else duration(seconds),
        )
    screen.print(
        f"On the same {found['examples']:,} test examples, "
        f"with {found['confidence']:.0%} confidence intervals:\n"
    )
    screen.print(rows)
    screen.print()
    for row in found["comparisons"]:
        p = row["p_value_corrected"]
        clear = p < 1 - found["confidence"] and row["difference"]
        better = row["a"] if (row["difference"] > 0) == (metric not in LOWER_IS_BETTER) else row["b"]
        reading = f"{better} is better" if clear else "no clear difference"
        screen.print(
            f"{row['a']} against {row['b']}: {row['difference']:+.3f} {metric} "
            f"[{row['low']:+.3f}, {row['high']:+.3f}], "
            f"{chance(p, len(found['comparisons']))}: {reading}"
        )
    if html:
        screen.print(f"\nSide by side  {html}")
