"""Cross-validation: every text is predicted by a model that has not seen it.

With little data a fifth of it says little; k trainings let every text be a test text. Texts of one group, and
those that are nearly the same, stay in one fold, unless they are too many for it, as where all follow one
template. Scores are computed once from all predictions together: the mean of the folds' own F1 would be
biased where labels are rare.

Source: G. Forman, M. Scholz, "Apples-to-Apples in Cross-Validation Studies", SIGKDD Explorations 12, 2010.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from feinschliff.config import RunConfig
from feinschliff.data import Dataset, Records, split
from feinschliff.data.divide import most_whole, units
from feinschliff.data.pool import compare
from feinschliff.errors import DataError, counted
from feinschliff.evaluate import Predictions, pooled
from feinschliff.train.events import Listener, Stage, ignore


@dataclass(frozen=True)
class Folds:
    """All records, and what each training learns from and predicts.

    Attributes:
        parts: For each training (train, dev, test), int64, row numbers; every row is in one test.
    """

    records: Records
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]]


def in_folds(config: RunConfig, dataset: Dataset) -> Folds:
    """Divide all splits of a dataset, taken together, into `evaluate.folds` folds.

    Dev is drawn from what a fold trains on, by `data.dev_share`.

    Raises:
        DataError: all texts belong to one group, or are nearly the same, so that none are left to learn from.
    """
    given = [part.table for part in (dataset.train, dataset.dev, dataset.test) if len(part)]
    whole = Records(pa.concat_tables(given).combine_chunks())
    num_folds, share, kind = config.evaluate.folds, config.data.dev_share, dataset.kind
    everything = np.ones(len(whole), dtype=bool)
    together = units(whole, compare(whole), most_whole(len(whole) / num_folds), everything)
    fold = split.folds(whole, kind, num_folds, together, config.seed)
    parts = []
    for number in np.unique(fold):
        held, rest = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        inside, shares = whole.take(rest), [1 - share, share]
        is_dev = split.divide(inside, kind, shares, together[rest], config.seed, (1, 5)) == 1
        parts.append((rest[~is_dev], rest[is_dev], held))
    if not all(len(train) for train, _, _ in parts):
        raise DataError(
            f"the {counted(len(whole), 'text')} form {counted(len(np.unique(together)), 'group')}, "
            f"too few for {num_folds} folds: nothing would be left to learn from",
            where="evaluate.folds",
            hint="Leave it out, or name another column, --group COLUMN, or none: --group none",
        )
    return Folds(whole, parts)


def cross_validate(
    config: RunConfig,
    dataset: Dataset,
    folds: Folds,
    tune: Callable[[RunConfig, Dataset], Any],
    listen: Listener = ignore,
) -> tuple[Records, Predictions, np.ndarray]:
    """Train once for each fold and predict it.

    Args:
        folds: Of the dataset, from `in_folds`.
        tune: Returns a model trained on the train split of a dataset.
        listen: Told which fold it is.

    Returns:
        All records, what was predicted for each, and its fold, int [N].
    """
    found, fold = [], np.zeros(len(folds.records), dtype=np.int64)
    for number, rows in enumerate(folds.parts):
        listen(Stage("fold", f"{number + 1} of {len(folds.parts)}"))
        train, dev, test = map(folds.records.take, rows)
        part = dataclasses.replace(dataset, train=train, dev=dev if len(dev) else train, test=test)
        found.append((rows[2], tune(config, part).predictions(test)))
        fold[rows[2]] = number
    return folds.records, pooled(found), fold
