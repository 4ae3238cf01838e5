"""`feinschliff evaluate`: how good a tuned model is on labelled texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from feinschliff.cli import _options as options


def evaluate(
    model: options.ModelDir,
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="File with labelled texts; - for standard input.")
    ],
    text: options.Text = None,
    label: options.Label = None,
    text_pair: options.TextPair = None,
    format: options.Format = None,
    require: options.Require = None,
    set_: options.ReadingOverrides = None,
    json: options.AsJson = False,
) -> None:
    """Measure a tuned model on labelled texts it was not tuned on, with confidence intervals."""
    from feinschliff import api
    from feinschliff.cli._output import print_json
    from feinschliff.errors import QualityError
    from feinschliff.evaluate import not_reached

    found = api.evaluate(
        model,
        data,
        text=text,
        label=label,
        text_pair=text_pair,
        require=require or (),
        settings=options.reading(set_, format),
    )
    if json:
        print_json(found)
    else:
        show(found)
    if missed := not_reached(found["requirements"]):
        raise QualityError(f"not reached: {missed}", where=str(model))


def show(found: Mapping[str, Any]) -> None:
    """Print the metrics and the scores of each label."""
    from feinschliff.cli._output import console, table
    from feinschliff.cli._summary import interval

    screen = console()
    screen.print(f"{found['examples']:,} examples, with 95 % confidence intervals\n")
    given = found.get("given")
    rows = table("metric", "value", *(["of the answers given"] if given else []))
    names = [found["primary_metric"], *(n for n in found["metrics"] if n != found["primary_metric"])]
    for name in names:
        own = given["metrics"].get(name) if given else None
        rows.add_row(
            name, interval(found["metrics"][name]), *([interval(own) if own else "-"] if given else [])
        )
    screen.print(rows)
    if given:
        screen.print(f"Answered: {interval(given['answered'])} of the texts; the first column counts all.")
    if found["marked"]:
        column = found["marked"]
        screen.print(f"Only the rows that '{column}' marks for test: the model learnt from the others.")
    if found["trained_on"]:
        console(stderr=True).print(
            "Warning: the model learnt from this file, so the scores flatter it; "
            "those of the part it did not see are in its run's report"
        )
    if unknown := found["unknown_labels"]:
        named = ", ".join(f"{name} ({count:,})" for name, count in unknown.items())
        console(stderr=True).print(f"Warning: the model does not know, and always misses: {named}")
    if found["per_class"]:
        rows = table("label", "precision", "recall", "f1", "examples", right=("examples",))
        for row in found["per_class"]:
            scores = (interval(row[name]) for name in ("precision", "recall", "f1"))
            rows.add_row(row["label"], *scores, f"{row['support']:,}")
        screen.print()
        screen.print(rows)
