"""`feinschliff export`: a tuned model for another runtime, checked against the original."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from feinschliff.cli import _options as options

if TYPE_CHECKING:
    from feinschliff.bundle import Model
    from feinschliff.data import Records

SHOWN = 5
"""Texts answered otherwise that are shown."""
CALIBRATION_TEXTS = 500
"""Texts that int8 is calibrated with, drawn from the first `READ_ROWS` rows of a file."""
READ_ROWS = 20_000


def export(
    model: options.ModelDir,
    to: Annotated[str, typer.Option("--to", help="Target: onnx.")] = "onnx",
    int8: Annotated[bool, typer.Option("--int8", help="8 bits: smaller and faster, less exact.")] = False,
    fp16: Annotated[bool, typer.Option("--fp16", help="16 bits: half the size, for GPUs.")] = False,
    recheck: Annotated[
        bool,
        typer.Option(
            "--recheck",
            help="With --int8: compute texts near a boundary in float32, too; four times the size.",
        ),
    ] = False,
    calibrate: Annotated[
        str | None,
        typer.Option(
            "--calibrate",
            metavar="FILE",
            help="Texts like those to come, for --int8; the run's training texts if not given.",
        ),
    ] = None,
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
    from inspect import signature

    from feinschliff import registry
    from feinschliff.api import understand
    from feinschliff.bundle import find, hub, load
    from feinschliff.cli._output import console, print_json
    from feinschliff.data import records_for
    from feinschliff.errors import ConfigError, QualityError
    from feinschliff.exporters._gate import check
    from feinschliff.files import beside
    from feinschliff.models.digest import weights_digest

    if int8 and fp16:
        raise ConfigError("choose one of --int8 and --fp16", where="export")
    if calibrate and not int8:
        raise ConfigError("only --int8 is calibrated", where="--calibrate", hint="Add --int8")
    if recheck and not int8:
        raise ConfigError("only --int8 has decisions to check", where="--recheck", hint="Add --int8")
    target = registry.load("exporters", to)
    source = find(model)
    if output is None and hub.address(model):
        raise ConfigError(
            "a model of the hub has no folder for exports", where="export", hint="Name one: -o DIR"
        )
    precision = "int8" if int8 else "float16" if fp16 else "float32"
    if precision not in target.PRECISIONS:
        raise ConfigError(f"cannot be written in {precision}", where=to, allowed=", ".join(target.PRECISIONS))
    wishes = {"recheck": True} if recheck else {}
    if not wishes.keys() <= signature(target.export).parameters.keys():
        raise ConfigError("this target cannot check decisions", where="--recheck", hint="Leave it out")
    folder = output or source.parent / (to + ("-int8" if int8 else "-fp16" if fp16 else ""))
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
    known = calibration_texts(original, source, calibrate, records) if int8 else None
    if int8 and known is None and not json:
        console(stderr=True).print(
            "There are no training texts to calibrate with, so each batch is quantised by its own range: "
            "slower and less exact. Name some: --calibrate FILE"
        )
    with beside(folder) as part:
        target.export(original, part, precision, known, **wishes)
        found = check(original, load(part), records)
        if found["loss"] <= max_loss:
            checked = {key: value for key, value in found.items() if key != "differences"}
            note(part, checked=checked, weights_sha256=weights_digest(source))
            part.rename(folder)
    if json:
        print_json({**found, "folder": str(folder), "allowed": max_loss})
    else:
        show(found)
        if folder.exists():
            console().print(f"Wrote {folder}")
    if found["loss"] > max_loss:
        raise QualityError(
            f"the export loses {found['loss']:.4f}, more than {max_loss}; it was not kept", where=str(folder)
        )


def calibration_texts(model: Model, folder: Path, given: str | None, compared: Records) -> Records | None:
    """Return texts to calibrate with: the given ones, those the run's configuration names, or None.

    Of the run's own texts, those that the export is compared on are left out: it shall not be judged by
    texts that it was made for.

    Raises:
        ConfigError: the given file is not there, or has no texts.
    """
    import numpy as np
    import pyarrow.compute as pc

    from feinschliff.api import understand
    from feinschliff.config import load_config
    from feinschliff.data import records_for
    from feinschliff.data.normalise import content_keys
    from feinschliff.readers import READING

    settings: dict[str, Any] = {}
    own = given is None
    if given is None:
        path = folder.parent / "config.yaml"
        if not path.is_file():
            return None
        data = load_config(path).data
        if data.train is None or not Path(data.train).is_file():
            return None
        given = data.train
        settings = {f"data.{name}": getattr(data, name) for name in READING}
    named = {"text": None, "text_pair": None}
    tables, columns = understand(model, given, named, settings, READ_ROWS)
    records = records_for(columns, next(tables), model.task)
    rows = np.random.default_rng(0).permutation(len(records))
    if own:
        judging = pc.is_in(content_keys(records), content_keys(compared)).to_numpy(zero_copy_only=False)
        rows = rows[~judging[rows]]
    return records.take(np.sort(rows[:CALIBRATION_TEXTS])) if len(rows) else None


def note(folder: Path, **more: Any) -> None:
    """Add to what is known of an exported folder: of which weights it is, how its answers compared."""
    import json

    from feinschliff.models.onnx import EXPORT_FILE
    from feinschliff.report.result import plain

    path = folder / EXPORT_FILE
    facts = {**json.loads(path.read_text(encoding="utf-8")), **plain(more)}
    path.write_text(json.dumps(facts, ensure_ascii=False, indent=1), encoding="utf-8")


def show(found: dict[str, Any]) -> None:
    """Print what the gate found."""
    from feinschliff.cli._output import console

    screen = console()
    screen.print(
        f"{found['equal']:.2%} of {found['texts']:,} texts are answered alike; loss {found['loss']:.4f}"
    )
    if found["metric"]:
        metric = found["metric"]
        drop = f"{metric['drop']:.4f} [{metric['low']:.4f}, {metric['high']:.4f}]"
        screen.print(f"  {metric['name']} of the original minus that of the export: {drop}")
    if found["largest_difference"] is not None:
        screen.print(f"  largest difference of a number in the answers: {found['largest_difference']:.4f}")
    for row in found["differences"][:SHOWN]:
        screen.print(f"  row {row['row']}: {row['original']} became {row['export']}: {row['text'][:80]}")
