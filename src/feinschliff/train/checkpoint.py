"""Checkpoints: written whole or not at all, checked before they are believed.

A checkpoint is one folder `step-<n>` with the tensors in safetensors, the progress in JSON, and a checksum
over both, written under a temporary name, flushed to disk, and renamed. Two are kept.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from feinschliff.errors import ELSEWHERE, ConfigError, ResourceError
from feinschliff.files import flush
from feinschliff.train.loop import Progress
from feinschliff.train.sharding import like, whole

KEEP = 2


def save(
    folder: Path | None, model: Any, optimiser: Any, progress: Progress, best: dict[str, torch.Tensor]
) -> Path | None:
    """Write a checkpoint and remove all but the last two.

    Args:
        folder: The run's `checkpoints` folder. None writes nothing: this process only hands over its share of
            what is shared out, and the one that writes waits for it.
        model, optimiser: What is being trained; frozen weights are not written.
        progress: Where training stands.
        best: Weights of the best look at dev so far, by name.

    Raises:
        ResourceError: it cannot be written, for want of space above all; older checkpoints stay.
    """
    found = {f"model/{n}": p.detach() for n, p in _trained(model).items()}
    found |= {f"best/{n}": t for n, t in best.items()}
    for index, state in optimiser.state_dict()["state"].items():
        found |= {f"optimiser/{index}/{n}": torch.as_tensor(v) for n, v in state.items()}
    tensors = {}
    for name, tensor in found.items():
        together = whole(tensor)
        if folder:
            tensors[name] = together.contiguous().cpu()
    if not folder:
        return None
    final = folder / f"step-{progress.step:08d}"
    part = folder / f".{final.name}.part"
    try:
        for unfinished in folder.glob(".step-*.part"):
            shutil.rmtree(unfinished)
        part.mkdir(parents=True)
        save_file(tensors, part / "tensors.safetensors")
        (part / "progress.json").write_text(json.dumps(dataclasses.asdict(progress)), encoding="utf-8")
        (part / "sha256").write_text(_digest(part), encoding="ascii")
        for file in part.iterdir():
            flush(file)
        shutil.rmtree(final, ignore_errors=True)
        part.rename(final)
        flush(folder)
        for old in _found(folder)[:-KEEP]:
            shutil.rmtree(old)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(part, ignore_errors=True)
        raise ResourceError(
            f"the checkpoint cannot be written: {reason(error)}", where=str(folder), hint=ELSEWHERE
        ) from None
    return final


def load(folder: Path, model: Any, identity: str) -> tuple[Progress, dict[str, torch.Tensor], list[str]]:
    """Read the newest intact checkpoint.

    Args:
        model: The one it must be of.
        identity: Of the data and model; see `Progress`.

    Returns:
        Progress, that of a beginning if there is no checkpoint; the tensors, to be restored; a sentence for
        each damaged checkpoint passed over.

    Raises:
        ConfigError: the checkpoint is of other data, another order of it, or another model.
    """
    damaged = []
    for path in reversed(_found(folder)):
        try:
            if (path / "sha256").read_text(encoding="ascii") != _digest(path):
                raise ValueError("its checksum does not fit")
            tensors = load_file(path / "tensors.safetensors")
            progress = Progress(**json.loads((path / "progress.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, SafetensorError) as error:
            damaged.append(f"Checkpoint {path.name} is damaged ({reason(error)}); the one before it is used.")
            continue
        shapes = {n: t.shape for n, t in tensors.items() if n.startswith("model/")}
        expected = {f"model/{n}": p.shape for n, p in _trained(model).items()}
        if progress.identity != identity or shapes != expected:
            raise ConfigError(
                "the checkpoint is of other data, or another order of it, or another model than this run's",
                where=str(path),
                hint="Restore the data and the base model the run began with, or start a new run",
            )
        return progress, tensors, damaged
    if damaged:
        damaged[-1] = damaged[-1].replace("the one before it is used", "training starts at the beginning")
    return Progress(identity), {}, damaged


@torch.no_grad()
def restore(
    model: Any, optimiser: Any, tensors: Iterable[tuple[str, torch.Tensor]]
) -> dict[str, torch.Tensor]:
    """Put the tensors of a checkpoint, whole and by name, into `model` and `optimiser`.

    Returns:
        Weights of the best look at dev, by name.
    """
    trained, state = _trained(model), optimiser.state_dict()
    places = [p for group in optimiser.param_groups for p in group["params"]]
    best: dict[str, torch.Tensor] = {}
    state["state"] = {}
    for name, tensor in tensors:
        kind, _, rest = name.partition("/")
        if kind == "optimiser":
            index, _, key = rest.partition("/")
            state["state"].setdefault(int(index), {})[key] = like(tensor, places[int(index)])
        elif kind == "best":
            best[rest] = like(tensor, trained[rest])
        else:
            trained[rest].copy_(like(tensor, trained[rest]))
    optimiser.load_state_dict(state)
    return best


def reason(error: BaseException) -> str:
    """Say in a few words why something could not be written or read."""
    text = getattr(error, "strerror", None) or str(error)
    return "no space left on its disk" if "No space left" in text else text


def _trained(model: Any) -> dict[str, torch.nn.Parameter]:
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def _found(folder: Path) -> list[Path]:
    return sorted(p for p in folder.glob("step-*") if p.is_dir())


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    for name in ("tensors.safetensors", "progress.json"):
        with (path / name).open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def share_rights(folder: Path) -> None:
    """Let whoever may read a model's configuration read its weights: safetensors lets only their owner."""
    mode = next(folder.glob("*config.json")).stat().st_mode
    for path in folder.glob("*.safetensors"):
        path.chmod(mode)
