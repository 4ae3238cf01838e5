"""Labels of a file that are measured with labels that were learnt before: do they speak of the same?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from feinschliff.data.dataset import Kind, Records
from feinschliff.errors import DataError

SHOWN = 8


def label_counts(records: Records, kind: Kind) -> Counter[str]:
    """Return how many rows, or entities, have each label; none for numbers and unlabelled texts."""
    if kind in ("regression", "unlabelled") or "target" not in records.table.column_names:
        return Counter()
    values = records.table["target"].combine_chunks()
    if kind != "classification":
        values = values.flatten()
    if kind == "ner":
        values = values.field("label")
    return Counter({v["values"]: v["counts"] for v in values.drop_null().value_counts().to_pylist()})


def unknown_labels(records: Records, kind: Kind, known: Sequence[str], where: str) -> dict[str, int]:
    """Return how many rows, or entities, have each label that is not a known one.

    Args:
        known: The labels that were learnt.
        where: The file, for the message.

    Raises:
        DataError: not one label is known, so that no score would mean anything.
    """
    counts = label_counts(records, kind)
    unknown = {name: count for name, count in sorted(counts.items()) if name not in set(known)}
    if unknown and len(unknown) == len(counts):
        same = {name.casefold() for name in known} & {name.casefold() for name in unknown}
        raise DataError(
            f"none of its labels was learnt: {_list(list(unknown))}",
            where=where,
            allowed=f"Learnt were: {_list(known)}",
            hint="Write them alike: they differ in capitals" if same else "Check the label column: --label",
        )
    return unknown


def _list(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:SHOWN])) + (", ..." if len(names) > SHOWN else "")
