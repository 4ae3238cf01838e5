"""Take the splits that were not given from train."""

from __future__ import annotations

import numpy as np

from feinschliff.config import RunConfig
from feinschliff.data import split as splits
from feinschliff.data.audit._found import DEV, NAMES, TEST, TRAIN, Pool, Texts
from feinschliff.data.dataset import Records
from feinschliff.data.times import times
from feinschliff.errors import DataError, counted
from feinschliff.readers import Table

LEAST_ROWS = {TRAIN: 1, DEV: 5, TEST: 2}
"""A class of this many rows or more has at least one in the split, whatever its share."""

LEAST_WHOLE = 5
"""Rows up to which a cluster or group is never cut."""


def divide(pool: Pool, config: RunConfig, tables: dict[int, Table]) -> None:
    """Mark in `pool.split` which rows of train become dev and test, where those were not given.

    Raises:
        DataError: too few rows, or groups.
    """
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
            f"{counted(len(rows), 'usable row')} cannot be divided into {', '.join(NAMES[p] for p in parts)}",
            where=tables[TRAIN].name,
            allowed=tables[TRAIN].as_read,
            hint="Give more rows, or separate files with --test and data.dev",
        )
    records, wanted = pool.records.take(rows), [shares[p] for p in parts]
    largest = most_whole(max(wanted[1:]) * len(rows))
    together = units(pool.records, pool.texts, largest, pool.split == TRAIN)[rows]
    if config.data.time:
        moments = times(tables[TRAIN], config.data.time)[rows]
        part = splits.by_time(moments, records, wanted, together, config.seed)
    else:
        least = [LEAST_ROWS[p] for p in parts]
        part = splits.divide(records, pool.kind, wanted, together, config.seed, least)
    if len(np.unique(part)) < len(parts):
        raise DataError(
            f"the rows form {counted(len(np.unique(together)), 'group')}, too few for {len(parts)} splits",
            where=tables[TRAIN].name,
            hint="Name another column, --group COLUMN, or none: --group none",
        )
    pool.split[rows] = np.array(parts, dtype=np.int8)[part]


def most_whole(num_rows: float) -> float:
    """Return the rows up to which a unit stays whole where a part is to have so many."""
    return max(LEAST_WHOLE, splits.LARGEST * num_rows)


def units(records: Records, texts: Texts, largest: float, within: np.ndarray) -> np.ndarray:
    """Return int64 [N]: rows of one near-duplicate cluster or one group share a number.

    Boilerplate and templates can chain texts, or groups, into a unit too large to be placed. Such a chain is
    cut into its groups, or texts; what then stands on both sides is found as leakage.

    Args:
        largest: Rows up to which a unit stays whole.
        within: bool [N], the rows that are to be divided.
    """
    clusters, alone = texts.cluster[texts.number], texts.number
    both = clusters
    if "group" in records.table.column_names:
        codes = records.table["group"].combine_chunks().dictionary_encode().indices
        rows = np.flatnonzero(codes.is_valid().to_numpy(zero_copy_only=False))
        groups = codes.drop_null().to_numpy()
        alone = _joined(len(records), (rows, groups))
        both = _joined(len(records), (rows, groups), (np.arange(len(records)), clusters + len(records)))
    sizes = np.bincount(both[within], minlength=both.max() + 1)[both]
    return np.where(sizes <= largest, both, both.max() + 1 + alone)


def _joined(num_rows: int, *edges: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Return int64 [num_rows]: the connected component of each row, by edges from rows to names."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    rows, names = (np.concatenate(side) for side in zip(*edges, strict=True))
    size = num_rows + int(names.max(initial=0)) + 1
    graph = coo_array((np.ones(len(rows), dtype=np.int8), (rows, names + num_rows)), shape=(size, size))
    return connected_components(graph, directed=False)[1][:num_rows].astype(np.int64)
