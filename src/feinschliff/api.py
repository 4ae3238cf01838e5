"""The library's functions: what the command line does, for programs.

Data is a path, `hf://owner/name`, a pandas or polars frame, or rows: dicts, or (text, label) pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feinschliff.config import RunConfig, load_config
from feinschliff.errors import ConfigError

if TYPE_CHECKING:
    from feinschliff.bundle import Model
    from feinschliff.data import Columns, Dataset
    from feinschliff.readers import Table
    from feinschliff.report.result import Result
    from feinschliff.train.events import Listener


def train(
    data: Any = None,
    *,
    test: Any = None,
    dev: Any = None,
    model: str | Path | None = None,
    task: str | None = None,
    text: str | None = None,
    label: str | None = None,
    text_pair: str | None = None,
    group: str | None = None,
    output_dir: str | Path | None = None,
    seed: int | None = None,
    config: RunConfig | str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    listen: Listener | None = None,
) -> Result:
    """Fine-tune a model on labelled texts and measure what the fine-tuning gained.

    Args:
        data, test, dev: Labelled texts; see the top of this page.
        model: Base model: a name of `feinschliff models`, a hub id, or a folder.
        task: `classification`, ...; found in the data if not given.
        text, label, text_pair, group: Columns; found in the data if not given.
        output_dir: New folder for everything the run makes; `runs/<name>-<number>` if not given.
        seed: Seed of everything random.
        config: A configuration, or a YAML file with settings.
        settings: Single settings by their dotted names: {"train.epochs": 2}.
        listen: Told the run's events (`feinschliff.train.events`); nothing is printed.

    Returns:
        The content of the run's `result.json`.

    Raises:
        FeinschliffError: see `feinschliff.errors`; the message says what to do.
    """
    from feinschliff.pipeline import run
    from feinschliff.train.events import ignore

    named = {
        "data.text": text,
        "data.label": label,
        "data.text_pair": text_pair,
        "data.group": group,
        "model.source": None if model is None else str(model),
        "task": task,
        "seed": seed,
        "output_dir": None if output_dir is None else str(output_dir),
    }
    chosen = configure(config, {**named, **(settings or {})})
    sources = {"train": data, "test": test, "dev": dev}
    chosen, tables = place_sources(chosen, sources)
    if chosen.data.train is None and "train" not in tables:
        raise ConfigError("no data was given", where="train", hint="Give a file, a frame, or rows")
    return run(chosen, tables=tables, listen=listen or ignore)


def adapt(
    *corpus: Any,
    output_dir: str | Path,
    model: str | Path | None = None,
    text: str | None = None,
    group: str | None = None,
    general: str | None = None,
    probe: tuple[str, str] | None = None,
    seed: int | None = None,
    config: RunConfig | str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    listen: Listener | None = None,
) -> dict[str, Any]:
    """Go on with the pretraining of a model on raw texts of a domain.

    Args:
        corpus: Texts; see the top of this page, labels are not needed.
        output_dir: New folder; its `model` is a base model for `train`.
        model: Base model: a name of `feinschliff models`, a hub id, or a folder.
        text, group: Columns: the text, and what document a row belongs to.
        general: General texts on which forgetting is watched.
        probe: Labelled texts to train and to test on: does a task gain?
        seed: Seed of everything random.
        config: A configuration, or a YAML file with settings.
        settings: Single settings by their dotted names: {"train.epochs": 2}.
        listen: Told the run's events; nothing is printed.

    Returns:
        The content of the folder's `result.json`; `losses` holds what was measured before and after.

    Raises:
        FeinschliffError: see `feinschliff.errors`; the message says what to do.
    """
    from feinschliff.adapt.run import run
    from feinschliff.train.events import ignore

    named = {
        "data.text": text,
        "data.group": group,
        "adapt.general": general,
        "adapt.probe": probe,
        "model.source": None if model is None else str(model),
        "seed": seed,
        "output_dir": str(output_dir),
    }
    paths = tuple(str(c) for c in corpus) if all(isinstance(c, str | Path) for c in corpus) else None
    if paths:
        named["adapt.corpus"] = paths  # type: ignore[assignment]
    chosen = configure(config, {**named, **(settings or {})})
    return run(chosen, None if paths or not corpus else corpus, listen=listen or ignore)


def audit(
    data: Any,
    *,
    test: Any = None,
    task: str | None = None,
    text: str | None = None,
    label: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Dataset:
    """Look at data as a run does before it trains, and return what was understood and found.

    Args:
        data, test: Texts, with or without labels.
        task, text, label: As for `train`.
        settings: Single settings by their dotted names.

    Returns:
        The dataset; its `findings` are what the audit noticed, `columns` what the columns were taken for.

    Raises:
        ConfigError: a column is missing, or several could be meant.
        DataError: the data cannot be read.
    """
    from feinschliff.data.prepare import examine

    chosen = configure(None, {"task": task, "data.text": text, "data.label": label, **(settings or {})})
    chosen, tables = place_sources(chosen, {"train": data, "test": test})
    return examine(chosen, tables.get("train"), tables.get("test"))


def evaluate(
    model: Model | str | Path,
    data: Any,
    *,
    text: str | None = None,
    label: str | None = None,
    text_pair: str | None = None,
    require: Iterable[str] = (),
    settings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Measure a tuned model on labelled texts.

    Args:
        model: A model, or the folder of one.
        data: Labelled texts the model was not tuned on.
        text, label, text_pair: Columns; those the model was tuned on, or found in the data, if not given.
        require: Qualities such as `macro_f1>=0.85`.
        settings: Single settings by their dotted names, `data` and `evaluate` ones.

    Returns:
        `task`, `primary_metric`, `examples`, `metrics` and `per_class` with intervals, and `requirements`, in
        the form of `result.json`; `unknown_labels`: how often each label stands there that the model does not
        know, and always misses; `trained_on`: whether the data is what the model's run learnt from; for a
        model that may withhold answers also `given`: the share `answered`, and `metrics` of those answers;
        `marked`: the column that marks rows for test where the model learnt from the others of this data, and
        they alone are measured.

    Raises:
        ConfigError: a column is missing, or several could be meant; a requirement that cannot be read.
        DataError: the data cannot be read, rows have no label, or no label is one of the model's.
    """
    from feinschliff.bundle.folder import find
    from feinschliff.data import records_for, unknown_labels
    from feinschliff.data.marked import test_rows
    from feinschliff.evaluate import PRIMARY, intervals, per_class, requirement, statistics
    from feinschliff.evaluate.answered import answered_part
    from feinschliff.report.run_folder import learnt_from

    trained_on = isinstance(model, str | Path) and learnt_from(find(model), data)
    model = _loaded(model)
    asked = [requirement(wish, model.kind, len(model.labels)) for wish in require]
    named = {"text": text, "label": label, "text_pair": text_pair}
    tables, columns = understand(model, data, named, settings, labelled=True)
    table = next(tables)
    marked = model.spec.columns.get("split") if trained_on else None
    rows_apart = test_rows(table, marked) if marked else None
    if rows_apart is not None:
        table = table.take(rows_apart)
    records = records_for(columns, table, model.task, labelled=True)
    unknown = unknown_labels(records, model.kind, model.labels, table.name)
    predictions = model.predictions(records)
    stats = statistics(model.kind, records.targets, predictions, records.groups)
    config = configure(None, settings or {})
    options = config.evaluate
    found = intervals(stats, options.bootstrap_samples, options.confidence, config.seed)
    rows = per_class(records.targets, predictions, options.confidence)
    checks = [(wish.text, *wish.check(found)) for wish in asked]
    return {
        "task": model.task,
        "primary_metric": PRIMARY[model.kind],
        "examples": len(records),
        "columns": {"text": columns.text, "text_pair": columns.text_pair, "label": columns.label},
        "metrics": {name: value.as_dict() for name, value in found.items()},
        "given": answered_part(
            records, predictions, options.bootstrap_samples, options.confidence, config.seed
        ),
        "per_class": [row.as_dict() for row in rows],
        "unknown_labels": unknown,
        "trained_on": trained_on and rows_apart is None,
        "marked": marked if rows_apart is not None else None,
        "requirements": [{"text": t, "reached": ok, "value": value} for t, ok, value in checks],
    }


def compare(
    *runs: str | Path,
    metric: str | None = None,
    same_test: bool = False,
    html: str | Path | None = None,
    language: str | None = None,
) -> dict[str, Any]:
    """Compare finished runs on the test texts they share, with paired tests.

    Args:
        runs: Folders of finished runs, two or more.
        metric: What is tested; the task's primary metric if not given.
        same_test: Accept runs that learnt from different data, as long as their test texts are the same.
        html: File for a page that shows two runs side by side.
        language: Of that page, `en` or `de`; that of the first run's report if not given.

    Returns:
        See `feinschliff.report.comparison.compare_runs`.

    Raises:
        ConfigError: not a finished run; fewer than two; more than two for a page; no such metric.
        DataError: the runs' data or test texts differ.
    """
    from feinschliff.report.comparison import compare_runs, read_run
    from feinschliff.report.result import plain, write_text
    from feinschliff.report.side_by_side import page

    if html is not None and len(runs) != 2:
        raise ConfigError("a page shows two runs side by side", where="--html", hint="Name two runs")
    opened = [read_run(run) for run in runs]
    found = plain(compare_runs(opened, metric, same_test=same_test))
    if html is not None:
        chosen = language or opened[0].result.get("language") or "en"
        write_text(Path(html), page(opened[0], opened[1], found, chosen))
    return found


def configure(config: RunConfig | str | Path | None, values: Mapping[str, Any]) -> RunConfig:
    """Return a configuration with the given settings, None ones skipped.

    Raises:
        ConfigError: an unknown setting, or a value it does not allow.
    """
    if isinstance(config, RunConfig):
        from feinschliff.config import put, validate

        tree = config.model_dump()
        for name, value in values.items():
            if value is not None:
                put(tree, name, value)
        return validate(tree)
    return load_config(config, values=values)


def place_sources(config: RunConfig, sources: Mapping[str, Any]) -> tuple[RunConfig, dict[str, Table]]:
    """Put paths into the configuration, and read everything else.

    Args:
        sources: By split; None ones are skipped.

    Returns:
        The configuration, and the tables of the sources that are no paths.
    """
    from feinschliff.readers import read

    paths = {f"data.{s}": str(v) for s, v in sources.items() if isinstance(v, str | Path)}
    config = configure(config, paths)
    given = {s: v for s, v in sources.items() if v is not None and not isinstance(v, str | Path)}
    return config, {split: read(value, config.data) for split, value in given.items()}


def understand(
    model: Model,
    data: Any,
    named: Mapping[str, str | None],
    settings: Mapping[str, Any] | None = None,
    batch_rows: int | None = None,
    *,
    labelled: bool = False,
) -> tuple[Iterator[Table], Columns]:
    """Read new data for a tuned model, and decide what its columns are.

    Args:
        named: `text`, `text_pair`, `label`: columns named by the user, or None.
        settings: Single settings by their dotted names.
        batch_rows: Rows of a table; None reads all into one.
        labelled: Whether a label column is needed.

    Returns:
        The rows, in one table or many, and the columns, as found in the first.
    """
    from feinschliff.data import infer, separator_for
    from feinschliff.data.derive import derive
    from feinschliff.data.profile import simplify
    from feinschliff.readers import iter_batches, read

    config = configure(None, {"task": model.task if labelled else None, **(settings or {})})
    if batch_rows is None:
        tables = iter([read(data, config.data)])
    else:
        tables = iter_batches(data, config.data, batch_rows)
    first = next(tables)
    if not labelled and config.data.header is None and _begins_with_text(first, model, data):
        headless = {**(settings or {}), "data.header": False}
        tables, columns = understand(model, data, named, headless, batch_rows)
        first = next(tables)
        note = "the first line is taken for a text; if it names the column: --set data.header=true"
        return chain([replace(first, notes=(*first.notes, note))], tables), columns
    chosen = dict(named)
    for role, name in model.spec.columns.items():
        if role in chosen and chosen[role] is None and name in derive(first, name).columns.column_names:
            chosen[role] = name
    if chosen.get("text") and not model.spec.reading.pairs:
        chosen["text_pair"] = chosen.get("text_pair") or "none"
    config = configure(config, {f"data.{role}": name for role, name in chosen.items()})
    columns = infer(first, config, labelled)
    if columns.text_pair and not model.spec.reading.pairs and chosen.get("text_pair") is None:
        raise ConfigError(
            f"'{columns.text}' and '{columns.text_pair}' could be the text, and the model reads one",
            where=first.name,
            hint=f"Name it: --text {columns.text} or --text {columns.text_pair}",
        )
    if labelled and model.kind == "multilabel":
        known = derive(simplify(first), columns.label)
        separator = separator_for(known, columns.label, model.labels)
        columns = replace(columns, separator=separator)
    columns = replace(columns, dash_is_none="-" not in model.labels)
    if (group := model.spec.columns.get("group")) in first.columns.column_names:
        columns = replace(columns, group=group)
    return chain([first], (_complete(table, columns) for table in tables)), columns


def _begins_with_text(first: Table, model: Model, data: Any) -> bool:
    """Return whether what names the only column of a file is a text like those below it."""
    from feinschliff.data.infer import is_text

    (name, *more), lines = first.columns.column_names, first.lines
    below = lines is not None and lines[0].as_py() > 1 and isinstance(data, str | Path)
    if more or not below or name in model.spec.columns.values() or not Path(data).is_file():
        return False
    return is_text(name, first)


def _complete(table: Table, columns: Columns) -> Table:
    """Return a later part of a file with the columns of texts; no row of it may have had one."""
    import pyarrow as pa

    for name in (columns.text, columns.text_pair):
        if name and name not in table.columns.column_names and "." not in name:
            empty = pa.nulls(len(table), pa.string())
            table = replace(table, columns=table.columns.append_column(name, empty))
    return table


def _loaded(model: Model | str | Path) -> Model:
    from feinschliff.bundle import load

    return load(model) if isinstance(model, str | Path) else model
