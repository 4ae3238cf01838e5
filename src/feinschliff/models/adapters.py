"""LoRA: small matrices that are trained instead of the weights of the layers, and kept as an adapter.

The change of a layer's weight matrix is held as the product of two thin ones; the rest of the backbone stays
as it is. After training the products are added to the weights, so that the model is an ordinary one. The thin
matrices and the new head are kept as well, in the format of the peft library: some megabytes that another
program can put on the same base model, beside adapters for other tasks.

Source: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from feinschliff.errors import ConfigError
from feinschliff.models.layers import all_layers, head_names

NAME = "default"
SCALE = 2
"""Factor on the product of the thin matrices, whatever their rank."""
MATRICES = ("lora_A", "lora_B")


@dataclass
class Adapter:
    """A trained LoRA adapter.

    Attributes:
        config: Its `peft.LoraConfig`.
        tensors: The thin matrices by their names in the peft format, on the CPU.
    """

    config: Any
    tensors: dict[str, torch.Tensor]

    def save(self, folder: Path, model: Any, base_model: str) -> None:
        """Write the adapter as a folder that `peft.PeftModel.from_pretrained` reads.

        Args:
            folder: Made if it does not exist.
            model: The tuned model; its head goes with the adapter.
            base_model: Name of the pretrained model the adapter belongs on.
        """
        from safetensors.torch import save_file

        self.config.base_model_name_or_path = base_model
        folder.mkdir(parents=True, exist_ok=True)
        self.config.target_modules = sorted(self.config.target_modules)  # a set has no order to repeat
        self.config.save_pretrained(folder)
        head = {n: p.detach() for n, p in model.named_parameters() if n in head_names(model)}
        tensors = self.tensors | {f"base_model.model.{n}": t.cpu().contiguous() for n, t in head.items()}
        save_file(tensors, folder / "adapter_model.safetensors", {"format": "pt"})


def require_places(model: Any, from_layer: int) -> list[str]:
    """Return the names of the linear layers that get matrices.

    Raises:
        ConfigError: there is none from that layer on.
    """
    places = _linear(model, from_layer)
    if not places:
        raise ConfigError(
            "no layer is left that lora could train",
            where="train.freeze_layers",
            allowed=f"At most {len(all_layers(model)) - 1} with lora",
        )
    return places


@contextmanager
def adapters(model: Any, rank: int, *, from_layer: int = 0, seed: int = 0) -> Iterator[list[Adapter]]:
    """Train LoRA matrices in place of the backbone, within the context; afterwards they are merged into it.

    Args:
        model: A transformers model with a head, which is trained as a whole.
        rank: Columns of the thin matrices.
        from_layer: Layers below this one get none.
        seed: For their first values.

    Yields:
        A list that holds the adapter once the context has ended.

    Raises:
        ConfigError: no layer is left.
    """
    from peft import LoraConfig, TaskType
    from peft.tuners.lora import LoraModel

    places = require_places(model, from_layer)
    kind = TaskType.TOKEN_CLS if type(model).__name__.endswith("ForTokenClassification") else TaskType.SEQ_CLS
    head = head_names(model)
    config = LoraConfig(
        r=rank,
        lora_alpha=SCALE * rank,
        target_modules=places,
        modules_to_save=sorted({_module(name) for name in head}),
        task_type=kind,
        inference_mode=False,
    )
    plain = config.to_dict() | {"modules_to_save": None}
    before = {name: p.requires_grad for name, p in model.named_parameters()}
    torch.manual_seed(seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*fan_in_fan_out")  # it corrects itself
        tuner = LoraModel(model, LoraConfig(**plain), NAME)
    for name, parameter in model.named_parameters():
        if name in head:
            parameter.requires_grad_(before[name])
    found: list[Adapter] = []
    try:
        yield found
        tensors = {
            f"base_model.model.{name.replace(f'.{NAME}', '')}": p.detach().cpu().contiguous()
            for name, p in model.named_parameters()
            if any(f".{matrix}." in name for matrix in MATRICES)
        }
        found.append(Adapter(config, tensors))
    finally:
        tuner.merge_and_unload()
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(before.get(name, True))


def _linear(model: nn.Module, from_layer: int) -> list[str]:
    """Return the full names of the linear maps in the layers from `from_layer` on."""
    from transformers.pytorch_utils import Conv1D  # a linear map whose weights lie transposed

    inside = {id(m) for layer in all_layers(model)[from_layer:] for m in layer.modules()}
    return [n for n, m in model.named_modules() if id(m) in inside and isinstance(m, nn.Linear | Conv1D)]


def _module(parameter: str) -> str:
    """Return the name of the module of the head that a parameter belongs to: its outermost one."""
    parts = parameter.split(".")
    return ".".join(parts[: parts.index("pooler") + 1]) if "pooler" in parts else parts[0]
