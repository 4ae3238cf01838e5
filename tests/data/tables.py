"""Small tables for the tests of this folder."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa

from feinschliff.readers import Table

WORDS = """river stone garden window market letter winter summer bridge orange pencil doctor forest island
mirror butter candle dragon engine flower guitar hammer jacket kitten ladder magnet needle object parrot
rabbit saddle tunnel urchin velvet walnut yellow zipper anchor basket copper"""


def table(name: str = "rows.csv", **columns: Any) -> Table:
    """Return a table whose rows begin on line 2, like those of a CSV file."""
    arrow = pa.table({k: v if isinstance(v, pa.Array) else pa.array(v) for k, v in columns.items()})
    return Table(arrow, name, pa.array(range(2, arrow.num_rows + 2), pa.int64()))


def sentence(number: int, num_words: int = 12) -> str:
    """Return a sentence of its own for each number, unlike any other."""
    rng, words = random.Random(number), WORDS.split()
    return " ".join(f"{rng.choice(words)}{rng.randrange(50)}" for _ in range(num_words))


def reviews(num_rows: int = 60, classes: tuple[str, ...] = ("bad", "good")) -> Table:
    """Return a table of different texts, the classes in turn."""
    labels = [classes[i % len(classes)] for i in range(num_rows)]
    return table(text=[sentence(i) for i in range(num_rows)], label=labels)
