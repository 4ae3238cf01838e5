"""What a system predicted for the records of one split, in the same form for every task and every system."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from feinschliff.data.dataset import Kind, Records


@dataclass(frozen=True)
class Predictions:
    """The predictions of one system, one per record, in record order.

    Attributes:
        kind: What the decisions look like, see `data.Kind`.
        labels: Label names in the order of the score columns; entity types for ner; empty for regression.
        decided: What the system decided. classification: int64 [N], index into `labels`; multilabel: bool
            [N, L]; regression: float64 [N]; ner: per record a list of {"start", "end", "label", "score"}.
        scores: float32 [N, L], probabilities; None for regression and ner.
        answered: bool [N], whether the model is sure enough to give its decision; None: it always is.
        possible: What the truth may be, with the promised probability: bool [N, L], labels; for regression
            float64 [N, 2], the ends of an interval. None where nothing was promised.
        novelty: float64 [N], the share of dev's texts that are less unlike the training texts than this one;
            None where the model does not know.
    """

    kind: Kind
    labels: tuple[str, ...]
    decided: Any
    scores: np.ndarray | None = None
    answered: np.ndarray | None = None
    possible: np.ndarray | None = None
    novelty: np.ndarray | None = None

    def __post_init__(self) -> None:
        assert self.scores is None or self.scores.shape == (len(self.decided), len(self.labels)), (
            f"scores {self.scores.shape} for {len(self.decided)} records and {len(self.labels)} labels"
        )

    def __len__(self) -> int:
        return len(self.decided)

    @property
    def names(self) -> list[Any]:
        """The decisions in the form targets have: str, list of str, float, or list of span dicts."""
        if self.kind == "classification":
            return [self.labels[i] for i in self.decided]
        if self.kind == "multilabel":
            return [[self.labels[i] for i in np.flatnonzero(row)] for row in self.decided]
        if self.kind == "regression":
            return [float(value) for value in self.decided]
        return [[{k: s[k] for k in ("start", "end", "label")} for s in spans] for spans in self.decided]

    def take(self, rows: Sequence[int] | np.ndarray) -> Predictions:
        """Return the predictions of the given rows, in the given order."""
        rows = np.asarray(rows, dtype=np.int64)
        decided = self.decided
        chosen = decided[rows] if isinstance(decided, np.ndarray) else [decided[i] for i in rows]
        columns = (self.scores, self.answered, self.possible, self.novelty)
        return Predictions(self.kind, self.labels, chosen, *(None if c is None else c[rows] for c in columns))

    def possible_names(self, index: int) -> list[Any]:
        """Return what the truth of a record may be: the labels, or low and high of a number."""
        assert self.possible is not None
        row = self.possible[index]
        if self.kind == "regression":
            return row.tolist()
        return [self.labels[i] for i in np.flatnonzero(row)]

    def rows(self, records: Records) -> Iterator[dict[str, Any]]:
        """Yield one row per record, as `predictions/test.jsonl` holds them.

        `label` is the target and absent where the records have none; `prediction` has the same form, and is
        None where the model is not sure enough to answer; `withheld` then holds what it would have answered.
        Classification and multilabel add `probabilities` by label, ner adds `spans` with text and score;
        `possible` and `novelty` are there if known.
        """
        assert len(records) == len(self)
        for index, (record, prediction) in enumerate(zip(records, self.names, strict=True)):
            row: dict[str, Any] = {
                key: record[key] for key in ("id", "text", "text_pair", "group") if key in record
            }
            if record.get("target") is not None:
                row["label"] = record["target"]
            given = self.answered is None or bool(self.answered[index])
            row |= {"prediction": prediction} if given else {"prediction": None, "withheld": prediction}
            if self.kind == "ner":
                text = record["text"]
                row["spans"] = [{**s, "text": text[s["start"] : s["end"]]} for s in self.decided[index]]
            elif self.scores is not None:
                named = zip(self.labels, self.scores[index].tolist(), strict=True)
                row["probabilities"] = {name: round(p, 6) for name, p in named}
            if self.possible is not None:
                row["possible"] = self.possible_names(index)
            if self.novelty is not None:
                row["novelty"] = round(float(self.novelty[index]), 4)
            yield row


def pooled(parts: Sequence[tuple[np.ndarray, Predictions]]) -> Predictions:
    """Return the predictions of all parts in record order.

    Args:
        parts: The rows of each part, int64, and what was predicted for them; every row is in one part.
    """
    back = np.argsort(np.concatenate([rows for rows, _ in parts]), kind="stable")
    first, found = parts[0][1], [part for _, part in parts]
    if first.kind == "ner":
        decided: Any = [spans for part in found for spans in part.decided]
    else:
        decided = np.concatenate([part.decided for part in found])
    columns = [[getattr(part, name) for part in found] for name in ("scores", "answered", "possible")]
    joined = (None if any(c is None for c in column) else np.concatenate(column) for column in columns)
    return Predictions(first.kind, first.labels, decided, *joined).take(back)
