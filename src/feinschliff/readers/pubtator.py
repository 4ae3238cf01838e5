"""PubTator: title and abstract of each document, then its entities with character offsets.

Offsets count from the beginning of the title; one character stands between title and abstract.
BC5CDR and the NCBI disease corpus come so. Source: https://www.ncbi.nlm.nih.gov/research/pubtator3/api
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from feinschliff.config import DataConfig
from feinschliff.readers._encoding import find_encoding, read_lines
from feinschliff.readers._input import open_input
from feinschliff.readers._problems import Problems
from feinschliff.readers._rows import Row
from feinschliff.readers._table import Table
from feinschliff.readers.spans import read_spans

SUFFIXES = (".pubtator", ".txt")
DESCRIPTION = "PubTator: titles and abstracts with entities, as of BC5CDR and the NCBI diseases."
_TEXT = re.compile(r"([^|\s]+)\|[ta]\|(.*)", re.DOTALL)


def sniff(text: str, suffix: str) -> float:
    """Return how much the beginning of a file looks like this format, 0 to 1."""
    return 0.95 * bool(re.match(r"\s*[^|\s]+\|t\|.*\n[^|\s]+\|a\|", text.lstrip("\ufeff")))


def read(source: Any, config: DataConfig) -> Table:
    """Read a file whole: `id`, `text` and `spans`; relations are passed over.

    Raises:
        DataError: the file is not text; lines of neither text nor entity; entities outside of their text.
    """
    file = open_input(source)
    lines = read_lines(file, find_encoding(file, config))
    return read_spans(file.name, _documents(lines, Problems(file.name)), config)


def _documents(lines: Iterable[str], problems: Problems) -> Iterator[tuple[int, Row]]:
    """Yield (first line, row) of each document.

    Raises:
        DataError: after the last line, lines of neither text nor entity.
    """
    begin, name = 0, ""
    texts: list[str] = []
    spans: list[dict[str, Any]] = []
    for number, line in enumerate(lines, start=1):
        line = line.rstrip("\r\n")
        if part := _TEXT.fullmatch(line):
            if part[1] != name or spans:
                if texts:
                    yield begin, {"id": name, "text": " ".join(texts), "spans": spans}
                begin, name, texts, spans = number, part[1], [], []
            texts.append(part[2])
            continue
        cells = line.split("\t")
        if len(cells) >= 5 and cells[1].isdecimal() and cells[2].isdecimal() and cells[4]:
            start, end = int(cells[1]), int(cells[2])
            spans.append({"start": start, "end": end, "label": cells[4], "text": cells[3]})
        elif line.strip() and (len(cells) < 4 or cells[1].isdecimal()):
            problems.add(number, f"{line!r:.60} is neither a text nor an entity")
    if texts:
        yield begin, {"id": name, "text": " ".join(texts), "spans": spans}
    problems.raise_if_any(allowed="An entity is ID, START, END, its text, LABEL, with tabs between")
