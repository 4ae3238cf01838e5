"""`feinschliff predict`: a tuned model reads a file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from feinschliff.cli import _options as options

if TYPE_CHECKING:
    import pyarrow as pa

    from feinschliff.bundle import Model
    from feinschliff.data import Columns
    from feinschliff.readers import Table

CHUNK_ROWS = 4096
"""Rows read, predicted and written at a time."""


def predict(
    ctx: typer.Context,
    model: options.ModelDir,
    data: Annotated[str, typer.Argument(metavar="INPUT", help="File with texts; - for standard input.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="File to write: .csv, .tsv, .jsonl, .parquet, or .conll (entities). JSON Lines to stdout if "
            "not given; on a terminal, entities are marked in the text.",
        ),
    ] = None,
    text: options.Text = None,
    text_pair: options.TextPair = None,
    format: options.Format = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    explain: Annotated[
        bool, typer.Option("--explain", help="Add which words speak for each prediction; slow.")
    ] = False,
    label_columns: Annotated[
        bool,
        typer.Option(
            "--label-columns", help="Add a column with the probability of each label, for spreadsheets."
        ),
    ] = False,
    suggest: Annotated[
        int | None,
        typer.Option(
            "--suggest",
            metavar="N",
            min=1,
            help="Write only the N rows to label next, the best ones first.",
        ),
    ] = None,
    runtime: Annotated[
        str,
        typer.Option(
            "--runtime",
            help="auto, torch or onnx; auto tries both where the run was exported to onnx without --int8 or "
            "--fp16 and the model does not tell novelty, else it is torch.",
        ),
    ] = "auto",
    fast: options.Fast = False,
    set_: options.ReadingOverrides = None,
    tag_scheme: Annotated[
        str | None,
        typer.Option(
            "--tag-scheme", help="Tags of a .conll file: io, iob1, iob2 (if not given), bioes or bilou."
        ),
    ] = None,
    drift: Annotated[
        bool, typer.Option("--drift", help="Compare the texts with those the model was trained on.")
    ] = False,
    drift_json: Annotated[
        Path | None, typer.Option("--drift-json", metavar="FILE", help="Write that comparison as JSON.")
    ] = None,
) -> None:
    """Predict one row for each row of a file, in the same order, all its columns kept.

    Adds the columns prediction, confidence (for one label per text), and probabilities or spans; possible
    where the model promises it; novelty, the share of usual texts that are less unlike the training texts
    (above 0.95 one is unusual; not for entities, nor with --runtime onnx). The prediction is empty where the
    model is not sure enough by the rules it was trained with. A row without text is predicted as an empty
    text. Where the file has a column of such a name, it is kept, and what is added is named new_prediction
    (in all rows; where the column begins later in the file, it is the one that is renamed, input_prediction).

    With --explain, the column explanations holds for each predicted label or entity the words of the text
    and how much each of them speaks for it, or against it, in logits.

    With --suggest, the column suggested says why a row should be labelled: the model is unsure, or the text
    is unusual (novelty above 0.95). The rows come from both lists in turn, equal texts once.

    A .conll file holds tokens and tags only: the tokens of the input where it has some, otherwise words.

    A call that was killed goes on where it was when it is repeated: chunks of predictions are kept beside the
    output until it is complete (not with --drift, which reads everything anew, nor from standard input).

    With --drift, a sample of up to 1,000 different texts, and what the model says about them, is compared
    with what it was trained on: lengths, words, labels, confidence. It takes 100 different texts.
    """
    import os
    import time
    from dataclasses import replace

    from feinschliff.api import understand
    from feinschliff.cli import _entities, _runtime
    from feinschliff.cli._drift import show, watched
    from feinschliff.cli._output import console
    from feinschliff.cli._parts import Parts, key
    from feinschliff.cli._suggest import Suggestions, can_suggest, doubts
    from feinschliff.data import records_for
    from feinschliff.data.derive import derive
    from feinschliff.data.normalise import content_keys
    from feinschliff.errors import ConfigError, counted
    from feinschliff.memory import trim

    watching = drift or drift_json is not None
    named = {"text": text, "text_pair": text_pair}
    chosen = {
        **named,
        "reading": (how := options.reading(set_, format)),
        "device": device,
        "runtime": runtime,
        "explain": explain,
        "fast": fast,
    }
    kept_for = output if not watching and os.path.isfile(data) else None  # noqa: PTH113  (of any length)
    screen = console(stderr=True, quiet=ctx.obj["quiet"])
    with ExitStack() as until_written, writing(output, data) as write:
        tuned, other = _runtime.load(model, runtime, device, fast)
        form = _entities.form(tuned, output, tag_scheme, explain)
        added = added_columns(tuned, explain)
        if label_columns and "probabilities" not in added:
            raise ConfigError(
                f"this model's task is {tuned.task}, which has no probability for each label",
                where="--label-columns",
                hint="Leave it out",
            )
        if suggest and not can_suggest(tuned):
            raise ConfigError("this model does not tell what it is unsure about", where="--suggest")
        if suggest and form == "tags":
            raise ConfigError(
                "a .conll file has no place for reasons", where="--suggest", hint="Write .jsonl"
            )
        suggestions = Suggestions(suggest) if suggest else None
        num_rows, empty, begun = 0, 0, time.monotonic()
        depends = key(model, data, {**chosen, "rows": CHUNK_ROWS}) if kept_for else {}
        parts, columns = understand(tuned, data, named, how, CHUNK_ROWS)
        if text is None and columns.text != tuned.spec.columns.get("text", columns.text):
            screen.print(f"Text: the column '{columns.text}'.")
        kept = until_written.enter_context(Parts(kept_for, depends))
        if kept.num_found:
            screen.print(f"Going on after {kept.num_found * CHUNK_ROWS:,} rows of an interrupted call.")
        names: dict[str, str] = {}
        moved: dict[str, str] = {}
        seen: set[str] = set()
        for number, part in enumerate(parts):
            if other is not None and not explain:
                records = records_for(columns, part, tuned.task)
                best = kept.recall("runtime") or _runtime.faster(tuned, other, records)
                kept.remember("runtime", best)
                screen.print(f"Runtime: {best}, which was faster in a trial.")
                tuned, other = (tuned if best == "torch" else other), None
            for note in part.notes:
                screen.print(f"Note: {note}.")
            if watching and tuned.watch is None:
                watched(tuned, model)
            if number == 0:
                more = [f"probability_{label}" for label in tuned.labels] if label_columns else []
                more += ["suggested"] if suggest else []
                names = {name: added_name(name, part.columns.column_names) for name in [*added, *more]}
                if renamed := ", ".join(f"{name} -> {new}" for name, new in names.items() if new != name):
                    screen.print(f"{part.name} has columns of these names; new ones are added: {renamed}.")
            part = kept_apart(part, names.values(), moved, seen)
            rows = kept.get(number)
            if rows is None:
                rows = with_predictions(tuned, part, columns, names, explain)
                kept.put(number, rows)
            if label_columns:
                rows = with_label_columns(rows, names)
            if suggestions is not None:
                keys = content_keys(records_for(columns, part, tuned.task)).to_pylist()
                suggestions.add(rows, keys, doubts(tuned, rows, names))
            elif form == "rows":
                write(rows)
            else:
                rows = derive(replace(part, columns=rows), columns.text).columns
                if form == "tags":
                    tagged = _entities.tagged(rows, columns.text, names["spans"], tag_scheme or "iob2")
                    write(tagged)
                    empty += sum(not tokens for tokens in tagged["tokens"].to_pylist())
                else:
                    _entities.show(rows, columns.text, names["spans"], tuned.labels)
            num_rows += len(part)
            trim()
        for old, new in moved.items():
            screen.print(f"Note: the column '{old}', which begins later in the file, is named '{new}'.")
        if suggestions is not None:
            best_rows = suggestions.rows(part.name, names["suggested"])
            write(best_rows)
            num_rows = len(best_rows)
    if output:
        seconds = time.monotonic() - begun
        speed = num_rows / max(seconds, 1e-9)
        screen.print(f"Wrote {counted(num_rows, 'row')} to {output} in {seconds:.1f} s ({speed:,.0f} rows/s)")
        if empty:
            screen.print(f"Note: {counted(empty, 'row')} without a word, which a .conll file cannot hold.")
    if tuned.watch is not None:
        show(tuned, drift_json)


@contextmanager
def writing(output: Path | None, data: str) -> Iterator[Callable[[pa.Table], None]]:
    """Give a function that writes rows to the output, or to stdout as JSON Lines.

    Raises:
        ConfigError: the output is the input, or cannot be written.
        DataError: rows bring columns that the first ones had not, and the format cannot take them.
    """
    from feinschliff.errors import ConfigError, DataError
    from feinschliff.readers import ConllWriter, TableWriter

    if output is None:
        yield print_rows
        return
    if data != "-" and output.resolve() == Path(data).resolve():
        raise ConfigError("the output is the input", where=str(output), hint="Name another file with -o")
    names: list[str] = []
    with (ConllWriter if output.suffix.lower() == ".conll" else TableWriter)(output) as writer:

        def write(rows: pa.Table) -> None:
            import pyarrow as pa

            if output.suffix.lower() != ".jsonl":
                names[:] = names or rows.column_names
                more = [n for n in rows.column_names if n not in names]
                if more:
                    raise DataError(
                        f"later rows have columns that the first ones had not: {', '.join(more)}",
                        where=data,
                        hint="Write a .jsonl file, which can take them",
                    )
                for name in set(names) - set(rows.column_names):
                    rows = rows.append_column(name, pa.nulls(rows.num_rows))
                rows = rows.select(names)
            writer.write(rows)

        yield write


def print_rows(rows: pa.Table) -> None:
    """Print rows as JSON Lines."""
    import json
    import sys

    from feinschliff.cli._output import for_programs
    from feinschliff.readers import json_rows

    for_programs()
    for row in json_rows(rows):
        sys.stdout.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")


def with_predictions(
    model: Model, part: Table, columns: Columns, names: Mapping[str, str], explain: bool = False
) -> pa.Table:
    """Return the rows with what the model says about each, and why, as added columns of these names."""
    import numpy as np
    import pyarrow as pa

    from feinschliff.data import records_for

    records = records_for(columns, part, model.task)
    predictions = model.predictions(records)
    found = list(predictions.rows(records))
    if explain:
        explanations = model.explain(records.texts, records.pairs)
        for row, own in zip(found, explanations, strict=True):
            row["explanations"] = [vars(explanation) for explanation in own]
    rows = part.with_empty_cells()
    for name, kind in added_columns(model, explain).items():
        if name == "confidence":
            assert predictions.scores is not None
            values: list[Any] = predictions.scores[np.arange(len(found)), predictions.decided].tolist()
        else:
            values = [row[name] for row in found]
        rows = rows.append_column(names[name], pa.array(values, kind))
    return rows


def with_label_columns(rows: pa.Table, names: Mapping[str, str]) -> pa.Table:
    """Return the rows with the probabilities in a column for each label, too."""
    found = rows[names["probabilities"]].combine_chunks()
    for label, values in zip((field.name for field in found.type), found.flatten(), strict=True):
        rows = rows.append_column(names[f"probability_{label}"], values)
    return rows


def kept_apart(part: Table, names: Collection[str], moved: dict[str, str], seen: set[str]) -> Table:
    """Return later rows of a file with other names for columns that are called as what is added.

    Args:
        names: Of what is added.
        moved: What was renamed so far, old name to new; extended.
        seen: Names of columns that the file had so far; extended.
    """
    from dataclasses import replace

    found = part.columns
    seen.update(found.column_names)
    for name in found.column_names:
        if name not in moved and name in {*names, *moved.values()}:
            moved[name] = added_name(name, {*seen, *names, *moved.values()}, "input_")
    return replace(part, columns=found.rename_columns([moved.get(n, n) for n in found.column_names]))


def added_name(name: str, taken: Collection[str], prefix: str = "new_") -> str:
    """Return the name under which a column is added, or kept: none that is taken."""
    while name in taken:
        name = prefix + name
    return name


def added_columns(model: Model, explain: bool = False) -> dict[str, Any]:
    """Return the columns that a prediction has, with their Arrow types."""
    import pyarrow as pa

    span = {"start": pa.int64(), "end": pa.int64(), "label": pa.string()}
    probabilities = pa.struct([(name, pa.float64()) for name in model.labels])
    found = {
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
    }[model.kind]
    if "possible" in model.spec.decision:
        found["possible"] = pa.list_(pa.float64() if model.kind == "regression" else pa.string())
    if model.novelty is not None:
        found["novelty"] = pa.float64()
    if explain:
        label = pa.struct(span) if model.kind == "ner" else pa.string()
        word = {"text": pa.string(), "start": pa.int64(), "end": pa.int64(), "weight": pa.float64()}
        word |= {"side": pa.string()} if model.spec.reading.pairs else {}
        words = pa.list_(pa.struct(word))
        parts = {"label": label, "words": words, "total": pa.float64(), "gap": pa.float64()}
        found["explanations"] = pa.list_(pa.struct(parts))
    return found
