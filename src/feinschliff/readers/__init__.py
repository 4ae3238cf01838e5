"""One file per format: a source in, a `Table` with the place of every row out.

A format is a module with `SUFFIXES` (with the dot, lower case), `DESCRIPTION` (one line) and
`read(source, config) -> Table`. It may have

- `sniff(text, suffix) -> float`: how much the beginning of a text file looks like it, 0 to 1;
- `MAGIC`: bytes with which every file of the format begins;
- `accepts(source) -> bool`: for sources that are no files, such as data frames;
- `batches(source, config, batch_rows) -> Iterator[Table]`: reading in constant memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from os import PathLike
from types import ModuleType
from typing import Any

from feinschliff import registry
from feinschliff.config import DataConfig
from feinschliff.errors import ConfigError, DataError
from feinschliff.readers._chat import with_answers
from feinschliff.readers._encoding import head_text
from feinschliff.readers._examples import one_row_each
from feinschliff.readers._gather import gather
from feinschliff.readers._input import Input, open_input
from feinschliff.readers._lists import read_list
from feinschliff.readers._prodigy import without_rejected
from feinschliff.readers._questions import refuse_questions
from feinschliff.readers._rows import without_surrogates
from feinschliff.readers._shards import shard_notes
from feinschliff.readers._spans import join_tokens, with_spans
from feinschliff.readers._splits import SPLITS
from feinschliff.readers._table import Table
from feinschliff.readers._tags import is_tag
from feinschliff.readers._unread import refuse_unread
from feinschliff.readers._write import TableWriter, json_rows, write_table
from feinschliff.readers._write_conll import ConllWriter, tags_of
from feinschliff.readers._written import with_written_spans

__all__ = [
    "READING",
    "SPLITS",
    "ConllWriter",
    "Source",
    "Table",
    "TableWriter",
    "gather",
    "is_tag",
    "iter_batches",
    "join_tokens",
    "json_rows",
    "read",
    "read_list",
    "tags_of",
    "without_surrogates",
    "write_table",
]

READING = ("format", "delimiter", "header", "sheet", "encoding", "tag_scheme", "tag_column")
"""Settings of `data` that say how a source is read."""

_DELIMITED = ("csv", "words")
"""The readers that a named delimiter is for."""

Source = str | PathLike[str] | Input | Iterable[Any]
"""A path, `-` for standard input, `hf://owner/name`, a data frame, or an iterable of rows."""


def read(source: Source, config: DataConfig | None = None) -> Table:
    """Read a source whole.

    Args:
        config: The settings named in `READING` matter here.

    Raises:
        ConfigError: no such file, format or option.
        DataError: the content cannot be read; all faults at once.

    >>> read(["Good.", "Bad."]).columns.column_names
    ['text']
    """
    config = config or DataConfig()
    module, source, notes = _choose(source, config)
    table = _usual(module.read(source, config), config)
    if len(table) == 0:
        raise DataError("there are no rows", where=table.name)
    return replace(table, notes=notes + table.notes)


def iter_batches(source: Source, config: DataConfig | None = None, batch_rows: int = 1024) -> Iterator[Table]:
    """Yield a source in tables of up to `batch_rows` rows.

    CSV, JSON Lines, Parquet and plain text take constant memory, other formats are read whole. A column's
    type is that of its values in the batch.

    Raises:
        ConfigError, DataError: as `read`.
    """
    config = config or DataConfig()
    module, source, notes = _choose(source, config)
    if hasattr(module, "batches"):
        tables = (_usual(table, config) for table in module.batches(source, config, batch_rows))
    else:
        whole = _usual(module.read(source, config), config)
        tables = (whole.slice(start, batch_rows) for start in range(0, len(whole), batch_rows))
    offset = 0
    for table in tables:
        yield replace(table, notes=notes + table.notes if offset == 0 else (), offset=offset)
        offset += len(table)
    if offset == 0:
        raise DataError("there are no rows", where=source.name if isinstance(source, Input) else str(source))


def _usual(table: Table, config: DataConfig) -> Table:
    """Return a table with entities and refused answers in the form that all formats share."""
    refuse_questions(table)
    table = with_written_spans(one_row_each(with_answers(table)), config)
    return without_rejected(with_spans(table, config))


def _choose(source: Source, config: DataConfig) -> tuple[ModuleType, Source, tuple[str, ...]]:
    """Return (reader, source, notes); a file is opened on the way."""
    named_format = None if config.format == "auto" else registry.load("readers", config.format)
    readers = {name: registry.load("readers", name) for name in registry.names("readers")}
    for module in readers.values():
        if hasattr(module, "accepts") and module.accepts(source):
            return module, source, ()
    if hasattr(named_format, "accepts"):
        raise ConfigError(f"is no source for the format '{config.format}'", where=f"{source!s:.200}")
    file = open_input(source)
    part = shard_notes(file.name)
    if named_format is not None:
        return named_format, file, part
    for name, module in readers.items():
        if hasattr(module, "MAGIC") and file.head.startswith(module.MAGIC):
            return module, file, part if file.suffix in module.SUFFIXES else (f"read as {name}", *part)
    named = {name: module for name, module in readers.items() if file.suffix in module.SUFFIXES}
    if config.delimiter is not None:
        delimited = {name: readers[name] for name in _DELIMITED if name in named}
        named = (delimited or named) if named else {"csv": readers["csv"]}
    text = head_text(file)
    refuse_unread(file, text)
    found = [(_sniff(module, text, file.suffix), name) for name, module in (named or readers).items()]
    score, name = max(found)
    if score == 0 and not named:
        reason = file.not_text() or "the format is not recognised"
        raise DataError(reason, where=file.name, hint="Name the format: --set data.format=...")
    return readers[name], file, part if named else (f"read as {name}", *part)


def _sniff(module: ModuleType, text: str, suffix: str) -> float:
    if hasattr(module, "sniff"):
        return module.sniff(text, suffix)
    return 0.1 if suffix in module.SUFFIXES else 0.0
