"""Calibrate a tuned model: what dev says about its confidence is folded into the last layer's weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from feinschliff.errors import ConfigError
from feinschliff.evaluate import Scaling, fit_scaling
from feinschliff.models.layers import output_layer


def calibrate(
    model: Any, logits: np.ndarray, targets: np.ndarray, method: str, unit: str = "text"
) -> Scaling:
    """Scale the output layer of a model so that its probabilities are those dev shows.

    Every program that loads the weights is calibrated thereby, and none has to know.

    Args:
        model: A transformers model with a head for labels.
        logits: float32 [N, K], of dev.
        targets: As the task gives them, for the same rows; rows with -100 are passed over.
        method: See `fit_scaling`; `auto` tries no vector for tokens, whose decisions count as entities.
        unit: What a row is: `text` or `token`.

    Returns:
        What was done to the logits.

    Raises:
        ConfigError: see `require_scalable`.
    """
    output = require_scalable(model, method)
    vector = output.bias is not None and unit == "text"
    scaling = fit_scaling(logits, targets if targets.ndim == 1 else targets > 0, method, vector=vector)
    fold(output, scaling)
    return scaling


def require_scalable(model: Any, method: str) -> Any:
    """Return the output layer of a model.

    Raises:
        ConfigError: vector scaling is asked of one that has no bias to hold the shift.
    """
    output = output_layer(model, model.config.num_labels)
    if output.bias is None and method == "vector":
        raise ConfigError(
            "the model's output layer has no bias", where="decide.calibration", allowed="Write temperature"
        )
    return output


def fold(output: Any, scaling: Scaling) -> None:
    """Change the weights of a linear layer so that it gives the scaled logits."""
    import torch

    with torch.no_grad():
        scale = torch.from_numpy(scaling.scale).to(output.weight)
        output.weight.mul_(scale[:, None])
        if output.bias is not None:
            output.bias.mul_(scale).add_(torch.from_numpy(scaling.shift).to(output.bias))
