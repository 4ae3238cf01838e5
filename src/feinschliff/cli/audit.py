"""`feinschliff audit`: look at data before anything is trained on it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from feinschliff.cli import _options as options

if TYPE_CHECKING:
    import pyarrow as pa

    from feinschliff.config import RunConfig
    from feinschliff.data import Dataset, Finding
    from feinschliff.readers import Table

STYLES = {"error": "bold red", "warning": "yellow", "info": "cyan"}


def audit(
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="File, folder or hf://owner/name with texts; - for stdin.")
    ],
    test: Annotated[
        str | None, typer.Option("--test", metavar="FILE", help="Data for the final scores.")
    ] = None,
    dev: Annotated[
        str | None, typer.Option("--dev", metavar="FILE", help="Data for choosing epochs and thresholds.")
    ] = None,
    text: options.Text = None,
    label: options.Label = None,
    text_pair: options.TextPair = None,
    group: Annotated[
        str | None,
        typer.Option("--group", metavar="COLUMN", help="Column whose values stay on one side of a split."),
    ] = None,
    task: options.Task = None,
    format: options.Format = None,
    write_clean: Annotated[
        Path | None,
        typer.Option(
            "--write-clean",
            metavar="FILE",
            help="Write the rows of DATA that are not removed, and FILE.removed.csv with the others.",
        ),
    ] = None,
    label_errors: Annotated[
        Path | None,
        typer.Option(
            "--label-errors",
            metavar="FILE",
            help="Write the rows whose labels are to be looked at, because a TF-IDF model that has not seen "
            "them says otherwise. A run writes such a list too, by a better model.",
        ),
    ] = None,
    relabel: Annotated[
        Path | None,
        typer.Option(
            "--relabel",
            metavar="FILE",
            help="Apply such a list: what stands in its column new_label becomes the label, - removes the "
            "row, [] takes all its labels away. Keep the result with --write-clean.",
        ),
    ] = None,
    examples: Annotated[int, typer.Option("--examples", min=0, max=5, help="Examples of a finding.")] = 2,
    set_: options.Overrides = None,
    config: options.Config = None,
    json: options.AsJson = False,
) -> None:
    """Judge data before training: duplicates, leakage, contradictions, damage, and what is done about them.

    Ends with exit code 3 when something is found that data.refuse names.
    """
    from feinschliff.config import load_config
    from feinschliff.data.prepare import REFUSED, examine
    from feinschliff.errors import DataError
    from feinschliff.readers import read

    _keep_inputs([data, test, dev, relabel], [write_clean, label_errors])
    named = {
        "data.train": data,
        "data.test": test,
        "data.dev": dev,
        "data.text": text,
        "data.label": label,
        "data.text_pair": text_pair,
        "data.group": group,
        "data.format": format,
        "task": task,
    }
    chosen = load_config(config, set_ or (), named)
    table = read(data, chosen.data)
    if relabel is not None:
        table = _relabelled(table, chosen, relabel)
    dataset = examine(chosen, table)
    if label_errors is not None:
        _write_label_errors(dataset, chosen, label_errors)
    if write_clean is not None:
        _write_clean(dataset, table.with_empty_cells(), write_clean)
    if json:
        from feinschliff.cli._output import print_json

        print_json(as_json(dataset))
    else:
        show(dataset, examples)
        if write_clean is not None:
            from feinschliff.cli._output import console

            console().print(f"\nwritten: {write_clean}, {_removed_path(write_clean)}")
    refused = [f.kind for f in dataset.findings if f.action == REFUSED]
    if refused:
        raise DataError(f"refused because of {', '.join(refused)}", where="data.refuse")


def as_json(dataset: Dataset) -> dict[str, Any]:
    """Return what was understood and found, for programs."""
    from dataclasses import asdict

    return {
        "task": dataset.task,
        "columns": asdict(dataset.columns),
        "labels": list(dataset.labels),
        "splits": {name: len(getattr(dataset, name)) for name in ("train", "dev", "test")},
        "fingerprint": dataset.fingerprint,
        "notes": list(dataset.notes),
        "findings": [asdict(finding) for finding in dataset.findings],
        "removed": list(dataset.removed),
    }


def show(dataset: Dataset, num_examples: int) -> None:
    """Print what was understood and found, for people."""
    from feinschliff.cli._output import console
    from feinschliff.errors import counted

    screen = console()
    screen.print(dataset.columns.reason)
    for note in dataset.notes:
        screen.print(f"({note})")
    sizes = ", ".join(f"{name} {len(getattr(dataset, name)):,}" for name in ("train", "dev", "test"))
    screen.print(f"would train on: {sizes}; {counted(len(dataset.removed), 'row')} left out\n")
    if not dataset.findings:
        screen.print("nothing found")
    for finding in dataset.findings:
        _show_finding(screen, finding, num_examples)


def _show_finding(screen: Any, finding: Finding, num_examples: int) -> None:
    from rich.text import Text

    head = Text(f"{finding.severity:8}", style=STYLES[finding.severity])
    head.append(f"{finding.count:>9,}  ", style="bold")
    head.append(finding.kind, style="bold")
    screen.print(head)
    indent = " " * 19
    screen.print(f"{indent}{finding.message}")
    screen.print(f"{indent}→ {finding.action}")
    for example in finding.examples[:num_examples]:
        detail = f" ({example['detail']})" if example["detail"] else ""
        screen.print(Text(f"{indent}{example['place']}: {example['text'][:90]}{detail}", style="dim"))


def _relabelled(table: Table, config: RunConfig, path: Path) -> Table:
    """Return the table with what a person decided, and say how much that was."""
    from feinschliff.cli._output import console
    from feinschliff.config import DataConfig
    from feinschliff.data import infer
    from feinschliff.data.relabel import relabel
    from feinschliff.errors import counted
    from feinschliff.readers import read

    found = relabel(table, infer(table, config, True), read(path, DataConfig()))
    others = f"; {counted(found.elsewhere, 'is', 'are')} of other files" if found.elsewhere else ""
    console(stderr=True).print(
        f"{counted(found.changed, 'label')} changed, {counted(found.removed, 'row')} removed{others}"
    )
    return found.table


def _write_label_errors(dataset: Dataset, config: RunConfig, path: Path) -> None:
    """Write the rows of all splits whose labels are to be looked at, the most suspicious first."""
    from dataclasses import replace

    import pyarrow as pa

    from feinschliff import registry
    from feinschliff.baselines._cross import cross_predict
    from feinschliff.cli._output import console
    from feinschliff.data import Records
    from feinschliff.errors import ConfigError, counted
    from feinschliff.readers import write_table
    from feinschliff.report.doubts import KINDS, as_table, label_error_rows

    if dataset.kind not in KINDS:
        raise ConfigError(
            f"looks for wrong labels in {' and '.join(KINDS)}, not in {dataset.task}", where="--label-errors"
        )

    parts = [part.table for part in (dataset.train, dataset.dev, dataset.test) if len(part)]
    every = Records(pa.concat_tables(parts).combine_chunks())
    whole = replace(dataset, train=every, dev=every.take([]), test=every.take([]))
    tfidf: Any = registry.load("baselines", "tfidf")
    no_vectors: Any = None  # it reads texts
    rows, count, _ = label_error_rows("", every, cross_predict(tfidf, whole, config, no_vectors))
    write_table(as_table(rows, dataset.columns.separator).drop_columns(["split"]), path)
    fewer = f"; the first {len(rows):,} are listed" if len(rows) < count else ""
    console(stderr=True).print(
        f"{counted(count, 'label')} to look at, the most suspicious first{fewer}; many will be right: {path}"
    )


def _write_clean(dataset: Dataset, columns: pa.Table, path: Path) -> None:
    """Write the kept rows as they were, and the removed ones with the reason."""
    import pyarrow as pa

    from feinschliff.data.prepare import SPLIT_ONLY
    from feinschliff.readers import write_table

    write_table(columns.take(pa.array(dataset.kept)), path)
    removed = [r for r in dataset.removed if not r["reason"].startswith(SPLIT_ONLY)]
    schema = pa.schema([(name, pa.string()) for name in ("place", "text", "reason")])
    write_table(pa.Table.from_pylist(removed, schema=schema), _removed_path(path))


def _removed_path(path: Path) -> Path:
    return path.with_name(path.name + ".removed.csv")


def _keep_inputs(inputs: Sequence[str | Path | None], outputs: Sequence[Path | None]) -> None:
    """Raise ConfigError where a file to write is one that is read, or is written twice."""
    from os.path import realpath

    from feinschliff.errors import ConfigError

    taken = {realpath(name) for name in inputs if name is not None}
    for path in outputs:
        for each in (path, _removed_path(path)) if path is not None else ():
            if realpath(each) in taken:
                raise ConfigError("is read, too, or written twice", where=str(each), hint="Name another file")
            taken.add(realpath(each))
