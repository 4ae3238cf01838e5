"""Cross-validation: every text is predicted by a model that has not seen it.

With little data a fifth of it says little; k trainings let every text be a test text. Texts of one group, and
those that are nearly the same, stay in one fold. Scores are computed once from all predictions together: the
mean of the folds' own F1 would be biased where labels are rare.

Source: G. Forman, M. Scholz, "Apples-to-Apples in Cross-Validation Studies", SIGKDD Explorations 12, 2010.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from feinschliff.config import RunConfig
from feinschliff.data import Dataset, Records
from feinschliff.data.near import components, near_duplicates
from feinschliff.data.split import divide, folds
from feinschliff.evaluate import Predictions, pooled
from feinschliff.train.events import Listener, Stage, ignore


def cross_validate(
    config: RunConfig, dataset: Dataset, tune: Callable[[RunConfig, Dataset], Any], listen: Listener = ignore
) -> tuple[Records, Predictions, np.ndarray]:
    """Train once for each fold and predict it.

    Args:
        config: `evaluate.folds` of them; dev is drawn from what a fold trains on, by `data.dev_share`.
        dataset: All its splits are taken together.
        tune: Returns a model trained on the train split of a dataset.
        listen: Told which fold it is.

    Returns:
        All records, what was predicted for each, and its fold, int [N].
    """
    parts = [part.table for part in (dataset.train, dataset.dev, dataset.test) if len(part)]
    whole = Records(pa.concat_tables(parts).combine_chunks())
    together = units(whole)
    fold = folds(whole, dataset.kind, config.evaluate.folds, together, config.seed)
    found = []
    for number in range(config.evaluate.folds):
        held, rest = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        if not len(held):
            continue
        listen(Stage("fold", f"{number + 1} of {config.evaluate.folds}"))
        inside, share = whole.take(rest), config.data.dev_share
        is_dev = divide(inside, dataset.kind, [1 - share, share], together[rest], config.seed, (1, 5)) == 1
        train, dev = (inside.take(np.flatnonzero(chosen)) for chosen in (~is_dev, is_dev))
        test = whole.take(held)
        part = dataclasses.replace(dataset, train=train, dev=dev if len(dev) else train, test=test)
        found.append((held, tune(config, part).predictions(test)))
    return whole, pooled(found), fold


def units(records: Records) -> np.ndarray:
    """Return int64 [N], equal for texts that must stay together: of one group, or nearly the same."""
    texts = records.table["text"].combine_chunks()
    alike, _ = near_duplicates(texts)
    if "group" not in records.table.column_names:
        return alike
    groups = records.table["group"].to_pylist()
    first: dict[str, int] = {}
    member = [row if name is None else first.setdefault(name, row) for row, name in enumerate(groups)]
    rows = np.arange(len(records))
    return components(np.concatenate([rows, rows]), np.concatenate([alike, member]), len(records))
