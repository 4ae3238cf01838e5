"""Data sets of the Hugging Face Hub: `hf://owner/name[@revision][/config][:split]`, or one file of it.

No loading script is ever run. The files of a split are those the data set's card names; without a card they
are told by their names. Data sets that are only a script are read from the Parquet copy the Hub makes of
them. What was downloaded once is found again offline.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from feinschliff.config import DataConfig
from feinschliff.errors import ConfigError, FeinschliffError, first_line, nearest
from feinschliff.readers._gather import gather
from feinschliff.readers._shards import shard_notes
from feinschliff.readers._splits import split_of
from feinschliff.readers._table import Table

SUFFIXES = ()
DESCRIPTION = "Data sets of the Hugging Face Hub: `hf://owner/name[/config][:split]`."
PREFIX = "hf://"
CARD = "README.md"
CONVERTED = "refs/convert/parquet"
_FORMATS = (".parquet", ".arrow", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".txt")
"""Best first: where a split is there in several formats, one is read."""
_ADDRESS = re.compile(
    r"hf://(?:datasets/)?(?P<repo>[^/@:]+/[^/@:]+)(?:@(?P<revision>[^/:]+))?(?:/(?P<rest>[^:@]+))?(?::(?P<split>[^:/]+))?"
)

Splits = dict[str, dict[str, list[str]]]
"""Config to split to files."""


def accepts(source: Any) -> bool:
    """Return whether the source is an address of the Hub."""
    return isinstance(source, str) and source.startswith(PREFIX)


def repository(source: Any) -> str | None:
    """Return the id of the data set that an address means, or None for what is no address.

    >>> repository("hf://owner/name@main/config:test")
    'owner/name'
    """
    match = _ADDRESS.fullmatch(source) if accepts(source) else None
    if match is None:
        return None
    return match["repo"]


def read(source: Any, config: DataConfig) -> Table:
    """Read one split: the named one, the only one, or `train`.

    Raises:
        ConfigError: no such data set, config, split or file.
        FeinschliffError: the Hub cannot be reached and the data set was never downloaded.
    """
    match = _ADDRESS.fullmatch(source)
    if match is None:
        raise ConfigError(
            "is no address of a data set", where=source, allowed="hf://owner/name[/config][:split]"
        )
    repo = _look_up(match["repo"], match["revision"], source)
    if match["rest"] in repo.files:
        return _read_files(repo, [match["rest"]], source, config)
    if not find_splits(repo.files, repo.card) and match["revision"] is None:
        repo = _look_up(match["repo"], CONVERTED, source)
    configs = find_splits(repo.files, repo.card)
    if not configs:
        raise ConfigError(
            "the data set has no files that can be read", where=source, allowed=", ".join(_FORMATS)
        )
    where = f"{source} (in the local cache, the hub cannot be reached)" if repo.is_cached else source
    splits = configs[_choose(match["rest"], configs, "default", "config", where, "/")]
    split = _choose(match["split"], splits, "train", "split", where, ":")
    if CARD in repo.files:
        _fetch(repo, CARD, source)  # it names the splits when the data set is read offline later
    table = _read_files(repo, splits[split], source, config)
    note = f"split {split} of {', '.join(splits)}"
    return replace(table, notes=((note,) if len(splits) > 1 and match["split"] is None else ()) + table.notes)


@dataclass(frozen=True)
class _Repo:
    """A data set.

    Attributes:
        revision: As asked for, so that the cache finds it again under that name.
        card: The metadata of its README.
        is_cached: It was found in the local cache, because the Hub cannot be reached.
    """

    name: str
    revision: str | None
    files: tuple[str, ...]
    card: Mapping[str, Any]
    is_cached: bool = False


def find_splits(files: Sequence[str], card: Mapping[str, Any]) -> Splits:
    """Return which files make up which split of which config.

    >>> find_splits(["data/train-0.parquet", "data/test-0.parquet", "README.md"], {})
    {'default': {'train': ['data/train-0.parquet'], 'test': ['data/test-0.parquet']}}
    """
    data = [f for f in files if _suffix(f) in _FORMATS and not PurePosixPath(f).name.startswith((".", "_"))]
    found: Splits = {}
    for name, split, patterns in _card_entries(card):
        matching = [
            file for file in data if any(fnmatch(file, pattern.removeprefix("./")) for pattern in patterns)
        ]
        if matching:
            found.setdefault(name, {}).setdefault(split, []).extend(matching)
    if not found:
        for file in data:
            folders = PurePosixPath(file).parts[:-1]
            name = folders[0] if folders and folders[0] != "data" and not split_of(folders[0]) else "default"
            split = next((s for part in reversed(PurePosixPath(file).parts) if (s := split_of(part))), "")
            if split or _suffix(file) != ".txt":  # a licence or a list of requirements
                found.setdefault(name, {}).setdefault(split, []).append(file)
        for name, splits in found.items():
            if set(splits) != {""}:
                splits.pop("", None)
            found[name] = {split or "train": matching for split, matching in splits.items()}
    return {
        name: {split: _one_format(paths) for split, paths in splits.items()} for name, splits in found.items()
    }


def _card_entries(card: Mapping[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    """Yield (config, split, path patterns) from a card's metadata, which anyone may have written by hand."""
    configs = card.get("configs")
    for entry in configs if isinstance(configs, list) else []:
        if not isinstance(entry, Mapping):
            continue
        name, data_files = str(entry.get("config_name", "default")), entry.get("data_files")
        if isinstance(data_files, Mapping):
            data_files = [{"split": split, "path": path} for split, path in data_files.items()]
        if isinstance(data_files, str):
            data_files = [data_files]
        for item in data_files if isinstance(data_files, list) else []:
            split, path = (
                (item.get("split"), item.get("path")) if isinstance(item, Mapping) else ("train", item)
            )
            yield name, str(split), [str(p) for p in (path if isinstance(path, list) else [path])]


def _one_format(files: Sequence[str]) -> list[str]:
    best = min(_FORMATS.index(_suffix(file)) for file in files)
    return sorted({file for file in files if _suffix(file) == _FORMATS[best]})


def _suffix(file: str) -> str:
    return PurePosixPath(re.sub(r"\.(gz|zst)$", "", file.lower())).suffix


def _choose(named: str | None, known: Mapping[str, Any], usual: str, what: str, where: str, sign: str) -> str:
    if named in known:
        return str(named)
    if named is None and (len(known) == 1 or usual in known):
        return usual if usual in known else next(iter(known))
    close = nearest(named, known) if named else None
    raise ConfigError(
        f"there is no {what} '{named}'" if named else f"there are several {what}s",
        where=where,
        allowed=f"One of: {', '.join(sorted(known)[:40])}",
        hint=f"Did you mean '{close}'?" if close else f"Add {sign}NAME to the address",
    )


def _look_up(name: str, revision: str | None, source: str) -> _Repo:
    """Ask the Hub which files a data set has, or the local cache when the Hub cannot be reached."""
    from huggingface_hub import HfApi, constants, errors
    from huggingface_hub.utils import get_session

    library = importlib.import_module(
        type(get_session()).__module__.partition(".")[0]
    )  # httpx or its successor
    try:
        info = HfApi().dataset_info(name, revision=revision, timeout=10)
    except errors.GatedRepoError:
        address = f"{constants.ENDPOINT}/datasets/{name}"
        hint = f"Accept them on {address}, then: hf auth login"
        raise ConfigError(
            "the data set's owner asks you to accept terms first", where=source, hint=hint
        ) from None
    except (errors.RepositoryNotFoundError, errors.HFValidationError):
        raise ConfigError(
            f"{constants.ENDPOINT} has no such data set",
            where=source,
            hint="A private one needs: hf auth login",
        ) from None
    except errors.RevisionNotFoundError:
        fact = "no files that can be read" if revision == CONVERTED else f"no revision '{revision}'"
        raise ConfigError(f"the data set has {fact}", where=source) from None
    except (library.HTTPError, OSError, ValueError) as error:
        return _look_up_cached(name, revision, source, error)
    card = info.card_data.to_dict() if info.card_data is not None else {}
    return _Repo(name, revision, tuple(s.rfilename for s in info.siblings or ()), card)


def _look_up_cached(name: str, revision: str | None, source: str, error: Exception) -> _Repo:
    from huggingface_hub import constants, metadata_load, snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    folder = None
    for tried in [revision] if revision else [None, CONVERTED]:
        with suppress(LocalEntryNotFoundError, OSError, ValueError):
            folder = snapshot_download(name, repo_type="dataset", revision=tried, local_files_only=True)
            revision = tried
            break
    if folder is None:
        raise FeinschliffError(
            f"not in the local cache, and {constants.ENDPOINT} cannot be reached ({first_line(error)})",
            where=source,
            hint=f"Where there is a network: hf download {name} --repo-type dataset",
        )
    files = sorted(p.relative_to(folder).as_posix() for p in Path(folder).rglob("*") if p.is_file())
    card = metadata_load(Path(folder) / CARD) if CARD in files else None
    return _Repo(name, revision, tuple(files), card or {}, is_cached=True)


def _read_files(repo: _Repo, files: Sequence[str], source: str, config: DataConfig) -> Table:
    """Read the files one after another; rows of text formats know their file and line."""
    from feinschliff.readers import read as read_file

    if config.format == "hub":
        config = config.model_copy(update={"format": "auto"})

    def tables() -> Iterator[Table]:
        for file in files:
            path = _fetch(repo, file, source)
            table = read_file(path, config)
            notes = tuple(note for note in table.notes if note not in shard_notes(path))  # all are read
            name = f"{PREFIX}{repo.name}/{file}"
            names = None if table.lines is None else pa.repeat(name, len(table))
            yield replace(table, name=name, files=names, notes=notes)

    table = gather(tables(), source)
    notes = ("the hub cannot be reached, taken from the local cache",) if repo.is_cached else ()
    return replace(table, notes=notes + table.notes)


def _fetch(repo: _Repo, file: str, source: str) -> str:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    try:
        return hf_hub_download(
            repo.name, file, repo_type="dataset", revision=repo.revision, local_files_only=repo.is_cached
        )
    except (EntryNotFoundError, OSError, ValueError) as error:
        raise FeinschliffError(
            f"'{file}' could not be downloaded: {first_line(error)}", where=source
        ) from None
