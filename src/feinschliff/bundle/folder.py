"""Write a tuned model to a folder, whole or not at all, and read it back."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

from feinschliff import __version__, registry
from feinschliff.bundle import hub
from feinschliff.bundle.model import Model, OnnxModel
from feinschliff.bundle.spec import NOVELTY_FILE, PROFILE_FILE, SCHEMA, SPEC_FILE, read_spec
from feinschliff.errors import ConfigError, ModelError
from feinschliff.evaluate.drift import Profile
from feinschliff.evaluate.novelty import Novelty
from feinschliff.models import load as loading
from feinschliff.models import onnx

SHOWN = 8
"""Labels named in a message."""


def load(folder: str | Path, device: str = "auto", *, fast: bool = False) -> Model:
    """Load a tuned model from a run's folder, its `model` folder, an exported folder, or from the Hub.

    Args:
        folder: The folder, or `owner/name[@revision]` on the Hub, which goes to the local cache.
        device: `auto`, `cpu`, `cuda`, ...
        fast: Compute in bfloat16 where the hardware multiplies it; see `Model.hasten`.

    Raises:
        ConfigError: there is no tuned model.
        ModelError: its files are damaged.
    """
    path = find(folder)
    spec = read_spec(path / SPEC_FILE)
    task = registry.load("tasks", spec.task)
    if (path / onnx.GRAPH_FILE).is_file():
        model: Model = OnnxModel(path, spec)
    else:
        network = loading.load_model(path, task.AUTO_CLASS, complete=True)
        _match_labels(path, network.config.id2label, task.head(spec.labels).get("id2label"))
        tokenizer = loading.load_tokenizer(path)
        loading.match_inputs(tokenizer, network)
        model = Model(network, tokenizer, spec, device)
        model.novelty = _read_novelty(path / NOVELTY_FILE)
        if fast:
            model.hasten()
    model.profile = _read_profile(path / PROFILE_FILE)
    return model


def find(folder: str | Path) -> Path:
    """Return the folder that holds `feinschliff.json`: the given one, `model` in it, or one from the Hub.

    Raises:
        ConfigError: there is none.
        ModelError: the Hub cannot be reached.
    """
    if (address := hub.address(folder)) is not None:
        return hub.fetch(*address)
    for path in (Path(folder), Path(folder) / "model"):
        if (path / SPEC_FILE).is_file():
            return path
    if not Path(folder).exists():
        owner = hub.hidden_by(folder)
        hint = f". The Hub is not asked, for a folder '{owner}' is here" if owner else ""
        raise ConfigError(
            "there is no such folder", where=str(folder), hint=f"Train a model first: feinschliff train{hint}"
        )
    raise ConfigError(
        "is no tuned model",
        where=str(folder),
        allowed=f"Give a run's folder, or a model folder with {SPEC_FILE} in it",
    )


def _match_labels(folder: Path, found: Mapping[int, str], expected: Mapping[int, str] | None) -> None:
    """Refuse a network whose outputs do not mean what `feinschliff.json` says.

    Raises:
        ModelError: they do not.
    """
    if expected is not None and found != expected:
        raise ModelError(
            f"the outputs mean {_some(found)} by config.json, and {_some(expected)} by {SPEC_FILE}",
            where=str(folder),
            hint="Its files are of two models; copy the folder again as a whole, or train again",
        )


def _some(names: Mapping[int, str]) -> str:
    shown = ", ".join(list(names.values())[:SHOWN])
    return f"{shown}, ..." if len(names) > SHOWN else shown


def save(model: Model, folder: Path, card: str = "") -> None:
    """Write the model folder, whole or not at all, and prove that it can be read back.

    Raises:
        ResourceError: it cannot be written, for want of space above all; nothing is left behind.
        ModelError: the reloaded weights differ from the saved ones.
    """
    from safetensors.numpy import save_file

    from feinschliff.train.saved import prove, written

    network, tokenizer = model.learner.model, model.tokenizer
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.model_max_length = model.spec.reading.max_length_tokens
    spec = {"schema": SCHEMA, "feinschliff": __version__, **dataclasses.asdict(model.spec)}
    with written(folder) as part:
        loading.quietly(lambda: network.save_pretrained(part))
        tokenizer.save_pretrained(part)
        (part / SPEC_FILE).write_text(json.dumps(spec, ensure_ascii=False, indent=1), encoding="utf-8")
        if model.profile:
            write_profile(model.profile, part)
        if model.novelty:
            save_file(vars(model.novelty), part / NOVELTY_FILE)
        if card:
            (part / "README.md").write_text(card, encoding="utf-8")
        prove(network, part, registry.load("tasks", model.spec.task).AUTO_CLASS, complete=True)


def _read_novelty(path: Path) -> Novelty | None:
    if not path.is_file():
        return None
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return Novelty(**load_file(path))
    except (OSError, SafetensorError, TypeError) as error:
        raise ModelError(f"is damaged ({type(error).__name__}: {error})", where=str(path)) from None


def write_profile(profile: Profile, folder: Path) -> None:
    """Write what the training data looked like beside a model."""
    (folder / PROFILE_FILE).write_text(json.dumps(profile.as_dict()), encoding="utf-8")


def _read_profile(path: Path) -> Profile | None:
    if not path.is_file():
        return None
    try:
        return Profile.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise ModelError(f"is damaged ({type(error).__name__}: {error})", where=str(path)) from None
