"""Checkpoints: written whole or not at all, checked before they are believed.

A checkpoint is one folder `step-<n>` with the tensors in safetensors, the progress in JSON, and a checksum
over both, written under a temporary name, flushed to disk, and renamed. Two are kept.
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from feinschliff.errors import ResourceError
from feinschliff.train.loop import Progress

KEEP = 2


def save(folder: Path, model: Any, optimiser: Any, progress: Progress, best: dict[str, torch.Tensor]) -> Path:
    """Write a checkpoint and remove all but the last two.

    Args:
        folder: The run's `checkpoints` folder.
        model, optimiser: What is being trained; frozen weights are not written.
        progress: Where training stands.
        best: Weights of the best look at dev so far, by name.

    Raises:
        ResourceError: no space left; older checkpoints stay.
    """
    final = folder / f"step-{progress.step:08d}"
    part = folder / f".{final.name}.part"
    tensors = {f"model/{n}": p.detach() for n, p in model.named_parameters() if p.requires_grad}
    tensors |= {f"best/{n}": t for n, t in best.items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser/{index}/{n}": torch.as_tensor(v) for n, v in state.items()}
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        save_file({n: t.contiguous().cpu() for n, t in tensors.items()}, part / "tensors.safetensors")
        (part / "progress.json").write_text(json.dumps(dataclasses.asdict(progress)), encoding="utf-8")
        (part / "sha256").write_text(_digest(part), encoding="ascii")
        for file in part.iterdir():
            _flush(file)
        shutil.rmtree(final, ignore_errors=True)
        part.rename(final)
        _flush(folder)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(part, ignore_errors=True)
        if getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error):
            raise ResourceError(
                "no space left for a checkpoint", where=str(folder), hint="Free some space, then: --resume"
            ) from None
        raise
    for old in _found(folder)[:-KEEP]:
        shutil.rmtree(old)
    return final


def load(
    folder: Path, model: Any, optimiser: Any
) -> tuple[Progress, dict[str, torch.Tensor], list[str]] | None:
    """Restore the newest intact checkpoint into `model` and `optimiser`.

    Returns:
        Progress, best weights, and a sentence for each damaged checkpoint passed over; None if there is none.
    """
    skipped = []
    for path in reversed(_found(folder)):
        try:
            if (path / "sha256").read_text(encoding="ascii") != _digest(path):
                raise ValueError("its checksum does not fit")
            tensors = load_file(path / "tensors.safetensors")
            progress = Progress(**json.loads((path / "progress.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, SafetensorError) as error:
            skipped.append(f"checkpoint {path.name} is damaged ({error}); the one before it is used")
            continue
        parameters = dict(model.named_parameters())
        state = optimiser.state_dict()
        state["state"] = {}
        best = {}
        with torch.no_grad():
            for name, tensor in tensors.items():
                kind, _, rest = name.partition("/")
                if kind == "model":
                    parameters[rest].copy_(tensor)
                elif kind == "best":
                    best[rest] = tensor
                else:
                    index, _, key = rest.partition("/")
                    state["state"].setdefault(int(index), {})[key] = tensor
        optimiser.load_state_dict(state)
        return progress, best, skipped
    return None


def _found(folder: Path) -> list[Path]:
    return sorted(p for p in folder.glob("step-*") if p.is_dir())


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    for name in ("tensors.safetensors", "progress.json"):
        with (path / name).open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
