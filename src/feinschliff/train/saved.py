"""Write a model's folder whole or not at all, and prove that it can be read back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError

from feinschliff.errors import ELSEWHERE, ModelError, ResourceError
from feinschliff.files import flush, flush_all
from feinschliff.models import load as loading
from feinschliff.train.checkpoint import reason, share_rights
from feinschliff.train.memory import give_back


@contextmanager
def written(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `folder` when the context ends well.

    Raises:
        ResourceError: it cannot be written, for want of space above all; nothing is left behind, and what was
            in `folder` stays.
    """
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        yield part
        share_rights(part)
        flush_all(part)
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
        flush(folder.parent)
    except (OSError, SafetensorError) as error:
        raise ResourceError(
            f"the model cannot be written: {reason(error)}", where=str(folder), hint=ELSEWHERE
        ) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def prove(network: torch.nn.Module, folder: Path, auto_class: str, complete: bool = False) -> None:
    """Compare every tensor of `network` with the saved one: what is lost now would be missed in production.

    Args:
        auto_class, complete: How to load it, see `models.load.load_model`.

    Raises:
        ModelError: a weight does not survive saving and loading.
    """
    give_back()  # there must be room for a second model
    again = loading.load_model(folder, auto_class, complete=complete).state_dict()
    for name, tensor in network.state_dict().items():
        if name not in again or not torch.equal(again[name], tensor.cpu()):
            raise ModelError(f"weight '{name}' does not survive saving and loading", where=str(folder))
