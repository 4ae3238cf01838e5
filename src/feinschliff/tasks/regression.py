"""A number for a text, or for a pair of texts: ratings, prices, similarity.

Training sees numbers of mean 0 and spread 1, because learning rates fit outputs of that size. The scale is
applied behind the output layer and, when training is over, folded into its weights: what is saved gives the
user's own unit in every program that loads it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from feinschliff.config import TrainConfig
from feinschliff.data import Kind, Records
from feinschliff.encode import Encoded
from feinschliff.errors import ConfigError
from feinschliff.evaluate import Predictions, decide
from feinschliff.tasks._losses import Objective

if TYPE_CHECKING:
    import torch

TITLE = "Text regression"
KIND: Kind = "regression"
PIPELINE_TAG = "text-classification"
AUTO_CLASS = "AutoModelForSequenceClassification"
UNIT = "text"


def head(labels: Sequence[str]) -> dict[str, Any]:
    """Return the changes to the model configuration: a single output without a name of its own."""
    return {
        "num_labels": 1,
        "id2label": {0: "value"},
        "label2id": {"value": 0},
        "problem_type": "regression",
    }


def targets(records: Records, labels: Sequence[str], encoded: Encoded) -> np.ndarray:
    """Return float32 [N], in the user's unit."""
    return np.asarray(records.targets, np.float32)


def notes(records: Records, targets: np.ndarray, encoded: Encoded, labels: Sequence[str]) -> list[str]:
    """Return what the user should know about the targets: nothing, they are what the data says."""
    return []


def begin(output: Any, targets: np.ndarray) -> Callable[[], None]:
    """Scale the outputs to the targets while the layer trains; `finish()` folds the scale into its weights.

    The scale is applied in float32: in bfloat16 the numbers next to 2020 are 2016 and 2024. A layer without
    a bias cannot hold a shift, so there the scale alone is applied.
    """
    import torch

    shift, scale = _scale(targets) if output.bias is not None else (0.0, float(np.sqrt(np.mean(targets**2))))
    hook = output.register_forward_hook(lambda layer, inputs, outputs: outputs.float() * scale + shift)

    def finish() -> None:
        hook.remove()
        with torch.no_grad():
            output.weight.mul_(scale)
            if output.bias is not None:
                output.bias.mul_(scale).add_(shift)

    return finish


def objective(targets: np.ndarray, num_labels: int, settings: TrainConfig) -> Objective:
    """Return the summed squared error of logits float [R, 1] and targets float [R], in spreads of train.

    Raises:
        ConfigError: a setting asks for what only labels have.
    """
    for name in ("loss", "class_weights", "label_smoothing"):
        if getattr(settings, name) != TrainConfig.model_fields[name].default:
            raise ConfigError("has no effect on numbers", where=f"train.{name}", hint="Leave it out")
    scale = _scale(targets)[1]

    def loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return (((logits[:, 0] - targets) / scale) ** 2).sum()

    return loss


def decode(
    logits: np.ndarray,
    encoded: Encoded,
    labels: Sequence[str],
    texts: Sequence[str] = (),
    decision: Mapping[str, Any] | None = None,
) -> Predictions:
    """Return the outputs as numbers.

    Args:
        logits: float32 [N, 1], one row per record.
    """
    return decide(Predictions("regression", (), logits[:, 0].astype(np.float64)), decision)


def decision(
    logits: np.ndarray, targets: np.ndarray, encoded: Encoded, labels: Sequence[str]
) -> dict[str, Any]:
    """Return the decision rules to store with the model: none, the output is the answer."""
    return {}


def _scale(targets: np.ndarray) -> tuple[float, float]:
    """Return mean and spread of the targets; a spread of 0 counts as 1."""
    return float(targets.mean(dtype=np.float64)), float(targets.std(dtype=np.float64)) or 1.0
