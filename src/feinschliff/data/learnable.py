"""Refuse data from which nothing can be learnt, with the reason."""

from __future__ import annotations

import numpy as np

from feinschliff.data.audit._found import TRAIN, Pool
from feinschliff.errors import DataError, counted
from feinschliff.readers import Table


def require_learnable(pool: Pool, table: Table) -> None:
    """Raise DataError where no training can succeed."""
    rows = np.flatnonzero((pool.split == TRAIN) & ~pool.empty)
    if not len(rows):
        facts = {"without text": pool.empty, "without a label": pool.unlabelled}
        listed = ", ".join(f"{int(mask.sum()):,} {fact}" for fact, mask in facts.items() if mask.any())
        raise DataError(
            f"no usable row among {len(pool):,} ({listed or 'all left out'})",
            where=table.name,
            hint="See what is left out: feinschliff audit; data.remove names the kinds",
        )
    if len(np.unique(pool.texts.number[rows])) == 1 and len(pool) > 1:
        raise DataError(
            f"all {counted(len(pool), 'row')} hold the same text",
            where=table.name,
            hint="Check the text column: --text",
        )
    if pool.kind == "unlabelled":
        return
    targets = pool.records.table["target"].take(rows)
    if pool.kind == "classification":
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
    elif pool.kind == "regression":
        if len(targets.unique()) == 1:
            raise DataError(
                f"every row has the value {targets[0].as_py()}", where=table.name, hint="Check --label"
            )
    elif not any(len(value) for value in targets.to_pylist()):
        raise DataError(
            f"no row has a label in '{pool.columns.label}'", where=table.name, hint="Check --label"
        )
