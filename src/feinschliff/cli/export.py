"""`feinschliff export`: a tuned model for another runtime, checked against the original."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from feinschliff.cli import _options as options

SHOWN = 5
"""Texts answered otherwise that a refusal shows."""


def export(
    model: Annotated[Path, typer.Argument(metavar="MODEL_DIR", help="A run's folder, or its model folder.")],
    to: Annotated[str, typer.Option("--to", help="Target: onnx.")] = "onnx",
    int8: Annotated[bool, typer.Option("--int8", help="Quantise to 8 bits: smaller, less exact.")] = False,
    data: Annotated[
        str | None,
        typer.Option(
            "--data", metavar="FILE", help="Texts to compare on; the run's test texts if not given."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="New folder; RUN/onnx if not given.")
    ] = None,
    max_loss: Annotated[
        float, typer.Option("--max-loss", min=0, max=1, help="Largest loss of the primary metric.")
    ] = 0.005,
    text: options.Text = None,
    label: options.Label = None,
    json: options.AsJson = False,
) -> None:
    """Export a model and compare every answer with the original's; beyond --max-loss nothing is written."""
    import shutil

    from feinschliff import registry
    from feinschliff.api import understand
    from feinschliff.bundle import find, load
    from feinschliff.cli._output import console, print_json
    from feinschliff.data import records_for
    from feinschliff.errors import ConfigError, QualityError
    from feinschliff.exporters._gate import check

    target = registry.load("exporters", to)
    source = find(model)
    precision = "int8" if int8 else "float32"
    folder = output or source.parent / (f"{to}-int8" if int8 else to)
    if folder.exists():
        raise ConfigError("exists already", where=str(folder), hint="Name another folder with -o")
    texts = data or str(source.parent / "predictions" / "test.jsonl")
    if not data and not Path(texts).is_file():
        raise ConfigError(
            "there are no test texts beside the model", where=str(model), hint="Name some: --data FILE"
        )
    original = load(source, "cpu")
    labelled = label is not None or data is None
    named = {"text": text or (None if data else "text"), "label": label or (None if data else "label")}
    named["text_pair"] = "text_pair" if original.spec.reading.pairs and not data else None
    tables, columns = understand(original, texts, named, labelled=labelled)
    records = records_for(columns, next(tables), original.task, labelled=labelled)
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        target.export(original, part, precision)
        found = check(original, load(part), records)
        if found["loss"] <= max_loss:
            part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    shown = found["differences"][:SHOWN]
    if json:
        print_json({**found, "folder": str(folder), "allowed": max_loss})
    else:
        console().print(
            f"{found['equal']:.2%} of {found['texts']:,} texts are answered alike; loss {found['loss']:.4f}"
        )
        for row in shown:
            console().print(
                f"  row {row['row']}: {row['original']} became {row['export']}: {row['text'][:80]}"
            )
    if found["loss"] > max_loss:
        raise QualityError(
            f"the export loses {found['loss']:.4f}, more than {max_loss}; it was not kept", where=str(folder)
        )
