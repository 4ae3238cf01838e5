"""ONNX for onnxruntime: float32, or weights in int8 with activations quantised batch by batch.

The graph takes windows of any number and length. It holds the network only; tokenizer, labels, thresholds and
windows lie beside it and are read by the code that reads them for torch.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feinschliff import __version__
from feinschliff.errors import MissingExtraError
from feinschliff.models.first_token import first_token_only, supported
from feinschliff.models.onnx import EXPORT_FILE, GRAPH_FILE

if TYPE_CHECKING:
    from feinschliff.bundle import Model

PRECISIONS = ("float32", "int8")


def export(model: Model, folder: Path, precision: str) -> None:
    """Write the folder of a model.

    Args:
        folder: An empty folder.
        precision: One of `PRECISIONS`.

    Raises:
        MissingExtraError: onnx, onnxscript or onnxruntime is not installed.
    """
    from feinschliff.bundle import SCHEMA, SPEC_FILE, write_profile

    try:
        import onnxruntime.quantization
        import onnxscript  # noqa: F401  (torch's exporter needs it)
    except ImportError:
        raise MissingExtraError("the export to ONNX", "onnx") from None
    inputs = ["input_ids", "attention_mask"]
    inputs += [name for name in ("token_type_ids",) if name in model.tokenizer.model_input_names]
    graph = folder / GRAPH_FILE
    whole = folder / "float32.onnx" if precision == "int8" else graph
    _write_graph(model.learner.model, inputs, whole)
    if precision == "int8":
        with _silence():
            onnxruntime.quantization.quantize_dynamic(whole, graph, per_channel=True)
        for path in folder.glob(f"{whole.name}*"):
            path.unlink()
    backend = model.tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    backend.save(str(folder / "tokenizer.json"))
    facts = {
        "target": "onnx",
        "precision": precision,
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
