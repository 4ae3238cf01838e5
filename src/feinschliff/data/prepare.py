"""From sources to a `Dataset`: read, understand, audit, leave out, split, audit again, fingerprint."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from feinschliff.config import RunConfig
from feinschliff.data import audit
from feinschliff.data import split as splits
from feinschliff.data.audit._found import DEV, NAMES, TEST, TRAIN, Found, Pool, Texts, number
from feinschliff.data.dataset import Columns, Dataset, Finding, Records
from feinschliff.data.fingerprint import fingerprint
from feinschliff.data.infer import infer, require_column
from feinschliff.data.near import near_duplicates
from feinschliff.data.normalise import Normal, content_keys, normalise
from feinschliff.errors import ConfigError, DataError
from feinschliff.readers import Table

SEVERITIES = ("error", "warning", "info")
ALWAYS_LEFT_OUT = "missing_labels"
REFUSED = "refused"


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
    audit.check_kinds(config.data.remove, audit.KINDS, "data.remove")
    audit.check_kinds(config.data.refuse, audit.KINDS, "data.refuse")
    tables = _tables(config, train, dev, test)
    columns = infer(tables[TRAIN], config, labelled)
    for table in tables.values():
        _require_same_columns(table, columns)
    pool = _pool(tables, {s: normalise(t, columns) for s, t in tables.items()}, columns)

    found = audit.run(audit.BEFORE_SPLIT, pool)
    reasons = _leave_out(pool, found, config, [TRAIN])
    _require_learnable(pool, tables[TRAIN])
    _divide(pool, config, tables)
    late = audit.run(audit.AFTER_SPLIT, pool)
    reasons |= _leave_out(pool, late, config, [TRAIN, DEV])
    _require_learnable(pool, tables[TRAIN])

    parts = [pool.records.take(np.flatnonzero(pool.split == s)) for s in (TRAIN, DEV, TEST)]
    labels = _labels(columns.task, parts)
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
            f"{number(len(missing), 'row')} without a label ({places})",
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
    tables = {}
    for side, table, source in (
        (TRAIN, train, config.data.train),
        (DEV, dev, config.data.dev),
        (TEST, test, config.data.test),
    ):
        if table is None and source is not None:
            from feinschliff.readers import read

            table = read(source, config.data)
        if table is not None:
            tables[side] = table
    if TRAIN not in tables:
        raise ConfigError("no data is named", where="data.train", hint="Give a file: feinschliff train FILE")
    return tables


def _require_same_columns(table: Table, columns: Columns) -> None:
    for role in ("text", "text_pair", "label"):
        if name := getattr(columns, role):
            require_column(table, name, f"data.{role}")
    if not len(table):
        raise DataError("the file holds no rows", where=table.name)


def _pool(tables: dict[int, Table], normals: dict[int, Normal], columns: Columns) -> Pool:
    """Lay the rows of all sources one after the other."""
    shared = set.intersection(*(set(n.records.table.column_names) for n in normals.values()))
    names = [n for n in normals[TRAIN].records.table.column_names if n in shared]
    table = pa.concat_tables([n.records.table.select(names) for n in normals.values()])
    records = Records(table.combine_chunks() if len(normals) > 1 else table)
    source = np.concatenate([np.full(len(n.records), s, dtype=np.int8) for s, n in normals.items()])
    offsets = np.cumsum([0, *(len(n.records) for n in normals.values())])[:-1]
    texts = _compare(records)
    return Pool(
        columns=columns,
        records=records,
        source=source,
        split=source.copy(),
        empty=np.concatenate([n.empty for n in normals.values()]),
        unlabelled=np.concatenate([n.unlabelled for n in normals.values()]),
        from_numbers=np.concatenate(
            [n.from_numbers + o for n, o in zip(normals.values(), offsets, strict=True)]
        ),
        texts=texts,
        tables=tables,
    )


def _compare(records: Records) -> Texts:
    """Find out which rows hold the same text, or nearly the same."""
    encoded = content_keys(records).dictionary_encode()
    order = pc.sort_indices(encoded.dictionary)  # so that the order of rows changes nothing
    cluster, bags = near_duplicates(encoded.dictionary.take(order))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order.to_numpy()] = np.arange(len(order))
    number = rank[encoded.indices.to_numpy()]
    row = np.full(len(order), len(number), dtype=np.int64)
    np.minimum.at(row, number, np.arange(len(number)))
    return Texts(number, row, cluster, bags)


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
    return item.finding(
        pool, "kept" if len(item.rows) == 0 else f"kept (to remove: add {item.kind} to data.remove)"
    )


def _divide(pool: Pool, config: RunConfig, tables: dict[int, Table]) -> None:
    """Take the parts that were not given from train."""
    shares = [
        0.0,
        0.0 if DEV in tables else config.data.dev_share,
        0.0 if TEST in tables else config.data.test_share,
    ]
    shares[TRAIN] = 1 - sum(shares)
    parts = [s for s in (TRAIN, DEV, TEST) if shares[s] > 0]
    rows = np.flatnonzero(pool.split == TRAIN)
    if len(parts) == 1:
        return
    if len(rows) < 2 * len(parts):
        raise DataError(
            f"{number(len(rows), 'usable row')} cannot be divided into {', '.join(NAMES[p] for p in parts)}",
            where=tables[TRAIN].name,
            hint="Give more rows, or separate files with --test and data.dev",
        )
    records = pool.records.take(rows)
    units = _units(pool, min(shares[p] for p in parts))[rows]
    if config.data.dev_share + config.data.test_share >= 1:
        raise ConfigError("data.dev_share and data.test_share leave nothing to train on", where="data")
    cover = [(1, 5, 2)[p] for p in parts]
    part = splits.divide(records, pool.task, [shares[p] for p in parts], units, config.seed, cover)
    pool.split[rows] = np.array(parts, dtype=np.int8)[part]


def _units(pool: Pool, smallest: float) -> np.ndarray:
    """Return int64 [N]: rows of one near-duplicate cluster or one group share a number.

    Boilerplate can chain many groups into one too large to be placed. Such a chain is cut into its groups;
    what then stands on both sides is found as leakage.

    Args:
        smallest: Share of the smallest part wanted.
    """
    if "group" not in pool.records.table.column_names:
        return pool.texts.cluster[pool.texts.number]
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    clusters = pool.texts.cluster[pool.texts.number]
    codes = pool.records.table["group"].combine_chunks().dictionary_encode().indices
    known = codes.is_valid().to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(known)
    groups = codes.drop_null().to_numpy() + len(pool)
    size = 2 * len(pool)

    def joined(*edges: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        ends = tuple(np.concatenate(side) for side in zip(*edges, strict=True))
        graph = coo_array((np.ones(len(ends[0]), dtype=np.int8), ends), shape=(size, size))
        return connected_components(graph, directed=False)[1][: len(pool)].astype(np.int64)

    alone = joined((rows, groups))
    both = joined((rows, groups), (np.arange(len(pool)), clusters))
    usable = pool.split == TRAIN
    sizes = np.bincount(both[usable], minlength=both.max() + 1)[both]
    return np.where(sizes <= splits.LARGEST * smallest * usable.sum(), both, both.max() + 1 + alone)


def _require_learnable(pool: Pool, table: Table) -> None:
    """Raise DataError where no training can succeed."""
    rows = np.flatnonzero((pool.split == TRAIN) & ~pool.empty)
    if not len(rows):
        facts = {"without text": pool.empty, "without a label": pool.unlabelled}
        counted = ", ".join(f"{int(mask.sum()):,} {fact}" for fact, mask in facts.items() if mask.any())
        raise DataError(f"no usable row among {len(pool):,} ({counted or 'all left out'})", where=table.name)
    if len(np.unique(pool.texts.number[rows])) == 1 and len(pool) > 1:
        raise DataError(
            f"all {len(pool):,} rows hold the same text",
            where=table.name,
            hint="Check the text column: --text",
        )
    if pool.task == "unlabelled":
        return
    targets = pool.records.table["target"].take(rows)
    if pool.task == "classification":
        counts = targets.value_counts().to_pylist()
        label = pool.columns.label
        if len(counts) == 1:
            raise DataError(
                f"every row has the label '{counts[0]['values']}'; there is nothing to tell apart",
                where=table.name,
                allowed="A classification needs at least two classes",
                hint="Check the label column: --label",
            )
        if max(c["counts"] for c in counts) == 1 and len(counts) > 2:
            raise DataError(
                f"all {len(counts):,} labels in '{label}' are different, so no class can be learnt",
                where=table.name,
                hint="Check the label column: --label, or --task regression for numbers",
            )
    elif pool.task == "regression":
        if len(targets.unique()) == 1:
            raise DataError(
                f"every row has the value {targets[0].as_py()}", where=table.name, hint="Check --label"
            )
    elif not any(len(value) for value in targets.to_pylist()):
        raise DataError(
            f"no row has a label in '{pool.columns.label}'", where=table.name, hint="Check --label"
        )


def _labels(task: str, parts: Sequence[Records]) -> tuple[str, ...]:
    """Return the label names of all splits, numbers by value, then names by code point."""
    if task in ("regression", "unlabelled"):
        return ()
    names: set[str] = set()
    for records in parts:
        values = records.table["target"].combine_chunks()
        if task != "classification":
            values = values.flatten()
        if task == "ner":
            values = values.field("label")
        names.update(values.unique().to_pylist())
    return tuple(sorted(names, key=_label_order))


def _label_order(name: str) -> tuple[int, float, str]:
    try:
        return (0, float(name), name)
    except ValueError:
        return (1, 0.0, name)
