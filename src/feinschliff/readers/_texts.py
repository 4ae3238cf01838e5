"""Texts that lie in a file each, with what is known of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from os.path import relpath
from pathlib import Path

import pyarrow as pa

from feinschliff.config import DataConfig
from feinschliff.errors import DataError, counted
from feinschliff.readers._brat import Annotations
from feinschliff.readers._encoding import Encoding, agreed, find_encoding, read_text
from feinschliff.readers._gather import gather
from feinschliff.readers._input import open_input
from feinschliff.readers._spans import SPANS
from feinschliff.readers._table import Table

_BATCH_FILES = 1024
_FEW = 0.05
"""At most this share of the files is left out where they cannot be read."""


def read_texts(
    name: str,
    folder: Path,
    files: Sequence[Path],
    config: DataConfig,
    labels: Mapping[Path, str] | None,
    annotations: Annotations | None = None,
    notes: tuple[str, ...] = (),
) -> Table:
    """Read each file as one text: `text`, `label` or the file's name within the folder, and `spans`.

    Args:
        name: What messages call the source.
        labels: Of the files; None where they have none.
        annotations: Entities beside the texts.

    Raises:
        DataError: files that are no text, all at once; entities that do not lie in their text.
    """

    def table(rows: list[tuple[str, Path]]) -> Table:
        columns = {"text": [text for text, _ in rows]}
        if labels is None:
            columns["file"] = [relpath(path, folder) for _, path in rows]
        else:
            columns["label"] = [labels[path] for _, path in rows]
        arrays = {key: pa.array(cells, pa.string()) for key, cells in columns.items()}
        if annotations is not None:
            arrays["spans"] = pa.array([annotations.beside(path, text) for text, path in rows], SPANS)
        return Table(pa.table(arrays), name, files=pa.array([str(path) for _, path in rows], pa.string()))

    def batches() -> Iterator[Table]:
        encodings, faults = _encodings(files, config)
        counts: Counter[str] = Counter()
        rows: list[tuple[str, Path]] = []
        for path, encoding in encodings.items():
            try:
                text = read_text(open_input(path), encoding) if path.stat().st_size else ""
            except DataError as error:
                faults.append(error)
                continue
            counts.update(encoding.notes)
            rows.append((text, path))
            if len(rows) == _BATCH_FILES:
                yield table(rows)
                rows = []
        said = notes + tuple(f"{note} ({counted(count, 'file')})" for note, count in counts.items())
        if faults:
            said += (_left_out(name, faults, len(files)),)
        last = table(rows)
        yield replace(last, notes=said + (annotations.notes() if annotations else ()))

    return gather(batches(), name)


def _encodings(files: Sequence[Path], config: DataConfig) -> tuple[dict[Path, Encoding], list[DataError]]:
    found: dict[Path, Encoding] = {}
    faults: list[DataError] = []
    for path in files:
        try:
            found[path] = find_encoding(open_input(path), config) if path.stat().st_size else Encoding()
        except DataError as error:
            faults.append(error)
    return dict(zip(found, agreed(list(found.values())), strict=True)), faults


def _left_out(name: str, faults: Sequence[DataError], num_files: int) -> str:
    """Return the note on a few files that cannot be read.

    Raises:
        DataError: there are more than a few.
    """
    shown = "; ".join(f"{error.where}: {error.fact}" for error in faults[:5])
    if len(faults) > _FEW * num_files:
        fact = f"{counted(len(faults), 'file')} cannot be read: {shown}"
        raise DataError(fact, where=name, hint="Remove them, or name data.encoding")
    return f"left out: {counted(len(faults), 'file')} that cannot be read: {shown}"
