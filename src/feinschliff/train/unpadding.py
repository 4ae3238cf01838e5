"""Decide whether a learner computes without padding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from feinschliff.encode import Encoded, collate
from feinschliff.models.learner import Learner
from feinschliff.models.unpadded import supported

OLDEST = (8, 0)
"""CUDA devices of this compute capability on (Ampere) have the attention kernel."""
TOLERANCE = 1e-3
"""Largest difference of the logits in float32, as a share of the largest logit."""


def pays(learner: Learner) -> bool:
    """Tell whether the device has a kernel for texts of different length."""
    if learner.device.type != "cuda" or learner.precision == "float32":
        return False
    return torch.cuda.get_device_capability(learner.device) >= OLDEST


@torch.inference_mode()
def agrees(learner: Learner, encoded: Encoded) -> bool:
    """Tell whether the model answers alike with and without padding.

    Args:
        encoded: Short texts of different length.
    """
    if not supported(learner.model):
        return False
    batch = collate(encoded, np.arange(encoded.num_windows), learner.pad_id)
    learner.model.eval()
    plain = learner.exact()
    expected, found = plain.forward(batch), replace(plain, unpadded=True).forward(batch)
    if learner.task.UNIT == "token":
        mask = torch.from_numpy(batch.attention_mask).bool()
        expected, found = expected[mask], found[mask]
    return bool((found - expected).abs().max() <= TOLERANCE * expected.abs().max() + 1e-6)
