"""What the checks share: the rows they look at, and what they hand back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from feinschliff.data.dataset import Columns, Finding, Kind, Records
from feinschliff.data.near import Bags
from feinschliff.errors import ConfigError, did_you_mean
from feinschliff.readers import Table

TRAIN, DEV, TEST, NAMES = 0, 1, 2, ("train", "dev", "test")
NUM_EXAMPLES = 5


@dataclass(frozen=True)
class Texts:
    """The different texts of a pool, numbered in the order of their contents.

    Attributes:
        number: int64 [N], the text of each row.
        row: int64 [num_texts], the first row with each text.
        cluster: int64 [num_texts], equal for the texts of one near-duplicate cluster.
        bags: For comparing two texts.
    """

    number: np.ndarray
    row: np.ndarray
    cluster: np.ndarray
    bags: Bags


@dataclass(frozen=True)
class Pool:
    """The rows of all sources, one after the other.

    Attributes:
        records: All rows in normal form; nothing is removed yet.
        source: int8 [N], the file a row came from: 0 train, 1 dev, 2 test.
        split: int8 [N], where it stands now; -1 for rows left out. Equal to `source` before a split is made.
        empty, unlabelled: bool [N], rows without text, without target.
        from_numbers: int64, rows whose text was a number.
        tables: The sources, for columns that play no part.
    """

    columns: Columns
    records: Records
    source: np.ndarray
    split: np.ndarray
    empty: np.ndarray
    unlabelled: np.ndarray
    from_numbers: np.ndarray
    texts: Texts
    tables: dict[int, Table] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        """Of which kind the targets are."""
        return self.columns.kind

    def __len__(self) -> int:
        return len(self.records)

    def text(self, row: int) -> str:
        """Return a row's text, for an example."""
        return self.records.table["text"][row].as_py()

    def label(self, row: int) -> str:
        """Return a row's target in words, for an example."""
        value = self.records.table["target"][row].as_py()
        if isinstance(value, list):
            names = [v if isinstance(v, str) else f"{v['label']} {v['start']}:{v['end']}" for v in value]
            return " + ".join(names) or "no label"
        return str(value)

    def place(self, row: int) -> str:
        """Return where a row stands."""
        return self.records.table["place"][row].as_py()


@dataclass(frozen=True)
class Found:
    """A finding with the rows it concerns, before it is decided what is done about them.

    Attributes:
        rows: int64, in row order; those on the train side can be removed.
        detail: What to say of one row: `same as reviews.csv:12`.
        count: Rows concerned, where that is not `len(rows)`.
        action: What is done, where the settings do not decide it.
        shown: Rows that serve as examples; some of `rows`, spread evenly, when not given.
    """

    kind: str
    severity: str
    rows: np.ndarray
    message: str
    detail: Callable[[int], str] = lambda row: ""
    count: int | None = None
    action: str | None = None
    shown: np.ndarray | None = None

    def finding(self, pool: Pool, action: str) -> Finding:
        """Return the public form, with up to five examples."""
        spread = np.unique(np.linspace(0, len(self.rows) - 1, NUM_EXAMPLES).astype(int))
        shown = [] if not len(self.rows) else self.rows[spread].tolist()
        if self.shown is not None:
            shown = self.shown[:NUM_EXAMPLES].tolist()
        examples = tuple(
            {"place": pool.place(r), "text": shorten(pool.text(r)), "detail": self.detail(r)} for r in shown
        )
        count = len(self.rows) if self.count is None else self.count
        return Finding(self.kind, self.severity, count, self.message, action, examples)


def sample_words(pool: Pool, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, pa.Array]:
    """Return (owner, word, dictionary): each word of each text once, in lower case.

    `owner` counts into `rows`, `word` into the dictionary.
    """
    texts = pc.utf8_lower(pool.records.table["text"].take(rows)).combine_chunks()
    split = pc.utf8_split_whitespace(
        pc.utf8_trim_whitespace(pc.replace_substring_regex(texts, r"[^\pL\pN]+", " "))
    )
    encoded = split.flatten().dictionary_encode()
    owner = np.repeat(np.arange(len(rows)), pc.list_value_length(split).to_numpy())
    size = max(len(encoded.dictionary), 1)
    cells = np.sort(owner * size + encoded.indices.to_numpy())
    cells = cells[np.r_[True, cells[1:] != cells[:-1]]] if len(cells) else cells
    return cells // size, cells % size, encoded.dictionary


def shorten(text: str, limit: int = 160) -> str:
    """Return the text on one line, cut with an ellipsis."""
    line = " ".join(text[: 4 * limit].split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def check_kinds(names: Iterable[str], kinds: Iterable[str], setting: str) -> None:
    """Raise ConfigError, with the nearest, for a kind of finding that a setting does not take."""
    for name in names:
        if name not in kinds:
            raise ConfigError(
                f"'{name}' is no kind of finding that can be named here",
                where=setting,
                allowed=f"There are: {', '.join(sorted(kinds))}",
                hint=did_you_mean(name, kinds),
            )
