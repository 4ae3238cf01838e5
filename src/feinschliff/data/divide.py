"""Take the splits that were not given from train."""

from __future__ import annotations

import numpy as np

from feinschliff.config import RunConfig
from feinschliff.data import split as splits
from feinschliff.data.audit._found import DEV, NAMES, TEST, TRAIN, Pool, number
from feinschliff.data.times import times
from feinschliff.errors import DataError
from feinschliff.readers import Table

LEAST_ROWS = {TRAIN: 1, DEV: 5, TEST: 2}
"""A class of this many rows or more has at least one in the split, whatever its share."""


def divide(pool: Pool, config: RunConfig, tables: dict[int, Table]) -> None:
    """Mark in `pool.split` which rows of train become dev and test, where those were not given.

    Raises:
        DataError: too few rows.
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
            f"{number(len(rows), 'usable row')} cannot be divided into {', '.join(NAMES[p] for p in parts)}",
            where=tables[TRAIN].name,
            hint="Give more rows, or separate files with --test and data.dev",
        )
    records, wanted = pool.records.take(rows), [shares[p] for p in parts]
    units = _units(pool, min(wanted))[rows]
    if config.data.time:
        moments = times(tables[TRAIN], config.data.time)[rows]
        part = splits.by_time(moments, records, wanted, units, config.seed)
    else:
        least = [LEAST_ROWS[p] for p in parts]
        part = splits.divide(records, pool.task, wanted, units, config.seed, least)
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
