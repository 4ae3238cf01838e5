"""Entities as brat keeps them: beside `a.txt` a file `a.ann` with a line for each, `T1`, `LOC 3 6`, `Ulm`.

BioNLP's shared tasks call it `a.a1`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from feinschliff.config import DataConfig
from feinschliff.errors import counted
from feinschliff.readers._encoding import find_encoding, read_lines
from feinschliff.readers._input import open_input
from feinschliff.readers._offsets import SpanReader
from feinschliff.readers._problems import Problems

SUFFIXES = (".ann", ".a1")
"""Of the files with entities; what BioNLP calls `.a2` holds events."""


class Annotations:
    """The entities beside the texts of a folder; relations, events and notes are passed over."""

    def __init__(self, config: DataConfig):
        self.config = config
        self.reader = SpanReader(Problems(""))
        self.num_joined = 0

    def beside(self, path: Path, text: str) -> list[dict[str, Any]] | None:
        """Return the entities of a text, sorted, without repetitions; None where no file has any.

        Raises:
            DataError: lines that are no entities, or do not lie in the text.
        """
        file = next((file for suffix in SUFFIXES if (file := path.with_suffix(suffix)).is_file()), None)
        if file is None:
            return None
        if file.stat().st_size == 0:
            return []
        problems = self.reader.problems = Problems(str(file))
        source = open_input(file)
        spans = []
        for number, line in enumerate(read_lines(source, find_encoding(source, self.config)), start=1):
            if line.startswith("T"):
                spans += self._read(line.rstrip("\r\n"), text, number)
        problems.raise_if_any(allowed="An entity is T1, a tab, LABEL START END, a tab, its text")
        unique = {(span["start"], span["end"], span["label"]): span for span in spans}
        return [unique[key] for key in sorted(unique)]

    def notes(self) -> tuple[str, ...]:
        """Return what the user should know after all texts."""
        if not self.num_joined:
            return self.reader.notes()
        entities = counted(self.num_joined, "entity of several parts is", "entities of several parts are")
        return (*self.reader.notes(), f"{entities} read from the first to the last character")

    def _read(self, line: str, text: str, number: int) -> list[dict[str, Any]]:
        """Return the entity of a line in a list, or an empty one and a problem noted."""
        _, place, *surface = line.split("\t")[:3] if "\t" in line else (line, "")
        label, *offsets = place.replace(";", " ").split() or [""]
        if len(offsets) < 2 or len(offsets) % 2 or not all(n.isdecimal() for n in offsets):
            self.reader.problems.add(number, f"{line!r:.60} is no entity")
            return []
        begins, ends = [int(n) for n in offsets[::2]], [int(n) for n in offsets[1::2]]
        gaps = [text[end:begin] for end, begin in zip(ends, begins[1:], strict=False)]
        self.num_joined += any(not gap.isspace() for gap in gaps)
        span = {"start": min(begins), "end": max(ends), "label": label}
        if len(begins) == 1 and surface:
            written = text[begins[0] : ends[0]]
            span["text"] = written if written.split() == surface[0].split() else surface[0]
        return self.reader.read([span], text, number) or []
