"""Write an adapted model as a folder that plain transformers reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def save(network: Any, tokenizer: Any, base: Path, folder: Path) -> None:
    """Write the adapted model, whole or not at all, as a folder that plain transformers read.

    A pooler of the base, which a language model has no use for, is kept with it.

    Raises:
        ModelError: a weight does not survive saving and loading.
        ResourceError: it cannot be written.
    """
    from safetensors import safe_open

    from feinschliff.models import load as loading
    from feinschliff.train.saved import prove, written

    tensors = {name: tensor.detach().cpu() for name, tensor in network.state_dict().items()}
    own = "" if network.base_model is network else f"{network.base_model_prefix}."
    for file in base.glob("*.safetensors"):
        with safe_open(file, "pt") as stored:
            for name in stored.keys():  # noqa: SIM118  (not a dictionary)
                if ".pooler." in f".{name}":
                    tensors.setdefault(f"{own}{name.removeprefix(own)}", stored.get_tensor(name).float())
    with written(folder) as part:
        loading.quietly(lambda: network.save_pretrained(part, state_dict=tensors))
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
        tokenizer.save_pretrained(part)
        prove(network.base_model, part, "AutoModel")
