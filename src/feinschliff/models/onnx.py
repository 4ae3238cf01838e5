"""A model as an ONNX graph, run by onnxruntime; neither torch nor transformers is imported."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from feinschliff.encode import Batch, Encoded, window_logits
from feinschliff.encode.fast import FastTokenizer
from feinschliff.errors import MissingExtraError, ModelError, first_line
from feinschliff.models.recheck import Check

GRAPH_FILE = "model.onnx"
EXACT_FILE = "float32.onnx"
"""Beside a graph in int8, where its decisions are to be those of float32."""
EXPORT_FILE = "export.json"
EXPORTS = ("onnx", "onnx-int8", "onnx-fp16")
"""Where in a run's folder `feinschliff export` puts what it makes of the model, the most exact first."""
MICRO_BATCH_TOKENS = 256
"""Most tokens of a batch: those of larger ones leave the caches of a CPU; see docs/experiments.md."""

OVERHEAD_TOKENS = 28
"""What a batch costs besides its tokens, for a model of 384 numbers a token; see docs/experiments.md."""
SAFETY = 1
"""Of int8, see `Check.safety`; its errors are of chance, and twice the largest would mean twice the work."""


def runtime() -> Any:
    """Import onnxruntime, whose builds from the package index otherwise tell their maker that they are used.

    Raises:
        ImportError: it is not installed.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime


class OnnxLearner:
    """What `models.learner.Learner` is for torch, as far as predicting goes.

    Args:
        folder: With `model.onnx` and `export.json`.
        task: Module of `feinschliff.tasks`.
        threads: Threads of the session, and batches computed at a time; one per core if None.
        graph: Name of the graph's file.

    Raises:
        ModelError: the graph is damaged.
        MissingExtraError: onnxruntime is not installed.
    """

    def __init__(self, folder: Path, task: ModuleType, threads: int | None = None, graph: str = GRAPH_FILE):
        try:
            onnxruntime = runtime()
        except ImportError:
            raise MissingExtraError("running an exported model", "onnx") from None
        facts = read_facts(folder)
        self.task, self.pad_id, self.vocab_size = task, facts["pad_token_id"], facts["vocab_size"]
        self.inputs, self.width, self.precision = facts["inputs"], facts["width"], facts["precision"]
        options = onnxruntime.SessionOptions()
        self.threads = threads or _threads()
        options.intra_op_num_threads = self.threads
        options.add_session_config_entry(
            "session.intra_op.allow_spinning", "0"
        )  # waiting threads cost others
        if not _adds_in_full():
            options.add_session_config_entry("session.x64quantprecision", "1")
        options.log_severity_level = 3
        try:
            self.session = onnxruntime.InferenceSession(
                str(folder / graph), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # noqa: BLE001  (onnxruntime has no common class of its errors)
            raise ModelError(f"cannot be run: {first_line(error)}", where=str(folder / graph)) from None

    def forward(self, batch: Batch) -> np.ndarray:
        """Return float32 logits of windows: [B, K], or [B, L, K] per token."""
        return self.session.run(None, {name: getattr(batch, name) for name in self.inputs})[0]

    def logits(self, encoded: Encoded, progress: Callable[[int], None] | None = None) -> np.ndarray:
        """Return logits: float32 [N, K] per record, or [T, K] per token."""
        return window_logits(
            encoded,
            self.forward,
            pad_id=self.pad_id,
            width=self.width,
            per_token=self.task.UNIT == "token",
            micro_batch_tokens=MICRO_BATCH_TOKENS,
            overhead_tokens=OVERHEAD_TOKENS,
            progress=progress,
            workers=self.threads,
        )


class RecheckedLearner(OnnxLearner):
    """A graph in int8, and the same in float32 for the texts whose decision that could change.

    Args:
        folder: With `float32.onnx`, too.
        task, threads: As for `OnnxLearner`.
        labels, rules: Of the model, see `Check`.
    """

    def __init__(
        self,
        folder: Path,
        task: ModuleType,
        labels: Sequence[str],
        rules: Mapping[str, Any],
        threads: int | None = None,
    ):
        super().__init__(folder, task, threads)
        exact = OnnxLearner(folder, task, threads, EXACT_FILE)
        self.check = Check(task, labels, rules, exact.logits, SAFETY)

    def logits(self, encoded: Encoded, progress: Callable[[int], None] | None = None) -> np.ndarray:
        """Return logits as `OnnxLearner` does, exact where they decide."""
        found = super().logits(encoded, progress)
        self.check.correct(encoded, found)
        return found


def load_learner(
    folder: Path, task: ModuleType, labels: Sequence[str], rules: Mapping[str, Any]
) -> OnnxLearner:
    """Return the learner of an exported folder.

    Raises:
        ModelError, MissingExtraError: see `OnnxLearner`.
    """
    if (folder / EXACT_FILE).is_file():
        return RecheckedLearner(folder, task, labels, rules)
    return OnnxLearner(folder, task)


def load_tokenizer(folder: Path) -> FastTokenizer:
    """Load the tokenizer of an exported folder.

    Raises:
        ModelError: it is missing or damaged.
    """
    facts = read_facts(folder)
    names = ["token_type_ids"] if "token_type_ids" in facts["inputs"] else []
    return FastTokenizer(folder / "tokenizer.json", facts["pad_token_id"], names)


def read_facts(folder: Path) -> dict[str, Any]:
    """Return `export.json`: what the graph reads, and how its answers compared with the original's.

    Raises:
        ModelError: it is missing or damaged.
    """
    path = folder / EXPORT_FILE
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        missing = {"inputs", "width", "pad_token_id", "vocab_size", "precision"} - set(facts)
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(f"is damaged ({type(error).__name__}: {error})", where=str(path)) from None
    if missing:
        raise ModelError(f"is damaged (it lacks {', '.join(sorted(missing))})", where=str(path))
    return facts


def _adds_in_full(facts: Path = Path("/proc/cpuinfo")) -> bool:
    """Return whether products of uint8 and int8 cannot overflow here, as they do on x86 without VNNI.

    onnxruntime can avoid the overflow; where there is none that costs more than half of the speed.
    """
    try:
        text = facts.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    flags = next((line for line in text.splitlines() if line.startswith("flags")), "")
    return not {"avx512_vnni", "avx_vnni"}.isdisjoint(flags.split())


def _threads() -> int:
    """Return the threads to use: what OMP_NUM_THREADS says, or one per core this process may use."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    if given.isdigit() and int(given) > 0:
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
