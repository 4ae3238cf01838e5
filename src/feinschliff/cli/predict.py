"""`feinschliff predict`: a tuned model reads a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from feinschliff.cli import _options as options
from feinschliff.cli._write import new_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from feinschliff.bundle import Model
    from feinschliff.readers import Table

CHUNK = 4096
"""Rows predicted and written at a time."""


def predict(
    ctx: typer.Context,
    model: Annotated[Path, typer.Argument(metavar="MODEL_DIR", help="A run's folder, or its model folder.")],
    data: Annotated[str, typer.Argument(metavar="INPUT", help="File with texts; - for standard input.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where to write: .csv, .tsv, .jsonl or .parquet; JSONL to stdout if not given.",
        ),
    ] = None,
    text: options.Text = None,
    text_pair: options.TextPair = None,
    format: options.Format = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
) -> None:
    """Predict one row for each row of a file, in the same order, all its columns kept.

    Adds the columns prediction, confidence (for one label per text), and probabilities or spans. A row
    without text is predicted as an empty text.
    """
    import time

    from feinschliff.api import understand
    from feinschliff.bundle import load
    from feinschliff.cli._output import console
    from feinschliff.cli._write import check_target, merged, rows_to
    from feinschliff.errors import ConfigError

    if output:
        check_target(output)
        if output.exists() and output.resolve() == Path(data).resolve():
            raise ConfigError("the output is the input", where=str(output), hint="Name another file with -o")
    tuned = load(model, device)
    named = {"text": text, "text_pair": text_pair}
    table, columns, _ = understand(tuned, data, named, labelled=False, settings={"data.format": format})
    begun = time.monotonic()
    with rows_to(output, output_schema(tuned, table)) as write:
        for part in chunks(table):
            write(list(merged(part.columns.to_pylist(), found(tuned, part, columns))))
    if not ctx.obj["quiet"] and output is not None:
        seconds = time.monotonic() - begun
        speed = len(table) / max(seconds, 1e-9)
        console(stderr=True).print(
            f"Wrote {len(table):,} rows to {output} in {seconds:.1f} s ({speed:,.0f} rows/s)"
        )


def chunks(table: Table) -> Iterator[Table]:
    """Yield the table in parts of `CHUNK` rows."""
    from dataclasses import replace

    for start in range(0, len(table), CHUNK):
        lines = None if table.lines is None else table.lines.slice(start, CHUNK)
        yield replace(table, columns=table.columns.slice(start, CHUNK), lines=lines)


def found(model: Model, table: Table, columns: Any) -> Iterator[dict[str, Any]]:
    """Yield what the model says about each row, as columns to add."""
    from feinschliff.data import records_for

    records = records_for(columns, table, model.task)
    predictions = model.predictions(records)
    for index, row in enumerate(predictions.rows(records)):
        more = {"prediction": row["prediction"]}
        if predictions.task == "classification" and predictions.scores is not None:
            more["confidence"] = round(float(predictions.scores[index].max()), 6)
        yield more | {name: row[name] for name in ("probabilities", "spans") if name in row}


def output_schema(model: Model, table: Table) -> Any:
    """Return the Arrow schema of the rows that `found` and the input make together."""
    import pyarrow as pa

    span = {"start": pa.int64(), "end": pa.int64(), "label": pa.string()}
    probabilities = pa.struct([(name, pa.float64()) for name in model.labels])
    added: dict[str, Any] = {
        "classification": {
            "prediction": pa.string(),
            "confidence": pa.float64(),
            "probabilities": probabilities,
        },
        "multilabel": {"prediction": pa.list_(pa.string()), "probabilities": probabilities},
        "regression": {"prediction": pa.float64()},
        "ner": {
            "prediction": pa.list_(pa.struct(span)),
            "spans": pa.list_(pa.struct(span | {"score": pa.float64(), "text": pa.string()})),
        },
    }[model.task]
    schema = table.columns.schema
    for name, kind in added.items():
        schema = schema.append(pa.field(new_name(name, table.columns.column_names), kind))
    return schema
