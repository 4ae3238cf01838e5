"""The section on labels that look wrong: gathered from out-of-sample predictions, prepared for the page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from feinschliff.data import Dataset, Records
from feinschliff.evaluate import Predictions
from feinschliff.evaluate.confident import label_issues
from feinschliff.evaluate.slicing import wrong
from feinschliff.report.excerpts import shorten
from feinschliff.report.language import Language
from feinschliff.report.values import View, part

KINDS = ("classification", "multilabel")
MAX_ROWS = 5000
"""Rows of a list at most, the most suspicious."""
SHOWN = 40
MAX_TEXT = 240
COLUMNS = ("place", "id", "split", "text", "text_pair", "label", "suggestion", "probability", "new_label")


def label_error_rows(
    split: str, records: Records, predictions: Predictions
) -> tuple[list[dict[str, Any]], int, float]:
    """Return the records whose labels look wrong, most suspicious first, and how many and which share do.

    A label looks wrong where the probabilities say so, and the model's answer is another one.

    Args:
        split: Its name.
        records: With targets.
        predictions: Of a model that did not see them.

    Returns:
        {"place", "id", "split", "text", "label", "suggestion", "probability"}, the last that of the given
        label (for multilabel, of the least probable of its answers), of pairs "text_pair" too, at most
        `MAX_ROWS`; their number and share, with those beyond.
    """
    known = set(predictions.labels)
    targets = records.targets
    if predictions.kind == "classification":
        usable = [i for i, target in enumerate(targets) if target in known]
    else:
        usable = [i for i, target in enumerate(targets) if known.issuperset(target)]
    if not usable:
        return [], 0, 0.0
    given, said = [targets[i] for i in usable], predictions.take(usable)
    found, otherwise = label_issues(given, said), wrong(given, said)
    rows, ranked = [], [row for row in found.ranked().tolist() if otherwise[row]]
    for number in ranked[:MAX_ROWS]:
        record = next(iter(records.take([usable[number]])))
        rows.append(
            {
                "place": record["place"],
                "id": record["id"],
                "split": split,
                **{key: record[key] for key in ("text", "text_pair") if record.get(key) is not None},
                "label": record["target"],
                "suggestion": found.suggestion[number],
                "probability": round(1 - float(found.suspicion[number]), 6),
            }
        )
    return rows, len(ranked), len(ranked) / len(usable)


def label_error_facts(
    dataset: Dataset, crossed: Predictions | None, predictions: Predictions
) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """Return the `label_errors` part, and the rows for the list in the run's folder.

    Args:
        dataset: Its train and test splits are judged; dev chose when to stop, so what is said of it is not
            from outside.
        crossed: Predictions for train by models that did not see the record; None: train is not judged.
        predictions: The tuned model's for test.
    """
    if dataset.kind not in KINDS:
        return None, []
    rows, counts, shares = [], {}, {}
    for split, records, said in (("test", dataset.test, predictions), ("train", dataset.train, crossed)):
        if said is not None:
            own, counts[split], shares[split] = label_error_rows(split, records, said)
            rows += own
    rows = sorted(rows, key=lambda row: row["probability"])[:MAX_ROWS]
    return {"shares": shares, "counts": counts, "listed": len(rows), "rows": rows[:SHOWN]}, rows


def as_table(rows: Sequence[Mapping[str, Any]], separator: str | None = None) -> pa.Table:
    """Return the list for a person to work through: all texts, `new_label` still empty.

    Args:
        rows: See `label_error_rows`.
        separator: Between several labels of a cell in the data; None and `[]` write them as JSON.
    """

    sign = None if separator == "[]" else separator

    def cell(value: Any) -> str:
        if isinstance(value, list):
            return json.dumps(value, ensure_ascii=False) if sign is None else sign.join(value)
        return str(value)

    written = [
        {**row, "label": cell(row["label"]), "suggestion": cell(row["suggestion"]), "new_label": ""}
        for row in rows
    ]
    kinds = {"probability": pa.float64()}
    names = [name for name in COLUMNS if name != "text_pair" or any(name in row for row in rows)]
    return pa.Table.from_pylist(
        written, schema=pa.schema([(name, kinds.get(name, pa.string())) for name in names])
    )


def doubts(result: Mapping[str, Any], words: Language) -> View | None:
    """Prepare the labels that look wrong."""
    facts = part(result, "label_errors")
    if not facts:
        return None
    shares, counts = part(facts, "shares"), part(facts, "counts")
    texts = [
        words(f"doubts.{split}", count=counts[split], share=words.percent(shares.get(split)))
        for split in ("train", "test")
        if counts.get(split) is not None
    ]
    listed = facts.get("listed")
    worst = listed is not None and listed < sum(counts.values())
    where = words("doubts.worst", count=listed) if worst else words("doubts.all")
    return {
        "text": " ".join(texts),
        "rows": [
            {
                "text": "\n".join(
                    shorten(str(row[key]), MAX_TEXT) for key in ("text", "text_pair") if row.get(key)
                ),
                "label": _names(row.get("label")),
                "suggestion": _names(row.get("suggestion")),
                "sort": f"{row.get('probability') or 0.0:.6f}",
                "probability": words.number(row.get("probability")),
                "split": words.find("splits", row.get("split")),
                "place": str(row.get("place") or row.get("id") or ""),
            }
            for row in facts.get("rows") or ()
        ],
        "how": f"{where} {words('doubts.how')}",
    }


def _names(value: Any) -> str:
    names = value if isinstance(value, list | tuple) else [value]
    return ", ".join(shorten(str(name), 80) for name in names) or "–"
