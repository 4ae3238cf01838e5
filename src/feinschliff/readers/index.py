"""A list of labelled files, a label and a path on each line: so the spam tracks of TREC give their mails.

Source: G. Cormack, "TREC 2007 Spam Track Overview", 2007.
"""

from __future__ import annotations

import re
from typing import Any

from feinschliff.config import DataConfig
from feinschliff.readers._encoding import find_encoding, read_lines
from feinschliff.readers._input import open_input
from feinschliff.readers._problems import Problems
from feinschliff.readers._table import Table
from feinschliff.readers._texts import read_texts

SUFFIXES = (".index",)
DESCRIPTION = "A list of files: a label and a path on each line, such as `spam ../data/inmail.1`."
NAME = "index"
"""What such a list is called where it stands beside folders of texts."""
_LINE = re.compile(r"(\S+)[ \t]+(\.{1,2}/.*\S)\s*")


def sniff(text: str, suffix: str) -> float:
    """Return how much the beginning of a file looks like this format, 0 to 1."""
    lines = [line for line in text.split("\n")[:500] if line.strip()]
    return 0.95 * (bool(lines) and all(map(_LINE.match, lines[:-1] or lines)))


def read(source: Any, config: DataConfig) -> Table:
    """Read every file of the list whole: `text` and `label`.

    Paths begin at the list, and lead no further up than to the folder around its own.

    Raises:
        DataError: lines of another kind; files that do not exist, or are no text.
    """
    file = open_input(source)
    folder = file.path.parent
    around = folder.resolve().parent
    problems, labels = Problems(file.name), {}
    for number, line in enumerate(read_lines(file, find_encoding(file, config)), start=1):
        if not line.strip():
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            problems.add(number, f"{line.strip()!r:.60} is no label with a path")
        elif not (path := folder / found[2]).is_file() or around not in path.resolve().parents:
            problems.add(number, f"there is no file '{found[2]}'")
        else:
            labels[path] = found[1]
    problems.raise_if_any(allowed="A label and a path that begins at this file: spam ../data/inmail.1")
    return read_texts(file.name, folder, list(labels), config, labels)
