"""Publish a model folder on the Hugging Face Hub: one commit of what predictions need, and the card.

Only files known to hold no text of the data go out. `profile.json` stays: it holds numbers of every training
text for itself, from which somebody who has a text can tell whether the model was trained on it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feinschliff import __version__
from feinschliff.bundle import PROFILE_FILE, SPEC_FILE, find, read_spec
from feinschliff.bundle.hub import FILES, INDEX, WEIGHTS
from feinschliff.errors import ConfigError, HubError, ModelError, first_line
from feinschliff.models.onnx import EXPORT_FILE, GRAPH_FILE

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

CARD_FILE = "README.md"


@dataclass(frozen=True)
class Pushed:
    """What was published.

    Attributes:
        repo: `owner/name`.
        url: Where people find it.
        commit: The commit made.
        branch: The branch it is on.
        files: Names of the files sent.
        kept_back: Names in the folder that were not.
        deleted: Names of an earlier model's files that this one does not have.
    """

    repo: str
    url: str
    commit: str
    branch: str
    files: tuple[str, ...]
    kept_back: tuple[str, ...]
    deleted: tuple[str, ...]


def push(
    folder: str | Path,
    repo: str,
    *,
    private: bool = False,
    branch: str | None = None,
    message: str | None = None,
) -> Pushed:
    """Upload a tuned model in one commit; the repository and the branch are made if they are not there.

    Args:
        folder: A run's folder, its model folder, or an exported folder.
        repo: `owner/name`; what else lies in it stays.
        private: Make the repository private, and refuse one that is public.
        branch: `main` if not given.
        message: Of the commit.

    Raises:
        ConfigError: no tuned model; no name the Hub allows; no valid model card; a public repository where a
            private one was asked for.
        ModelError: the folder lacks files.
        HubError: not logged in, no right to write, no connection.
    """
    from huggingface_hub import CommitOperationDelete, HfApi, constants

    source = find(folder)
    target = branch or constants.DEFAULT_REVISION
    check_name(repo)
    additions = prepare(source, repo, branch)
    sent = tuple(sorted(a.path_in_repo for a in additions))
    api = HfApi(library_name="feinschliff", library_version=__version__)
    with explained(repo, target):
        _check_login(constants.HF_HUB_OFFLINE, repo)
        url = api.create_repo(repo, private=private or None, exist_ok=True)
        if private and not api.repo_info(repo).private:
            raise ConfigError(
                "the repository exists and is public, but --private was asked for; nothing was uploaded",
                where=repo,
                hint="Make it private on the Hub, or name another one",
            )
        if branch and branch != constants.DEFAULT_REVISION:
            api.create_branch(repo, branch=branch, exist_ok=True)
        there = api.list_repo_files(repo, revision=target)
        old = tuple(n for n in there if n not in sent and (_is_ours(n) or n == PROFILE_FILE))
        operations: list[CommitOperationAdd | CommitOperationDelete] = list(additions)
        operations += [CommitOperationDelete(name) for name in old]
        done = api.create_commit(
            repo,
            operations,
            commit_message=message or f"Upload a model tuned with Feinschliff {__version__}",
            revision=target,
        )
    kept = tuple(sorted(p.name for p in source.iterdir() if p.name not in sent))
    return Pushed(repo, str(url), done.oid, target, sent, kept, old)


def prepare(folder: Path, repo: str, branch: str | None = None) -> list[CommitOperationAdd]:
    """Return what is to be uploaded: the safe files of a model folder, and its card.

    Raises:
        ConfigError: there is no model card, or its metadata cannot be read.
        ModelError: files are missing or damaged.
    """
    from huggingface_hub import CommitOperationAdd

    from feinschliff.report.card import public_name

    spec = read_spec(folder / SPEC_FILE)
    files = {p.name: p for p in sorted(folder.iterdir()) if p.is_file() and _is_ours(p.name)}
    missing = sorted(_needed(folder) - set(files))
    if missing:
        raise ModelError(f"the model lacks {', '.join(missing)}", where=str(folder), hint="Train again")
    facts = json.loads(files.pop(SPEC_FILE).read_text(encoding="utf-8"))
    facts["base_model"] = public_name(spec.base_model)
    made = {
        CARD_FILE: _card(folder, spec.fingerprint, repo, branch),
        SPEC_FILE: json.dumps(facts, ensure_ascii=False, indent=1),
    }
    return [
        *(CommitOperationAdd(name, text.encode()) for name, text in made.items()),
        *(CommitOperationAdd(name, path) for name, path in files.items()),
    ]


def check_name(repo: str) -> None:
    """Accept `owner/name` as the Hub does.

    Raises:
        ConfigError: it is no such name.
    """
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(repo)
        legal = repo.count("/") == 1
    except HFValidationError:
        legal = False
    if not legal:
        raise ConfigError(
            "is no name of a repository",
            where=repo,
            allowed="owner/name: letters, digits, '-', '_' and '.', at most 96 of them",
            hint="The owner is you or your organization on the Hub",
        )


@contextmanager
def explained(repo: str, branch: str) -> Iterator[None]:
    """Turn failures of the Hub into one message each.

    Raises:
        ConfigError: the Hub does not accept what was asked for.
        HubError: not logged in, no right to write, no connection.
    """
    from huggingface_hub import constants
    from huggingface_hub.errors import HfHubHTTPError, HTTPError

    try:
        yield
    except HfHubHTTPError as error:
        status = error.response.status_code
        said = first_line(error.server_message or str(error))
        if status == 401:
            raise HubError(
                f"{constants.ENDPOINT} does not accept your token ({said})",
                where=repo,
                hint="Log in with a token that may write: hf auth login",
            ) from None
        if status in (402, 403, 404):
            raise HubError(
                f"you may not write to branch '{branch}' of this repository ({said})",
                where=repo,
                hint="Check the owner's name (hf auth whoami) and that the token may write: hf auth login",
            ) from None
        if status in (400, 409, 412, 422):
            raise ConfigError(f"the Hub refuses the upload: {said}", where=repo) from None
        raise HubError(f"{constants.ENDPOINT} cannot take the upload now ({said})", where=repo) from None
    except ValueError as error:  # its answer to the card
        raise ConfigError(f"the Hub refuses the upload: {' '.join(str(error).split())}", where=repo) from None
    except (HTTPError, OSError, RuntimeError) as error:
        cause = error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error
        raise HubError(
            f"{constants.ENDPOINT} cannot be reached ({first_line(cause)})",
            where=repo,
            hint="Nothing was committed; run the command again",
        ) from None


def _check_login(offline: bool, repo: str) -> None:
    from huggingface_hub import get_token

    if offline:
        raise HubError(
            "nothing can be uploaded, for HF_HUB_OFFLINE is set",
            where=repo,
            hint="Unset it: HF_HUB_OFFLINE=0",
        )
    if not get_token():
        raise HubError(
            "you are not logged in to the Hub",
            where=repo,
            hint="Log in with a token that may write: hf auth login, or set HF_TOKEN",
        )


def _is_ours(name: str) -> bool:
    return "/" not in name and any(fnmatchcase(name, pattern) for pattern in FILES)


def _needed(folder: Path) -> set[str]:
    """Name the files without which the model cannot be loaded."""
    if (folder / GRAPH_FILE).is_file():
        return {EXPORT_FILE, "tokenizer.json"}
    needed = {"config.json", "tokenizer.json"}
    if not (folder / INDEX).is_file():
        return needed | {WEIGHTS}
    return needed | set(_read(folder / INDEX).get("weight_map", {}).values())


def _card(folder: Path, fingerprint: str, repo: str, branch: str | None) -> str:
    """Return the folder's card, or the one that the run's result gives, for readers on the Hub."""
    from huggingface_hub import ModelCard

    from feinschliff.report.card import at_hub, card

    path, result = folder / CARD_FILE, folder.parent / "result.json"
    if path.is_file():
        text = path.read_text(encoding="utf-8")
    else:
        measured = _read(result) if result.is_file() and not (folder / GRAPH_FILE).is_file() else {}
        if measured.get("data", {}).get("fingerprint") != fingerprint:
            raise ConfigError(
                f"the model has no card, and no result of its run to make one from ({CARD_FILE})",
                where=str(folder),
                hint=f"Write a {CARD_FILE} that says what the model is for and how good it is",
            )
        text = card(measured)
    try:
        ModelCard(text)
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError(
            f"the metadata between the lines '---' cannot be read ({first_line(error)})", where=str(path)
        ) from None
    return at_hub(text, repo, branch)


def _read(path: Path) -> Mapping[str, Any]:
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"is damaged ({first_line(error)})", where=str(path)) from None
    return tree if isinstance(tree, dict) else {}
