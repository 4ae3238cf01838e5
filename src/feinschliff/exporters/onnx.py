"""ONNX for onnxruntime: float32, float16 (half the size; faster on GPUs only), or int8.

With texts to calibrate with, int8 is static (`_int8.py`); without, activations are quantised batch by
batch. The graph takes windows of any number and length. It holds the network only; tokenizer, labels,
thresholds and windows lie beside it and are read by the code that reads them for torch.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from feinschliff import __version__
from feinschliff.encode import collate, plan_inference
from feinschliff.errors import MissingExtraError
from feinschliff.models.first_token import first_token_only, supported
from feinschliff.models.onnx import EXACT_FILE, EXPORT_FILE, GRAPH_FILE, runtime

if TYPE_CHECKING:
    from feinschliff.bundle import Model
    from feinschliff.data import Records

PRECISIONS = ("float32", "float16", "int8")
CALIBRATION_TOKENS = 256
"""Most tokens of a batch of calibration texts: of like length, so that hardly any padding is measured."""


def export(
    model: Model, folder: Path, precision: str, texts: Records | None = None, *, recheck: bool = False
) -> None:
    """Write the folder of a model.

    Args:
        folder: An empty folder.
        precision: One of `PRECISIONS`.
        texts: Texts like those to come, for int8: their activations tell the ranges.
        recheck: Keep the graph in float32, too, for the texts whose decision int8 could change.

    Raises:
        MissingExtraError: onnx, onnxscript or onnxruntime is not installed.
    """
    from feinschliff.bundle import SCHEMA, SPEC_FILE, write_profile

    try:
        import onnx  # noqa: F401

        runtime()
        import onnxscript  # noqa: F401  (torch's exporter needs it)
    except ImportError:
        raise MissingExtraError("the export to ONNX", "onnx") from None
    inputs = ["input_ids", "attention_mask"]
    inputs += [name for name in ("token_type_ids",) if name in model.tokenizer.model_input_names]
    graph = folder / GRAPH_FILE
    whole = graph if precision == "float32" else folder / EXACT_FILE
    _write_graph(model.learner.model, inputs, whole)
    with _silence():
        if precision == "float16":
            _halve(whole, graph)
        elif precision == "int8" and texts is not None and len(texts):
            from feinschliff.exporters._int8 import quantise

            quantise(whole, graph, _batches(model, texts, inputs))
        elif precision == "int8":
            from onnxruntime.quantization import quantize_dynamic

            quantize_dynamic(whole, graph, per_channel=True)
    if whole != graph and not recheck:
        for path in folder.glob(f"{whole.name}*"):
            path.unlink()
    backend = model.tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    backend.save(str(folder / "tokenizer.json"))
    facts = {
        "target": "onnx",
        "precision": precision,
        "calibration_texts": len(texts) if precision == "int8" and texts is not None else None,
        "inputs": inputs,
        "width": model.learner.model.config.num_labels,
        "pad_token_id": model.learner.pad_id,
        "vocab_size": model.learner.vocab_size,
    }
    spec = {"schema": SCHEMA, "feinschliff": __version__, **dataclasses.asdict(model.spec)}
    for name, content in ((EXPORT_FILE, facts), (SPEC_FILE, spec)):
        (folder / name).write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    if model.profile:
        write_profile(model.profile, folder)


def _halve(source: Path, target: Path) -> None:
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(source), keep_io_types=True), target)


def _batches(model: Model, texts: Records, inputs: list[str]) -> Iterator[dict[str, np.ndarray]]:
    """Yield the inputs of the graph for calibration."""
    encoded = model.encode(texts.texts, texts.pairs)
    for windows in plan_inference(encoded, CALIBRATION_TOKENS):
        batch = collate(encoded, windows, model.learner.pad_id, of_windows=True)
        yield {name: getattr(batch, name) for name in inputs}


def _write_graph(network: Any, inputs: list[str], path: Path) -> None:
    import torch

    network = copy.deepcopy(network).cpu().eval()
    if getattr(network, "_supports_sdpa", False):
        network.set_attn_implementation("eager")

    class Logits(torch.nn.Module):
        """The network as a function of tensors."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, *tensors: Any) -> Any:
            """Return the logits alone."""
            return self.network(**dict(zip(inputs, tensors, strict=True))).logits

    example = tuple(torch.ones(3, 12, dtype=torch.long) for _ in inputs)
    free = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    narrow = first_token_only(network) if supported(network) else nullcontext()
    with _silence(), narrow, torch.no_grad():
        program = torch.onnx.export(
            Logits(),
            example,
            dynamo=True,
            input_names=inputs,
            output_names=["logits"],
            dynamic_shapes=(tuple(free for _ in inputs),),
            verbose=False,
        )
        assert program is not None
        program.save(str(path))


class _silence:  # noqa: N801  (used as a function)
    """Keep the exporter's remarks about packages that are not needed off the screen."""

    def __enter__(self) -> None:
        self.caught = warnings.catch_warnings()
        self.caught.__enter__()
        warnings.simplefilter("ignore")
        self.level = logging.root.manager.disable
        logging.disable(logging.WARNING)

    def __exit__(self, *_: object) -> None:
        logging.disable(self.level)
        self.caught.__exit__(None, None, None)
