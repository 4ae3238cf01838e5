"""Go on when memory runs out: the same batch in smaller parts; give back what is free."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from feinschliff.errors import ResourceError, is_out_of_memory
from feinschliff.memory import trim


@dataclass
class Memory:
    """Whether memory ran out within the context of `enough_memory`."""

    ran_out: bool = False


@contextmanager
def enough_memory() -> Iterator[Memory]:
    """Note that memory ran out instead of failing, and give back what was held."""
    found = Memory()
    try:
        yield found
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        found.ran_out = True
    if found.ran_out:
        give_back()


def give_back() -> None:
    """Return to the system what nothing uses any more, on the device, too."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    trim()


def smaller(micro_batch_tokens: int, longest: int) -> int:
    """Return half as many tokens.

    Args:
        micro_batch_tokens: What was too much.
        longest: Tokens of the longest window, which always stands alone when it must.

    Raises:
        ResourceError: less than one window is left.
    """
    if micro_batch_tokens <= longest:
        raise ResourceError(
            "out of memory, even with one text at a time",
            where="training",
            hint="Set model.max_length_tokens lower, train.method=lora or train.freeze_layers, "
            "or choose a smaller model",
        )
    return micro_batch_tokens // 2
