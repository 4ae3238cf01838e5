"""From sources to a `Dataset`: read, understand, audit, leave out, split, audit again, fingerprint."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from feinschliff.config import RunConfig
from feinschliff.data import audit
from feinschliff.data.audit._found import DEV, NAMES, TEST, TRAIN, Found, Pool
from feinschliff.data.dataset import Columns, Dataset, Finding, Kind, Records
from feinschliff.data.derive import derive, inner_names, sources
from feinschliff.data.divide import divide
from feinschliff.data.fingerprint import fingerprint
from feinschliff.data.infer import infer, require_column
from feinschliff.data.known import label_counts, unknown_labels
from feinschliff.data.learnable import require_learnable
from feinschliff.data.marked import apart
from feinschliff.data.normalise import normalise
from feinschliff.data.pool import build
from feinschliff.data.profile import simplify
from feinschliff.errors import ConfigError, DataError, counted
from feinschliff.readers import Table

SEVERITIES = ("error", "warning", "info")
ALWAYS_LEFT_OUT = "missing_labels"
REFUSED = "refused"
SPLIT_ONLY = "chained_groups"
"""Rows of this kind are left out of train because of where the split fell; they are not faulty."""


def prepare(
    config: RunConfig, train: Table | None = None, test: Table | None = None, dev: Table | None = None
) -> Dataset:
    """Return the data a run learns from: audited, cleaned, split and fingerprinted.

    Args:
        train, test, dev: Tables instead of the sources named in `config.data`.

    Raises:
        ConfigError: a column or kind of finding that does not exist, or a choice only the user can make.
        DataError: nothing can be learnt from the data, or it holds a kind of finding named in `data.refuse`.
    """
    dataset = examine(config, train, test, dev, labelled=config.task != "unlabelled")
    refused = [f for f in dataset.findings if f.action == REFUSED]
    if refused:
        raise DataError(
            "; ".join(f"{f.kind}: {f.message}" for f in refused),
            where="data.refuse",
            hint="Mend the data (see `feinschliff audit --write-clean`), or drop the kind from data.refuse",
        )
    return dataset


def examine(
    config: RunConfig,
    train: Table | None = None,
    test: Table | None = None,
    dev: Table | None = None,
    labelled: bool | None = None,
) -> Dataset:
    """Do what `prepare` does, but only mark what `data.refuse` names, and allow data without labels.

    Args:
        labelled: True: labels are needed; False: none are looked for; None: take them if there.
    """
    audit.check_kinds(config.data.remove, audit.REMOVABLE, "data.remove")
    audit.check_kinds(config.data.refuse, audit.KINDS, "data.refuse")
    tables = _tables(config, train, dev, test)
    columns = infer(tables[TRAIN], _without_split(config) if len(tables) > 1 else config, labelled)
    tables, rows = _apart(tables, columns)
    roles = (columns.text, columns.text_pair, columns.label, columns.group, columns.id, columns.time)
    tables = {
        side: derive(table if side == TRAIN else _renamed(table, roles), *roles)
        for side, table in tables.items()
    }
    for table in tables.values():
        _require_same_columns(table, columns)
    pool = build(tables, {s: normalise(t, columns) for s, t in tables.items()}, columns)

    found = audit.run(audit.BEFORE_SPLIT, pool)
    reasons = _leave_out(pool, found, config, [TRAIN])
    require_learnable(pool, tables[TRAIN])
    divide(pool, config, tables)
    late = audit.run(audit.AFTER_SPLIT, pool)
    reasons |= _leave_out(pool, late, config, [TRAIN, DEV])
    require_learnable(pool, tables[TRAIN])
    for side, name in enumerate(NAMES):
        if not (pool.split == side).any():
            raise DataError(f"no usable row is left for {name}", where=tables.get(side, tables[TRAIN]).name)

    parts = [pool.records.take(np.flatnonzero(pool.split == s)) for s in (TRAIN, DEV, TEST)]
    labels = _labels(columns.kind, parts)
    learnt = list(label_counts(parts[TRAIN], columns.kind))
    for side in tables.keys() - {TRAIN}:
        unknown_labels(parts[side], columns.kind, learnt, tables[side].name)
    findings = [_decide(f, pool, config) for f in found + late]
    return Dataset(
        task=columns.task,
        labels=labels,
        train=parts[TRAIN],
        dev=parts[DEV],
        test=parts[TEST],
        columns=columns,
        findings=tuple(sorted(findings, key=lambda f: SEVERITIES.index(f.severity))),
        removed=tuple(
            {"place": pool.place(r), "text": pool.text(r), "reason": reasons[r]} for r in sorted(reasons)
        ),
        fingerprint=fingerprint(columns.task, *parts),
        test_fingerprint=fingerprint(columns.task, parts[TEST]),
        notes=tuple(dict.fromkeys(note for t in tables.values() for note in t.notes)),
        kept=np.sort(rows[[reasons.get(r, SPLIT_ONLY).startswith(SPLIT_ONLY) for r in range(len(rows))]]),
    )


def records_for(
    columns: Columns, table: Table, task: str | None = None, *, labelled: bool = False
) -> Records:
    """Return the rows of a new file in normal form: all of them, in their order.

    Args:
        columns: As inferred when the model was trained, or for this table.
        task: The task where it is not `columns.task`.
        labelled: True: every row must have a target (to score them). False: targets come along if complete.

    Raises:
        ConfigError: the text column, or the label column where needed, does not exist.
        DataError: rows without a label where one is needed; texts that are no text.
    """
    columns = dataclasses.replace(columns, task=task or columns.task)
    table = derive(table, columns.text, columns.text_pair, columns.label if labelled else None)
    require_column(table, columns.text, "data.text")
    if columns.text_pair:
        require_column(table, columns.text_pair, "data.text_pair")
    if labelled:
        if columns.label is None:
            raise ConfigError("no label column is known", where=table.name, hint="Name it: --label COLUMN")
        require_column(table, columns.label, "data.label")
    normal = normalise(table, columns, labelled)
    missing = np.flatnonzero(normal.unlabelled)
    if labelled and len(missing):
        places = ", ".join(table.place(int(r)) for r in missing[:3])
        raise DataError(
            f"{counted(len(missing), 'row')} without a label ({places})",
            where=table.name,
            hint="Remove or label them",
        )
    if len(missing):
        return Records(normal.records.table.drop_columns("target"))
    return normal.records


def _tables(
    config: RunConfig, train: Table | None, dev: Table | None, test: Table | None
) -> dict[int, Table]:
    """Return the tables by the split they were given for."""
    tables: dict[int, Table] = {}
    if config.data.train and _is_same(config.data.train, config.data.test):
        raise ConfigError(
            "is named for training and for test, which would measure what was learnt by heart",
            where=config.data.train,
            hint="Leave out --test, and a part is kept for test",
        )
    for side, table, source in (
        (TRAIN, train, config.data.train),
        (DEV, dev, config.data.dev),
        (TEST, test, config.data.test),
    ):
        if table is None and source is not None:
            from feinschliff.readers import read

            table = read(source, config.data)
        if table is not None:
            tables[side] = simplify(table)
    if TRAIN not in tables:
        raise ConfigError("no data is named", where="data.train", hint="Give a file: feinschliff train FILE")
    return tables


def _without_split(config: RunConfig) -> RunConfig:
    """Return the configuration with no column that marks splits, where they are given otherwise.

    Raises:
        ConfigError: such a column is named.
    """
    if (config.data.split or "none").casefold() != "none":
        raise ConfigError(
            "train, dev and test are marked in a column, and given as files",
            where="data.split",
            hint="Leave out --test and data.dev, or data.split",
        )
    return config.model_copy(update={"data": config.data.model_copy(update={"split": "none"})})


def _apart(tables: dict[int, Table], columns: Columns) -> tuple[dict[int, Table], np.ndarray]:
    """Divide the table for train as its column of splits says.

    Returns:
        The tables, and int64, the rows of the source for train in the order in which they stand there now.
    """
    if columns.split is None:
        return tables, np.arange(len(tables[TRAIN]))
    rows = apart(tables[TRAIN], columns.split)
    parts = {side: tables[TRAIN].take(chosen) for side, chosen in rows.items()}
    return parts, np.concatenate(list(rows.values()))


def _is_same(source: str, other: str | None) -> bool:
    return other is not None and (source == other or Path(source).resolve() == Path(other).resolve())


def _renamed(table: Table, roles: Iterable[str | None]) -> Table:
    """Return the table with names as train has them where they differ in capitals only."""
    for wanted in sorted(set().union(*map(sources, roles))):
        names = table.columns.column_names
        alike = [name for name in names if name.casefold() == wanted.casefold()]
        if wanted not in names and len(alike) == 1:
            columns = table.columns.rename_columns([wanted if n == alike[0] else n for n in names])
            note = f"the column '{alike[0]}' is read as '{wanted}', as train calls it"
            table = dataclasses.replace(table, columns=columns, notes=(*table.notes, note))
    return table


def _require_same_columns(table: Table, columns: Columns) -> None:
    for role in ("text", "text_pair", "label"):
        name = getattr(columns, role)
        if name and name not in (names := table.columns.column_names):
            part = f"the {role.replace('_', ' ')}"
            known, labels = {*names, *inner_names(table.columns)}, [n.strip() for n in name.split(",")]
            if role == "label" and known.intersection(labels):  # of several columns of labels, one is missing
                name, part = next(n for n in labels if n not in known), "a label"
            raise ConfigError(
                f"there is no column '{name}', which is {part} in the data for train",
                where=table.name,
                allowed=f"The columns are: {', '.join(map(repr, names))}",
                hint=f"Rename one of them to '{name}'; train, dev and test need the same names",
            )
    if not len(table):
        raise DataError("the file holds no rows", where=table.name)


def _leave_out(pool: Pool, found: list[Found], config: RunConfig, sides: Sequence[int]) -> dict[int, str]:
    """Mark the rows that are left out in `pool.split`; return the reason for each."""
    reasons: dict[int, str] = {}
    for item in found:
        everywhere = item.kind == ALWAYS_LEFT_OUT
        if not everywhere and item.kind not in config.data.remove:
            continue
        rows = item.rows[(pool.split[item.rows] >= 0) & (everywhere | np.isin(pool.split[item.rows], sides))]
        for row in rows.tolist():
            detail = item.detail(row)
            reasons[row] = f"{item.kind}: {detail}" if detail else item.kind
        pool.split[rows] = -1
    return reasons


def _decide(item: Found, pool: Pool, config: RunConfig) -> Finding:
    """Return the finding with what was done about it, and the setting that changes it."""
    if item.kind in config.data.refuse:
        return dataclasses.replace(item.finding(pool, REFUSED), severity="error")
    if item.action:
        return item.finding(pool, item.action)
    removed = int((pool.split[item.rows] < 0).sum())
    if item.kind in config.data.remove and removed:
        kept = len(item.rows) - removed
        rest = f", {kept:,} on the test side kept" if kept else ""
        return item.finding(pool, f"{removed:,} removed from train{rest} (data.remove)")
    removable = item.kind in audit.REMOVABLE and bool((pool.source[item.rows] == TRAIN).any())
    return item.finding(pool, f"kept (to remove: add {item.kind} to data.remove)" if removable else "kept")


def _labels(kind: Kind, parts: Sequence[Records]) -> tuple[str, ...]:
    """Return the label names of all splits, numbers by value, then names by code point."""
    return tuple(sorted(set().union(*(label_counts(records, kind) for records in parts)), key=_label_order))


def _label_order(name: str) -> tuple[int, float, str]:
    try:
        number = float(name)
    except ValueError:
        number = math.nan
    return (0, number, name) if math.isfinite(number) else (1, 0.0, name)
