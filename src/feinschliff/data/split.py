"""Divide rows into train, dev and test, or into folds: stratified, in whole units, whatever their order.

A unit is a set of rows that must stay together: a near-duplicate cluster, a group, or a single row. Rows are
ordered by a hash of their contents and the seed, never by their position. Large units are placed first, each
where its labels are still most wanted; single rows then fill every class's quota exactly. Linear in the rows
apart from sorting; a million single-label rows take about a second.

Source: the order of placing follows Sechidis, Tsoumakas, Vlahavas: On the Stratification of Multi-Label Data,
ECML PKDD 2011, section 3.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import pyarrow.compute as pc

from feinschliff.data.dataset import Kind, Records
from feinschliff.data.fingerprint import mix, row_hashes

TRAIN, DEV, TEST = 0, 1, 2
SHORT = 0.75
"""A part with less than this share of the rows it should have is filled up."""
LARGEST = 0.5
"""A unit larger than this share of a part goes to the first part, unless the part stays short without it."""


@dataclass(frozen=True)
class Strata:
    """The labels of each row, as a sparse matrix in CSR form.

    Attributes:
        starts: int64 [N + 1].
        labels: int64, numbers of row i at `labels[starts[i]:starts[i + 1]]`; every row has at least one.
    """

    starts: np.ndarray
    labels: np.ndarray

    def of(self, rows: np.ndarray) -> np.ndarray:
        """Return the labels of the given rows, one after the other."""
        counts = self.starts[rows + 1] - self.starts[rows]
        offset = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return self.labels[np.repeat(self.starts[rows], counts) + offset]

    @property
    def single(self) -> bool:
        """Whether every row has exactly one label."""
        return len(self.labels) == len(self.starts) - 1


def strata(records: Records, kind: Kind) -> Strata:
    """Return what a split keeps in proportion: classes, label sets, tenths of a range, entity types."""
    num_rows = len(records)
    if kind == "classification":
        encoded = records.table["target"].combine_chunks().dictionary_encode()
        rank = np.argsort(pc.sort_indices(encoded.dictionary).to_numpy())  # not the order of the rows
        return Strata(np.arange(num_rows + 1), rank[encoded.indices.to_numpy()].astype(np.int64))
    if kind == "regression":
        values = np.asarray(records.table["target"], dtype=np.float64)
        edges = np.quantile(values, np.linspace(0.1, 0.9, 9)) if num_rows else np.zeros(0)
        return Strata(np.arange(num_rows + 1), np.searchsorted(edges, values).astype(np.int64))
    if kind == "unlabelled":
        return Strata(np.arange(num_rows + 1), np.zeros(num_rows, dtype=np.int64))
    sets = [{t if isinstance(t, str) else t["label"] for t in row} for row in records.targets]
    number = {name: i + 1 for i, name in enumerate(sorted(set().union(*sets)))}
    rows = [sorted(number[n] for n in names) or [0] for names in sets]
    starts = np.cumsum([0, *map(len, rows)])
    return Strata(starts, np.array([n for row in rows for n in row], dtype=np.int64))


def divide(
    records: Records,
    kind: Kind,
    shares: Sequence[float],
    units: np.ndarray,
    seed: int,
    least: Sequence[int] | None = None,
) -> np.ndarray:
    """Return int8 [N]: the part of each row.

    Args:
        shares: Wanted share of each part; they sum to 1. The first part takes what cannot be divided.
        units: int64 [N], rows of equal number stay together.
        least: For each part, the size from which a class gets a row there whatever its share; None: never.
    """
    hashes = mix(row_hashes(records), seed)
    labels = strata(records, kind)
    _, unit, size = np.unique(units, return_inverse=True, return_counts=True)
    key = np.full(len(size), np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(key, unit, hashes)
    counts = np.bincount(labels.labels, minlength=1)
    plan = _Plan(shares, counts, len(records))
    part = np.full(len(records), -1, dtype=np.int8)
    alone = size[unit] == 1
    loop = np.ones(len(records), dtype=bool) if not labels.single else ~alone
    _place_units(part, plan, labels, unit, size, key, np.flatnonzero(loop))
    if labels.single:
        _fill_quotas(part, plan, labels.labels, hashes, np.flatnonzero(alone), least)
    _fill_short_parts(part, plan, labels, unit, size, key)
    return part


def by_time(
    times: np.ndarray, records: Records, shares: Sequence[float], units: np.ndarray, seed: int
) -> np.ndarray:
    """Return int8 [N]: the oldest rows in the first part, the newest in the last.

    A unit counts by its newest row, so that nothing later than dev and test is learnt from.

    Args:
        times: float64 [N], larger is later.
    """
    _, unit, size = np.unique(units, return_inverse=True, return_counts=True)
    latest = np.full(len(size), -np.inf)
    np.maximum.at(latest, unit, times)
    key = np.full(len(size), np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(key, unit, mix(row_hashes(records), seed))
    order = np.lexsort((key, latest))
    edges = np.cumsum(shares)[:-1] * len(records)
    middle = np.cumsum(size[order]) - size[order] / 2
    unit_part = np.empty(len(size), dtype=np.int8)
    unit_part[order] = np.searchsorted(edges, middle)
    return unit_part[unit]


def folds(records: Records, kind: Kind, k: int, units: np.ndarray, seed: int) -> np.ndarray:
    """Return int8 [N]: the fold, 0 to k - 1, of each row, for cross-validation of small data."""
    return divide(records, kind, [1 / k] * k, units, seed)


class _Plan:
    """How much of each label each part still wants."""

    def __init__(self, shares: Sequence[float], counts: np.ndarray, num_rows: int):
        self.shares, self.counts = list(shares), counts
        self.wanted = np.outer(shares, counts)
        weight = 1 / np.maximum(self.wanted * counts, 1e-12)  # need relative to wish, rare labels first
        # lists: single items of them are read much faster than those of arrays
        self.need: list[list[float]] = self.wanted.tolist()
        self.weight: list[list[float]] = weight.tolist()
        self.room = [share * num_rows for share in shares]
        self.largest = [max(1.0, LARGEST * room) for room in self.room]

    def place(self, labels: list[int], size: int, key: int) -> int:
        """Return the part where a unit's labels, the rare ones above all, are most wanted; count it there."""
        parts = range(len(self.shares))
        fitting = [p for p in parts if self.room[p] >= size - 0.5 and (p == 0 or size <= self.largest[p])]
        if not fitting:
            chosen = max(parts, key=lambda p: self.room[p])
        else:
            scores = [sum(self.need[p][n] * self.weight[p][n] for n in labels) for p in fitting]
            best = max(scores)
            tied = [p for p, score in zip(fitting, scores, strict=True) if score >= best - 1e-9 * abs(best)]
            edges = list(accumulate(self.shares[p] for p in tied))
            point = (key >> 11) / 2**53 * edges[-1]
            chosen = next((p for p, edge in zip(tied, edges, strict=True) if point < edge), tied[0])
        for n in labels:
            self.need[chosen][n] -= 1.0
        self.room[chosen] -= size
        return chosen


def _place_units(
    part: np.ndarray,
    plan: _Plan,
    labels: Strata,
    unit: np.ndarray,
    size: np.ndarray,
    key: np.ndarray,
    rows: np.ndarray,
) -> None:
    """Place the units of `rows`: large before small, rare labels before common ones, then by hash."""
    if not len(rows):
        return
    rarest = np.minimum.reduceat(plan.counts[labels.labels], labels.starts[:-1])
    unit_rarest = np.full(len(size), np.iinfo(np.int64).max)
    np.minimum.at(unit_rarest, unit, rarest)
    rows = rows[np.lexsort((unit[rows], key[unit[rows]], unit_rarest[unit[rows]], -size[unit[rows]]))]
    begins = np.flatnonzero(np.r_[True, np.diff(unit[rows]) != 0])
    ends = np.append(begins[1:], len(rows)).tolist()
    keys, flat, starts = key[unit[rows[begins]]].tolist(), labels.labels.tolist(), labels.starts.tolist()
    order = rows.tolist()
    for begin, end, unit_key in zip(begins.tolist(), ends, keys, strict=True):
        wanted = [n for row in order[begin:end] for n in flat[starts[row] : starts[row + 1]]]
        part[rows[begin:end]] = plan.place(wanted, end - begin, unit_key)


def _fill_quotas(
    part: np.ndarray,
    plan: _Plan,
    labels: np.ndarray,
    hashes: np.ndarray,
    rows: np.ndarray,
    least: Sequence[int] | None,
) -> None:
    """Give each part its remaining share of every class, rows in the order of their hashes."""
    available = np.bincount(labels[rows], minlength=len(plan.counts))
    quotas = np.zeros((len(plan.shares), len(plan.counts)), dtype=np.int64)
    for p in range(len(plan.shares) - 1, 0, -1):
        need = np.array(plan.need[p])
        total = np.cumsum(np.maximum(need, 0))
        quota = np.diff(np.floor(total + 0.5), prepend=0).astype(np.int64)
        if least is not None:
            has_none = plan.wanted[p] - need < 0.5
            quota = np.maximum(quota, (plan.counts >= least[p]) & has_none)
        quotas[p] = quota
    # a class of which no row is placed yet keeps one in the first part
    left = np.maximum(available - (plan.counts == available), 0)
    for p in range(len(plan.shares) - 1, 0, -1):  # where there are too few, each gets less
        wanted = quotas[1 : p + 1].sum(0)
        fair = -(-left * quotas[p] // np.maximum(wanted, 1))
        quotas[p] = np.where(wanted > left, np.minimum(fair, quotas[p]), quotas[p])
        left = left - quotas[p]
    quotas[0] = available - quotas[1:].sum(0)
    order = rows[np.lexsort((hashes[rows], labels[rows]))]
    first = np.cumsum(available) - available
    rank = np.arange(len(order)) - first[labels[order]]
    limits = np.cumsum(quotas[::-1], axis=0)  # the last part takes the first rows
    passed = (rank[None, :] >= limits[:, labels[order]]).sum(axis=0)
    part[order] = (len(plan.shares) - 1 - passed).astype(np.int8)


def _fill_short_parts(
    part: np.ndarray, plan: _Plan, labels: Strata, unit: np.ndarray, size: np.ndarray, key: np.ndarray
) -> None:
    """Move units, the small ones first, from the first part to each that is far short of its share or empty.

    The last rows of a label stay in the first part, unless another part would be empty.
    """
    for p in range(len(plan.shares) - 1, 0, -1):
        target, count = plan.shares[p] * len(part), int((part == p).sum())
        if count >= SHORT * target and count:
            continue
        rows = np.flatnonzero(part == 0)
        remaining = np.bincount(labels.of(rows), minlength=len(plan.counts))
        for moved in rows[np.lexsort((key[unit[rows]], size[unit[rows]]))]:
            if part[moved] != 0 or (count and count + size[unit[moved]] / 2 > target):
                continue
            members = np.flatnonzero(unit == unit[moved])
            taken = np.bincount(labels.of(members), minlength=len(plan.counts))
            last = bool(((taken > 0) & (taken == remaining)).any())
            if len(members) < int((part == 0).sum()) and (not last or count == 0):
                part[members] = p
                remaining -= taken
                count += len(members)
