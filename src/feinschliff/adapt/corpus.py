"""The raw texts of a domain: read, without repetitions, divided by document.

A row is a document where rows are long. Short rows (sentences, lines) are taken as one running text: rows
that follow each other are joined to stretches, and whole stretches are held out, for the neighbour of a
sentence gives much of it away.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from feinschliff.config import RunConfig
from feinschliff.data import infer
from feinschliff.data.near import near_duplicates
from feinschliff.errors import ConfigError, DataError, counted
from feinschliff.readers import read

LONG_ROW = 1000
"""Characters from which on the median row counts as a document."""
STRETCH = 8000
"""Characters of a stretch of short rows, less where there would be fewer than `STRETCHES` of them."""
STRETCHES, SHORTEST_STRETCH = 200, 400
FEWEST = 10
"""Documents without which nothing can be held out."""
MOST_HELDOUT = 400
"""Documents held out at most: more would not narrow the intervals much."""


@dataclass(frozen=True)
class Corpus:
    """Documents by what they are for.

    Attributes:
        train: Learnt from.
        dev: Decide when to stop.
        test: Measured at the end.
        removed: Rows left out, as {"place", "text", "reason"}.
        facts: Counts for the report.
        notes: Sentences for the user.
        fingerprint: Of contents and division.
    """

    train: list[str]
    dev: list[str]
    test: list[str]
    removed: list[dict[str, str]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    fingerprint: str = ""


@dataclass(frozen=True)
class _Rows:
    texts: list[str]
    places: list[str]
    source: list[int]
    group: list[str | None]
    notes: list[str]


def gather(sources: Sequence[Any], config: RunConfig, apart: Mapping[str, str] | None = None) -> Corpus:
    """Read the sources and divide their documents.

    Args:
        sources: Paths, `hf://owner/name`, data frames or iterables of texts; a folder means its files.
        config: `data` names format and columns, `adapt` the share that is held out.
        apart: Texts that a task will be tested on, with their places: rows like them are left out.

    Raises:
        ConfigError: nothing is named, or a column cannot be found.
        DataError: too little text.
    """
    if not sources:
        raise ConfigError("no texts are named", where="adapt", hint="Name files: feinschliff adapt CORPUS...")
    rows = _read(sources, config)
    kept, removed, counts = _without_repetitions(rows, apart or {})
    if not kept:
        raise DataError("there is no text", where=_name(sources[0]))
    documents, joined = _documents(rows, kept)
    if len(documents) < FEWEST:
        raise DataError(
            "with short rows joined and repetitions left out, the corpus is "
            f"{counted(len(documents), 'document')}; with fewer than {FEWEST} none can be held out to "
            "measure what was learnt",
            where=_name(sources[0]),
            hint="Give more texts",
        )
    order = np.random.default_rng([config.seed, len(documents)]).permutation(len(documents))
    number = min(MOST_HELDOUT, max(4, round(config.adapt.heldout_share * len(documents))))
    dev, test = set(order[: number // 2].tolist()), set(order[number // 2 : number].tolist())
    parts = {
        "train": [d for i, d in enumerate(documents) if i not in dev and i not in test],
        "dev": [documents[i] for i in sorted(dev)],
        "test": [documents[i] for i in sorted(test)],
    }
    facts = {
        "rows": len(rows.texts),
        "documents": {name: len(part) for name, part in parts.items()},
        "characters": {name: sum(map(len, part)) for name, part in parts.items()},
        "joined": joined,
        **counts,
    }
    notes = list(dict.fromkeys(rows.notes))
    if number := counts["probe_tests"]:
        notes.append(f"Left out: {counted(number, 'text')} of the corpus that the probe tests on.")
    if joined:
        notes.append("Rows are short, so neighbours are read as running text, and held out in stretches.")
    return Corpus(**parts, removed=removed, facts=facts, notes=tuple(notes), fingerprint=_fingerprint(parts))


def texts_of(source: Any, config: RunConfig) -> list[str]:
    """Return the texts of one source as they are, empty ones left out."""
    rows = _read([source], config)
    return [text for text in rows.texts if text.strip()]


def _read(sources: Sequence[Any], config: RunConfig) -> _Rows:
    rows = _Rows([], [], [], [], [])
    for number, source in enumerate(_files(sources)):
        table = read(source, config.data)
        column, group = _columns(table, config)
        cells = table.columns[column]
        if not pa.types.is_string(cells.type) and not pa.types.is_large_string(cells.type):
            raise DataError(
                f"column '{column}' holds {cells.type}, no texts",
                where=table.name,
                hint="Name it: --text COLUMN",
            )
        texts = [text or "" for text in cells.to_pylist()]
        rows.texts.extend(texts)
        rows.places.extend(table.places().to_pylist())
        rows.source.extend([number] * len(texts))
        groups = pc.cast(table.columns[group], pa.string()).to_pylist() if group else [None] * len(texts)
        rows.group.extend(groups)
        rows.notes.extend(table.notes)
    return rows


def _files(sources: Sequence[Any]) -> Iterable[Any]:
    for source in sources:
        folder = Path(source) if isinstance(source, str | Path) and source != "-" else None
        if folder is None or not folder.is_dir():
            yield source
            continue
        files = sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
        if not files:
            raise ConfigError("the folder holds no files", where=str(folder))
        yield from files


def _columns(table: Any, config: RunConfig) -> tuple[str, str | None]:
    names = table.columns.column_names
    group = config.data.group
    if group is not None and group not in names:
        raise ConfigError(
            f"there is no column '{group}'", where=table.name, allowed=f"There are: {', '.join(names)}"
        )
    if config.data.text is None and len(names) == 1:
        return names[0], group
    plain = config.model_copy(
        update={"data": config.data.model_copy(update={"label": None, "text_pair": None})}
    )
    return infer(table, plain, labelled=False).text, group


def _without_repetitions(
    rows: _Rows, apart: Mapping[str, str]
) -> tuple[list[int], list[dict[str, str]], dict[str, int]]:
    """Return the rows to keep; those to leave out, what is like a text of `apart` too; how many of each."""
    filled = [i for i, text in enumerate(rows.texts) if text.strip()]
    first: dict[bytes, int] = {}
    unique, removed = [], []
    counts = dict.fromkeys(("empty", "exact_duplicates", "near_duplicates", "probe_tests"), 0)
    counts["empty"] = len(rows.texts) - len(filled)

    def drop(row: int, kind: str, place: str) -> None:
        counts[kind] += 1
        reason = f"{kind}: like {place}"
        removed.append({"place": rows.places[row], "text": rows.texts[row][:500], "reason": reason})

    for row in filled:
        key = hashlib.blake2b(
            " ".join(rows.texts[row].split()).encode("utf-8", "replace"), digest_size=16
        ).digest()
        if key in first:
            drop(row, "exact_duplicates", rows.places[first[key]])
        else:
            first[key] = row
            unique.append(row)
    kept = []
    if unique:
        cluster, _ = near_duplicates(pa.array([*apart, *(rows.texts[i] for i in unique)], pa.string()))
        tested = list(apart.values())
        for index, row in enumerate(unique, len(apart)):
            like = int(cluster[index])
            if like == index:
                kept.append(row)
            elif like < len(apart):
                drop(row, "probe_tests", tested[like])
            else:
                drop(row, "near_duplicates", rows.places[unique[like - len(apart)]])
    return kept, removed, counts


def _documents(rows: _Rows, kept: list[int]) -> tuple[list[str], bool]:
    """Return the documents, and whether short rows were joined to make them."""
    if any(rows.group[i] is not None for i in kept):
        groups: dict[Any, list[str]] = {}
        for i in kept:
            key = (rows.group[i],) if rows.group[i] is not None else (rows.source[i], i)
            groups.setdefault(key, []).append(rows.texts[i])
        return ["\n".join(texts) for texts in groups.values()], False
    lengths = np.array([len(rows.texts[i]) for i in kept])
    if np.median(lengths) >= LONG_ROW:
        return [rows.texts[i] for i in kept], False
    size = int(np.clip(lengths.sum() / STRETCHES, SHORTEST_STRETCH, STRETCH))
    found: list[list[str]] = []
    length, source = size, -1
    for i in kept:
        if length >= size or rows.source[i] != source:
            found.append([])
            length, source = 0, rows.source[i]
        found[-1].append(rows.texts[i])
        length += len(rows.texts[i]) + 1
    return ["\n".join(texts) for texts in found], True


def _fingerprint(parts: dict[str, list[str]]) -> str:
    digest = hashlib.sha256()
    for name, texts in parts.items():
        digest.update(name.encode())
        for text in texts:
            digest.update(hashlib.sha256(text.encode("utf-8", "replace")).digest())
    return digest.hexdigest()[:32]


def _name(source: Any) -> str:
    return str(source)[:200] if isinstance(source, str | Path) else type(source).__name__
