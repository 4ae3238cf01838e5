"""Write an adapted model as a folder that plain transformers reads."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from feinschliff.errors import ModelError, ResourceError


def save(network: Any, tokenizer: Any, base: Path, folder: Path) -> None:
    """Write the adapted model, whole or not at all, as a folder that plain transformers read.

    A pooler of the base, which a language model has no use for, is kept with it.

    Raises:
        ModelError: a weight does not survive saving and loading.
        ResourceError: it cannot be written.
    """
    import torch
    from safetensors import SafetensorError, safe_open

    from feinschliff.models import load as loading
    from feinschliff.train.checkpoint import reason, share_rights

    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    tensors = {name: tensor.detach().cpu() for name, tensor in network.state_dict().items()}
    own = "" if network.base_model is network else f"{network.base_model_prefix}."
    for file in base.glob("*.safetensors"):
        with safe_open(file, "pt") as stored:
            for name in stored.keys():  # noqa: SIM118  (not a dictionary)
                if ".pooler." in f".{name}":
                    tensors.setdefault(f"{own}{name.removeprefix(own)}", stored.get_tensor(name).float())
    try:
        part.mkdir(parents=True)
        loading.quietly(lambda: network.save_pretrained(part, state_dict=tensors))
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
        tokenizer.save_pretrained(part)
        share_rights(part)
        again = loading.load_model(part, "AutoModel").state_dict()
        for name, tensor in network.base_model.state_dict().items():
            if name not in again or not torch.equal(again[name], tensor.cpu()):
                raise ModelError(f"weight '{name}' does not survive saving and loading", where=str(folder))
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
    except (OSError, SafetensorError) as error:
        raise ResourceError(f"the model cannot be written: {reason(error)}", where=str(folder)) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
