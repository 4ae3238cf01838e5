"""Which runtime predicts: torch, or onnxruntime where the run has been exported for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from feinschliff.bundle import Model
    from feinschliff.data import Records

RUNTIMES = ("auto", "torch", "onnx")
PROBE_TEXTS = 64


def exported(model: Path, *names: str) -> Path | None:
    """Return the first of these exports beside a run's model, where `feinschliff export` puts them.

    One of other weights than the model's is passed over with a warning.
    """
    from feinschliff.bundle import find
    from feinschliff.cli._output import console
    from feinschliff.errors import command
    from feinschliff.models.digest import weights_digest
    from feinschliff.models.onnx import EXPORT_FILE, GRAPH_FILE, read_facts

    source = find(model)
    found = [source.parent / name for name in names if (source.parent / name / EXPORT_FILE).is_file()]
    if not found or (source / GRAPH_FILE).is_file():
        return None
    digest = weights_digest(source)
    for folder in found:
        if read_facts(folder).get("weights_sha256") == digest:
            return folder
        console(stderr=True).print(
            f"Warning: {folder} is not used, for it was not made of the model beside it. "
            f"Remove it and export anew: {command('export', model)}",
            style="yellow",
            soft_wrap=True,
        )
    return None


def load(model: Path, runtime: str, device: str, fast: bool = False) -> tuple[Model, Model | None]:
    """Load the model to predict with, and for `auto` the other one if there are two to choose from.

    `onnx` takes the most exact export there is, `auto` only one as exact as the model.
    An export cannot tell novelty, so that `auto` keeps to torch for models that can: which columns are
    written must not depend on which was faster.

    Raises:
        ConfigError: an unknown runtime, or one that the model has not been exported for.
    """
    from feinschliff.bundle import OnnxModel, load
    from feinschliff.errors import ConfigError
    from feinschliff.models.onnx import EXPORTS

    if runtime not in RUNTIMES:
        raise ConfigError(f"there is no runtime '{runtime}'", where="--runtime", allowed=", ".join(RUNTIMES))
    if runtime == "onnx" and (fast or device not in ("auto", "cpu")):
        raise ConfigError(
            "runs exports as they are, on the CPU", where="--runtime onnx", hint="Leave the rest out"
        )
    if runtime == "onnx" and (export := exported(model, *EXPORTS)):
        return load(export), None
    export = exported(model, EXPORTS[0])
    tuned = load(model, device, fast=fast)
    is_export = isinstance(tuned, OnnxModel)
    if runtime == "onnx" and not is_export:
        raise ConfigError(
            "has not been exported", where=str(model), hint=f"feinschliff export {model} --to onnx"
        )
    if runtime == "torch" and is_export:
        raise ConfigError("is an export, which torch cannot run", where=str(model))
    if runtime == "auto" and export is not None and not is_export and tuned.novelty is None:
        return tuned, load(export) if tuned.learner.device.type == "cpu" else None
    return tuned, None


def faster(one: Model, other: Model, records: Records) -> str:
    """Return `torch` if the first of two models reads some of the texts faster, else `onnx`."""
    import time

    import numpy as np

    few = records.take(np.arange(min(PROBE_TEXTS, len(records))))
    seconds = []
    for model in (one, other):
        model.predictions(few.take(np.arange(min(4, len(few)))))
        begun = time.perf_counter()
        model.predictions(few)
        seconds.append(time.perf_counter() - begun)
    return "torch" if seconds[0] <= seconds[1] else "onnx"
