"""Tuned models on the Hugging Face Hub, as `feinschliff push` puts them there: `owner/name[@revision]`."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from feinschliff.bundle.spec import NOVELTY_FILE, SPEC_FILE
from feinschliff.errors import ConfigError, ModelError, UnknownModelError
from feinschliff.models.locate import download
from feinschliff.models.onnx import EXACT_FILE, EXPORT_FILE, GRAPH_FILE

WEIGHTS = "model.safetensors"
INDEX = f"{WEIGHTS}.index.json"
FILES = (
    "config.json",
    WEIGHTS,
    "model-*-of-*.safetensors",
    INDEX,
    SPEC_FILE,
    NOVELTY_FILE,
    GRAPH_FILE,
    EXACT_FILE,
    "*.onnx.data",
    EXPORT_FILE,
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "*.model",
    "chat_template.jinja",
)
"""What of a model's folder goes to the Hub and comes from there."""
_ADDRESS = re.compile(r"(?P<repo>(?P<owner>\w[\w.-]*)/\w[\w.-]*)(@(?P<revision>[^@\s]+))?")


def address(source: str | Path) -> tuple[str, str | None] | None:
    """Return repository and revision that are meant, or None for a path.

    What exists here is a path, and so is a name in a folder that does: `runs/reviews-9` is asked of nobody.

    >>> address("owner/name@v1"), address("./name")
    (('owner/name', 'v1'), None)
    """
    match = _match(source)
    if match is None or Path(source).exists() or Path(match["owner"]).is_dir():
        return None
    return match["repo"], match["revision"]


def hidden_by(source: str | Path) -> str | None:
    """Return the folder here for whose sake a name is not taken for one on the Hub."""
    match = _match(source)
    return match["owner"] if match and not Path(source).exists() and Path(match["owner"]).is_dir() else None


def _match(source: str | Path) -> re.Match[str] | None:
    return _ADDRESS.fullmatch(Path(source).as_posix() if isinstance(source, Path) else source)


@cache
def fetch(repo: str, revision: str | None) -> Path:
    """Return the folder of a tuned model in the local cache; the Hub is asked once.

    Raises:
        ConfigError: there is no such model, or it was not tuned with Feinschliff.
        ModelError: the Hub cannot be reached, or wants its terms accepted.
    """
    try:
        folder = download(repo, revision, list(FILES))
    except UnknownModelError as error:
        hint = "A private one needs: hf auth login. Or train a model: feinschliff train"
        raise ConfigError(f"there is no such folder, and {error.fact}", where=repo, hint=hint) from None
    except ModelError as error:
        if error.allowed:  # what works without a network is for base models
            error.allowed, error.hint = None, f"Where there is a network: hf download {repo}"
        raise
    if not (folder / SPEC_FILE).is_file():
        raise ConfigError(
            f"is no model tuned with Feinschliff: {SPEC_FILE} is missing there",
            where=repo,
            hint=f"As a base model: feinschliff train DATA --model {repo}",
        )
    return folder
