"""Gradual unfreezing: the head first, then layer after layer from the top.

What was learnt from much text is not disturbed by the large gradients of a head that knows nothing yet.

Source: Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification", ACL 2018, 3.3.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from torch import nn

from feinschliff.models.layers import all_layers, depths, head_names, still


def unfreezing(
    model: nn.Module, share: float, num_steps: int
) -> Callable[[int], AbstractContextManager[None]]:
    """Return a function that gives, for a step counted from 0, the context in which to take its gradients.

    Args:
        model: What is frozen for the whole training is so already.
        share: Of the steps, at whose end everything is trained; what lies above the layers always is (and the
            top layer, where nothing above it learns), and the embeddings come last. 0 trains everything from
            the beginning.
        num_steps: Of the whole training.
    """
    if not share:
        return lambda step: nullcontext()
    depth, top = depths(model), len(all_layers(model))
    parameters = list(model.named_parameters())
    head = head_names(model)
    learns = any(p.requires_grad and name in head and "pooler" not in name for name, p in parameters)

    def context(step: int) -> AbstractContextManager[None]:
        lowest = top + 1 - int(step / (share * num_steps) * (top + 1))
        lowest = lowest if learns else min(lowest, top)
        return still(p for name, p in parameters if depth[name] < lowest)

    return context
