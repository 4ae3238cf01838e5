"""One base in memory for many models that were tuned on it with LoRA, their texts mixed within a batch.

Of each model only its thin matrices and its head are kept. The base computes the texts of all models
together; where a layer was tuned, each text gets the change of its own model. Heads see what they always see,
so models of different tasks and labels share a base.

Source: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022, section 4.2, on switching
tasks; adapters of several tasks in one batch: Sheng et al., "S-LoRA", MLSys 2024.

Legend: B windows, L tokens of the longest, H hidden size, r rank.
"""

from __future__ import annotations

import copy
import json
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import nn
from transformers.modeling_outputs import BaseModelOutputWithPooling

from feinschliff.encode import Batch
from feinschliff.errors import ModelError
from feinschliff.models import load as loading
from feinschliff.models.attention import choose_attention

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


class SharedBase:
    """A pretrained model without a head, and what several tuned models add to it.

    One thread at a time uses it, others wait: its layers hold what belongs to the batch.

    Args:
        base: Its folder.
        device: Where it computes.
    """

    def __init__(self, base: Path, device: torch.device):
        whole = loading.load_model(base, "AutoModelForSequenceClassification").to(device).eval()
        self.backbone = whole.base_model
        if hasattr(self.backbone, "pooler"):
            self.backbone.pooler = None
        self.device = device
        self._changed: dict[str, _Changed] = {}
        self._lock = threading.RLock()

    def add(self, network: Any, adapter: Path) -> None:
        """Let a tuned network use this base: its own backbone is given up.

        Args:
            network: A transformers model with a head, the adapter merged into it.
            adapter: Folder of the adapter.

        Raises:
            ModelError: the adapter does not fit the base.
        """
        prefix = f"base_model.model.{network.base_model_prefix}."
        config, tensors = _read(adapter)
        scale = config["lora_alpha"] / config["r"]
        with self._lock:
            for name in tensors:
                layer, found, _ = name.partition(".lora_A.")
                if not found:
                    continue
                thin = tensors[name].to(self.device)
                wide = tensors[name.replace(".lora_A.", ".lora_B.")].to(self.device) * scale
                try:
                    self._at(layer.removeprefix(prefix)).changes[network] = thin.T, wide.T
                except AttributeError:
                    raise ModelError(f"the base has no layer '{layer}'", where=str(adapter)) from None
            pooler = getattr(network.base_model, "pooler", None)
            setattr(network, network.base_model_prefix, _Given(pooler, self))

    @torch.inference_mode()
    def forward(
        self, batch: Batch, networks: Sequence[Any], read: Mapping[Any, nn.Linear] = MappingProxyType({})
    ) -> list[tuple[list[int], torch.Tensor]]:
        """Compute windows, each for its network.

        Args:
            batch: B windows.
            networks: B networks that have been added.
            read: Output layers of networks with logits [K] a window, of which what they read is wanted too.

        Returns:
            Per network the rows of its windows and their float32 logits, [rows, K] or [rows, L, K]; after
            them the vectors that its layer in `read` reads, the last token's where it reads all.
        """
        rows: dict[Any, list[int]] = {}
        for row, network in enumerate(networks):
            rows.setdefault(network, []).append(row)
        ids, mask, types = (
            None if array is None else torch.from_numpy(array).to(self.device)
            for array in (batch.input_ids, batch.attention_mask, batch.token_type_ids)
        )
        places = {network: torch.tensor(of, device=self.device) for network, of in rows.items()}
        with self._lock:
            for changed in self._changed.values():
                changed.places = places
            choose_attention(self.backbone, self.device.type, batch.input_ids.shape[1])
            given = {} if types is None else {"token_type_ids": types}
            hidden = self.backbone(input_ids=ids, attention_mask=mask, **given)[0]
            found = []
            for network, of in rows.items():
                here = places[network]
                getattr(network, network.base_model_prefix).hidden = hidden[here]
                inputs = {"input_ids": ids[here], "attention_mask": mask[here]}  # type: ignore[index]
                if network not in read:
                    found.append((of, network(**inputs).logits.float()))
                    continue
                with _watched(read[network]) as seen:
                    logits = network(**inputs).logits
                vectors = seen[0]
                if vectors.ndim == 3:
                    last = inputs["attention_mask"].sum(1) - 1
                    vectors = vectors[torch.arange(len(of), device=self.device), last]
                found.append((of, torch.cat([logits.float(), vectors.float()], 1)))
            for changed in self._changed.values():
                changed.places = {}
            return found

    def merged(self, network: Any) -> Any:
        """Return a copy of the backbone with a network's changes in its weights."""
        with self._lock:
            layers = {id(layer): layer.merged(network) for layer in self._changed.values()}
            return copy.deepcopy(self.backbone, layers)

    def _at(self, name: str) -> _Changed:
        """Return the layer of that name, made changeable when it is first asked for."""
        if name not in self._changed:
            self._changed[name] = _Changed(self.backbone.get_submodule(name))
            parent, _, last = name.rpartition(".")
            setattr(self.backbone.get_submodule(parent), last, self._changed[name])
        return self._changed[name]


class _Changed(nn.Module):
    """A linear layer that is another one for some rows of the batch."""

    def __init__(self, layer: nn.Module):
        super().__init__()
        self.layer = layer
        self.changes: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
        self.places: dict[Any, torch.Tensor] = {}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """*Shape:* [B, L, H] -> [B, L, H']; a row's change is (x A) B of its network."""
        found = self.layer(x)
        for network, here in self.places.items():
            if network in self.changes:
                thin, wide = self.changes[network]
                if len(self.places) == 1:
                    return found + x @ thin @ wide
                found = found.index_add(0, here, x[here] @ thin @ wide)
        return found

    def merged(self, network: Any) -> nn.Module:
        """Return the layer as it is for one network."""
        layer = copy.deepcopy(self.layer)
        if network in self.changes:
            thin, wide = self.changes[network]
            change = thin @ wide
            with torch.no_grad():
                layer.weight += change.T if isinstance(layer, nn.Linear) else change  # else GPT-2's Conv1D
        return layer


class _Given(nn.Module):
    """Stands where a head expects its backbone, and hands it what the shared one has computed."""

    def __init__(self, pooler: nn.Module | None, base: SharedBase):
        super().__init__()
        self.pooler, self.base = pooler, base
        self.hidden = torch.empty(0)

    def forward(self, *_: Any, **__: Any) -> BaseModelOutputWithPooling:
        """Return the hidden states [B, L, H], and of them what the network's own pooler makes."""
        pooled = None if self.pooler is None else self.pooler(self.hidden)
        return BaseModelOutputWithPooling(last_hidden_state=self.hidden, pooler_output=pooled)


def whole(network: Any) -> Any:
    """Return a network with a backbone of its own: itself, or a copy of one that was added to a base."""
    given = network.base_model
    if not isinstance(given, _Given):
        return network
    backbone = given.base.merged(network)
    if hasattr(backbone, "pooler"):
        backbone.pooler = given.pooler
    found = copy.copy(network)
    found._modules = dict(network._modules)
    setattr(found, network.base_model_prefix, backbone)
    return found


@contextmanager
def _watched(layer: nn.Linear) -> Iterator[list[torch.Tensor]]:
    """Collect what a layer reads."""
    seen: list[torch.Tensor] = []
    hook = layer.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    try:
        yield seen
    finally:
        hook.remove()


def base_of(adapter: Path) -> str:
    """Return the name of the base that an adapter belongs on.

    Raises:
        ModelError: the adapter's files are damaged.
    """
    return str(_read(adapter, weights=False)[0]["base_model_name_or_path"])


def _read(adapter: Path, *, weights: bool = True) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        config = json.loads((adapter / CONFIG).read_text(encoding="utf-8"))
        missing = {"r", "lora_alpha", "base_model_name_or_path"} - set(config)
        tensors = load((adapter / WEIGHTS).read_bytes()) if weights else {}
    except (OSError, ValueError, SafetensorError) as error:
        raise ModelError(f"is damaged ({type(error).__name__}: {error})", where=str(adapter)) from None
    if missing:
        raise ModelError(f"is damaged (it lacks {', '.join(sorted(missing))})", where=str(adapter))
    return config, tensors
