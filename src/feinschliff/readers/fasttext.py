"""What fastText learns from: a text on each line, its labels written as `__label__NAME` before it.

Source: https://fasttext.cc/docs/en/supervised-tutorial.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from feinschliff.config import DataConfig
from feinschliff.readers._encoding import find_encoding, read_lines
from feinschliff.readers._gather import gather
from feinschliff.readers._input import open_input
from feinschliff.readers._rows import Row, to_tables
from feinschliff.readers._table import Table

SUFFIXES = (".ft", ".txt")
DESCRIPTION = "fastText: a text on each line, its labels before it as `__label__NAME`."
_LABEL = re.compile(r"(?<!\S)__label__(\S+)\s*")


def sniff(text: str, suffix: str) -> float:
    """Return how much the beginning of a file looks like this format, 0 to 1."""
    return 0.9 * bool(_LABEL.match(text.lstrip("\ufeff\n ")))


def read(source: Any, config: DataConfig) -> Table:
    """Read a file whole: `text` and `label`, a list of labels where a text has several.

    Raises:
        DataError: the file is not text.
    """
    file = open_input(source)
    encoding = find_encoding(file, config)
    table = gather(to_tables(_rows(read_lines(file, encoding)), file.name, notes=encoding.notes), file.name)
    labels = table.columns["label"]
    if (pc.max(pc.list_value_length(labels)).as_py() or 0) > 1:
        return table
    names = pa.array([value[0] if value else None for value in labels.to_pylist()], pa.string())
    return replace(table, columns=table.columns.set_column(1, "label", names))


def _rows(lines: Iterable[str]) -> Iterator[tuple[int, Row]]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield number, {"text": _LABEL.sub("", line).strip(), "label": _LABEL.findall(line)}
