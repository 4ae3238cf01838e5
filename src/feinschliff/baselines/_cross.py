"""Predictions for the training records by models that did not see them."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from types import ModuleType
from typing import Any

import numpy as np

from feinschliff.baselines._base import Embed
from feinschliff.config import RunConfig
from feinschliff.data.dataset import Dataset, Records
from feinschliff.evaluate import Predictions, pooled


def cross_predict(
    baseline: ModuleType, dataset: Dataset, config: RunConfig, embed: Embed, num_folds: int = 5
) -> Predictions:
    """Return a baseline's predictions for train, each record predicted by a model trained without it.

    Records of one group stay in one fold; otherwise each fold has about the same share of every label. The
    folds depend on `config.seed`. Vectors of train are computed once.
    """
    train = dataset.train
    fold = folds(train, num_folds, config.seed)
    vectors: list[np.ndarray] = []
    parts_of_train: list[tuple[Records, np.ndarray]] = []

    def embedded(records: Records) -> np.ndarray:
        for part, rows in parts_of_train:
            if part is records:
                if not vectors:
                    vectors.append(embed(train))
                return vectors[0][rows]
        return embed(records)

    parts: list[tuple[np.ndarray, Predictions]] = []
    for number in range(num_folds):
        inside, outside = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        if not len(outside):
            continue
        learned, held = train.take(inside), train.take(outside)
        parts_of_train[:] = [(learned, inside), (held, outside)]
        part = dataclasses.replace(dataset, train=learned)
        parts.append((outside, baseline.fit(part, config, embedded).predict(held)))
    return pooled(parts)


def folds(records: Records, num_folds: int, seed: int) -> np.ndarray:
    """Return int64 [N], the fold of each record; a single group is divided like texts without one."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(records))
    fold = np.empty(len(records), dtype=np.int64)
    if (groups := records.groups) is not None and len(set(groups)) > 1:
        members: dict[Any, list[int]] = defaultdict(list)
        for row in order.tolist():
            members[row if groups[row] is None else (groups[row],)].append(row)
        sizes = [0] * num_folds
        for rows in sorted(members.values(), key=len, reverse=True):
            number = sizes.index(min(sizes))
            fold[rows] = number
            sizes[number] += len(rows)
        return fold
    targets = records.targets
    if targets and isinstance(targets[0], str | float):
        values = np.array(targets)
        order = order[np.argsort(values[order], kind="stable")]
    fold[order] = np.arange(len(records)) % num_folds
    return fold
