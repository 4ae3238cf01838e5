"""The engine of models that were tuned with LoRA on one base: it is in memory once, batches are mixed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from feinschliff.bundle import Model, Prediction, each
from feinschliff.encode import Encoded, collate, mean_of_windows, plan_inference
from feinschliff.errors import FeinschliffError
from feinschliff.serve.engine import Item

ADAPTER = "adapter"
"""Folder of the adapter, beside that of the model."""
BATCH_TOKENS = 8192
OVERHEAD_TOKENS = 64
CLOSE = 1e-3


@dataclass
class _Part:
    """The items of one model in a batch, and the logits of their windows, vectors after them for novelty."""

    model: Model
    places: list[int]
    encoded: Encoded
    texts: list[str]
    logits: np.ndarray


class SharedEngine:
    """Computes items of several models on one base.

    Args:
        base: Folder of the base.
        device: Where it computes.
    """

    def __init__(self, base: Path, device: Any):
        from feinschliff.models.shared import SharedBase

        self.base = SharedBase(base, device)

    def add(self, model: Model, adapter: Path) -> None:
        """Let a model use the base; its own backbone is given up, even where this fails.

        Raises:
            ModelError: the adapter does not fit the base.
        """
        self.base.add(model.learner.model, adapter)

    def predict(self, items: Sequence[Item]) -> list[Prediction]:
        """Return one prediction per item, in order; the items may be of any models that were added."""
        models = list(dict.fromkeys(item.model for item in items))
        parts = [_part(model, items) for model in models]
        found: list[Prediction] = [Prediction(None)] * len(items)
        windows = [(part, window) for part in parts for window in range(part.encoded.num_windows)]
        pooled = _pool([part.encoded for part in parts])
        pad = models[0].learner.pad_id
        read = {m.learner.model: _last_layer(m) for m in models if m.novelty is not None}
        for chosen in plan_inference(pooled, BATCH_TOKENS, OVERHEAD_TOKENS):
            batch = collate(pooled, chosen, pad, of_windows=True)
            owners = [windows[place][0].model.learner.model for place in chosen]
            for rows, found_logits in self.base.forward(batch, owners, read):
                for row, values in zip(rows, found_logits.cpu().numpy(), strict=True):
                    part, window = windows[chosen[row]]
                    _put(part, window, values)
        for part in parts:
            task, spec = part.model.learner.task, part.model.spec
            logits = part.logits if task.UNIT == "token" else mean_of_windows(part.logits, part.encoded)
            width = part.model.learner.model.config.num_labels
            decided = task.decode(logits[:, :width], part.encoded, spec.labels, part.texts, spec.decision)
            if part.model.novelty is not None:
                decided = replace(decided, novelty=part.model.novelty.of(logits[:, width:]))
            pairs = [items[place].pair or "" for place in part.places] if spec.reading.pairs else None
            part.model.note(part.encoded, part.texts, pairs, decided)
            for place, prediction in zip(part.places, each(decided), strict=True):
                found[place] = prediction
        return found


def shared_bases(folders: Iterable[Path]) -> dict[Path, Path]:
    """Return, for models whose adapters belong on a base that another one's belongs on, the base's folder.

    Nothing is fetched: a base that is not on this machine is not shared.
    """
    with_adapter = [
        folder
        for folder in folders
        if folder.name == "model" and (folder.parent / ADAPTER / "adapter_config.json").is_file()
    ]
    if len(with_adapter) < 2:
        return {}
    from feinschliff.models.locate import locate
    from feinschliff.models.shared import base_of

    named: dict[str, list[Path]] = {}
    for folder in with_adapter:
        with suppress(FeinschliffError):
            named.setdefault(base_of(folder.parent / ADAPTER), []).append(folder)
    found: dict[Path, Path] = {}
    for name, models in named.items():
        if len(models) > 1:
            with suppress(FeinschliffError):
                found |= dict.fromkeys(models, locate(name, fetch=False).resolve())
    return found


def alike(a: Prediction, b: Prediction) -> bool:
    """Return whether two predictions are the same up to rounding; novelty, a rank among few, is left out."""
    if a.spans is not None:
        return [(s["start"], s["end"], s["label"]) for s in a.spans] == [
            (s["start"], s["end"], s["label"]) for s in b.spans or []
        ]
    if a.probabilities is not None and b.probabilities is not None:
        return all(abs(p - b.probabilities[label]) <= CLOSE for label, p in a.probabilities.items())
    return bool(np.isclose(a.label, b.label, rtol=CLOSE, atol=CLOSE))


def _part(model: Model, items: Sequence[Item]) -> _Part:
    places = [place for place, item in enumerate(items) if item.model is model]
    texts = [items[place].text for place in places]
    pairs = [items[place].pair or "" for place in places] if model.spec.reading.pairs else None
    encoded = model.encode(texts, pairs)
    per_token = model.learner.task.UNIT == "token"
    size = len(encoded.input_ids) if per_token else encoded.num_windows
    width = model.learner.model.config.num_labels
    if model.novelty is not None:
        width += _last_layer(model).in_features
    return _Part(model, places, encoded, texts, np.zeros((size, width), np.float32))


def _last_layer(model: Model) -> Any:
    from feinschliff.models.layers import output_layer

    return output_layer(model.learner.model, model.learner.model.config.num_labels)


def _put(part: _Part, window: int, values: np.ndarray) -> None:
    """Keep the logits of a window: [K], or [L, K] of which the first belong to its tokens."""
    if values.ndim == 1:
        part.logits[window] = values
    else:
        begin, end = part.encoded.starts[window : window + 2]
        part.logits[begin:end] = values[: end - begin]


def _pool(parts: Sequence[Encoded]) -> Encoded:
    """Return all windows as if they were of one model."""
    begins = np.cumsum([0, *(len(part.input_ids) for part in parts)])
    starts = [part.starts[:-1] + begin for part, begin in zip(parts, begins[:-1], strict=True)]
    records = np.cumsum([0, *(part.num_records for part in parts)])
    types = [part.token_type_ids for part in parts]
    return Encoded(
        input_ids=np.concatenate([part.input_ids for part in parts]),
        starts=np.concatenate([*starts, begins[-1:]]),
        record=np.concatenate([p.record + first for p, first in zip(parts, records[:-1], strict=True)]),
        num_records=int(records[-1]),
        token_type_ids=None if any(t is None for t in types) else np.concatenate(types),  # type: ignore[arg-type]
        offsets=None,
        full_lengths=np.concatenate([part.full_lengths for part in parts]),
        limit=max(part.limit for part in parts),
        cut=0,
    )
