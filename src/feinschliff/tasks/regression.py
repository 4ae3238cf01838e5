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
from feinschliff.errors import ConfigError, DataError
from feinschliff.evaluate import Predictions, decide
from feinschliff.tasks._losses import Objective

if TYPE_CHECKING:
    import torch

TITLE = "Text regression"
KIND: Kind = "regression"
PIPELINE_TAG = "text-classification"
AUTO_CLASS = "AutoModelForSequenceClassification"
UNIT = "text"
FARTHEST = 15
"""Most spreads that the mean may lie from zero where the output has no bias."""
RIDGE = 1e-3


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
    """Return what the user should know about the targets: nothing, they are what the data says.

    Raises:
        DataError: they lie so close together, far from zero, that float32 cannot tell them apart.
    """
    exact = np.asarray(records.targets, np.float64)
    mean, spread = exact.mean(), exact.std()
    if spread > abs(mean) * 1e-12 and np.abs(targets - exact).mean() > spread / 100:
        raise DataError(
            f"the numbers lie near {mean:.10g} and differ by {spread:.3g}: models compute with 7 digits",
            where="targets",
            hint=f"Subtract {mean:.10g} from all of them",
        )
    return []


def begin(output: Any, targets: np.ndarray, vectors: Callable[[], np.ndarray]) -> Callable[[], None]:
    """Scale the outputs to the targets while the layer trains; `finish()` folds the scale into its weights.

    The scale is applied in float32: in bfloat16 the numbers next to 2020 are 2016 and 2024. A layer without
    a bias, as of decoders, cannot hold a shift; its weights begin with what gives the mean for every text.

    Raises:
        DataError: the layer has no bias, and the mean is far from zero.
    """
    import torch

    shift, scale = _scale(targets)
    if output.bias is None:
        if abs(shift) > FARTHEST * scale:
            raise DataError(
                f"the numbers lie near {shift:.4g} and differ by {scale:.3g}, and this model's output has no "
                "bias that could hold what they share",
                where="targets",
                allowed=f"A mean of at most {FARTHEST} times the spread",
                hint=f"Subtract {shift:.4g} from all of them, or choose an encoder",
            )
        _give_all(output, vectors(), shift / scale)
        shift = 0.0
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


def _give_all(output: Any, vectors: np.ndarray, value: float) -> None:
    """Add to a layer of one output the smallest weights that give nearly `value` for all vectors [n, H]."""
    import torch

    alike = vectors.astype(np.float64) @ vectors.T
    alike += RIDGE * np.trace(alike) / len(alike) * np.eye(len(alike))
    weights = vectors.T @ np.linalg.solve(alike, np.full(len(alike), value))
    with torch.no_grad():
        output.weight.add_(torch.from_numpy(weights).to(output.weight))


def _scale(targets: np.ndarray) -> tuple[float, float]:
    """Return mean and spread of the targets; a spread of 0 counts as 1."""
    return float(targets.mean(dtype=np.float64)), float(targets.std(dtype=np.float64)) or 1.0
