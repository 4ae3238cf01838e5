"""Linear models on any features, dense or sparse: softmax, sigmoid or squared loss, with an L2 penalty.

The same objectives as scikit-learn's LogisticRegression and Ridge, minimised by L-BFGS; the matrix products
run in float32 and for all classes at once, which with many classes and sparse features is several times
quicker (77 classes, 9,003 texts, 36,000 features: 0.09 s per gradient against 1 s).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from feinschliff.baselines._base import best_on
from feinschliff.data.dataset import Dataset, Records
from feinschliff.evaluate import Predictions

Features = Callable[[Records], Any]
"""Gives float32 [N, F], a dense array or a CSR matrix."""


@dataclass(frozen=True)
class LinearModel:
    """Features, weights and what to make of the outputs.

    Attributes:
        weights: float32 [F, K].
        bias: float32 [K].
        scale: What outputs of a regression are multiplied with; `shift` is added after.
    """

    task: str
    labels: tuple[str, ...]
    features: Features
    weights: np.ndarray
    bias: np.ndarray
    scale: float = 1.0
    shift: float = 0.0

    def predict(self, records: Records) -> Predictions:
        """Return predictions in record order."""
        outputs = self.features(records) @ self.weights + self.bias
        if self.task == "regression":
            decided = outputs[:, 0].astype(np.float64) * self.scale + self.shift
            return Predictions(self.task, (), decided)
        if self.task == "multilabel":
            scores = _sigmoid(outputs)
            return Predictions(self.task, self.labels, scores >= 0.5, scores)
        scores = softmax(outputs)
        return Predictions(self.task, self.labels, scores.argmax(1), scores)


def fit_linear(dataset: Dataset, features: Features, strengths: Sequence[float]) -> LinearModel:
    """Fit one model per regularisation strength on train and return the best on dev.

    Args:
        dataset: Of a task with labels for whole records.
        features: Must give the same matrix for the same records; called for train once.
        strengths: Values of C, inverse to the penalty, from small to large; each fit starts from the last.
    """
    matrix = features(dataset.train)
    ready = _once(features, dataset.dev)
    targets, shift, scale = _targets(dataset)

    def candidates() -> Iterator[LinearModel]:
        weights, bias = np.zeros((matrix.shape[1], targets.shape[1]), np.float32), targets.mean(0) * 0
        for strength in strengths:
            weights, bias = minimise(matrix, targets, dataset.task, strength, weights, bias)
            yield LinearModel(dataset.task, dataset.labels, ready, weights, bias, scale, shift)

    best = best_on(dataset.dev, candidates())
    return LinearModel(best.task, best.labels, features, best.weights, best.bias, scale, shift)


def minimise(
    matrix: Any,
    targets: np.ndarray,
    task: str,
    strength: float,
    weights: np.ndarray,
    bias: np.ndarray,
    max_iterations: int = 100,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights and biases that minimise C * sum of losses + |weights|^2 / 2.

    Args:
        matrix: float32 [N, F].
        targets: float32 [N, K]; one-hot for classification.
        task: Chooses the loss: classification softmax, multilabel sigmoid, regression half the square.
        strength: C; divided by nothing, as in scikit-learn.
        weights, bias: float32 [F, K] and [K], where to start.
        max_iterations: Of L-BFGS; the weights reached by then are good enough for a comparison.
    """
    from scipy.optimize import minimize

    transposed = matrix.T.tocsr() if hasattr(matrix, "tocsr") else matrix.T
    num, size = len(targets), weights.size
    shape = weights.shape

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        w, b = flat[:size].reshape(shape), flat[size:]
        w_low = w.astype(np.float32)
        loss, slope = _loss(matrix @ w_low + b.astype(np.float32), targets, task)
        gradient = np.empty_like(flat)
        gradient[:size] = (transposed @ slope).ravel()
        gradient[:size] += flat[:size] / strength
        gradient[size:] = slope.sum(0, dtype=np.float64)
        gradient /= num
        return (loss + 0.5 * float(flat[:size] @ flat[:size]) / strength) / num, gradient

    start = np.concatenate([weights.ravel(), bias]).astype(np.float64)
    options = {"maxiter": max_iterations, "maxcor": 5, "ftol": 1e-6, "gtol": 1e-6}
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options=options).x.astype(np.float32)
    return found[:size].reshape(shape), found[size:]


def softmax(outputs: np.ndarray) -> np.ndarray:
    """Return float32 probabilities along the last axis."""
    raised = np.exp(outputs - outputs.max(-1, keepdims=True))
    return (raised / raised.sum(-1, keepdims=True)).astype(np.float32)


def _sigmoid(outputs: np.ndarray) -> np.ndarray:
    return (0.5 * (1 + np.tanh(outputs / 2))).astype(np.float32)


def _loss(outputs: np.ndarray, targets: np.ndarray, task: str) -> tuple[float, np.ndarray]:
    """Return the summed loss and its slope by the outputs, float32 [N, K]."""
    if task == "regression":
        error = outputs - targets
        return 0.5 * float(np.square(error, dtype=np.float64).sum()), error
    if task == "multilabel":
        losses = np.logaddexp(0, outputs) - targets * outputs
        return float(losses.sum(dtype=np.float64)), _sigmoid(outputs) - targets
    outputs = outputs - outputs.max(1, keepdims=True)
    raised = np.exp(outputs)
    totals = raised.sum(1, keepdims=True)
    losses = np.log(totals[:, 0]) - (outputs * targets).sum(1)
    return float(losses.sum(dtype=np.float64)), raised / totals - targets


def _targets(dataset: Dataset) -> tuple[np.ndarray, float, float]:
    """Return targets float32 [N, K], and the shift and scale that undo what was done to numbers."""
    found = dataset.train.targets
    if dataset.task == "regression":
        values = np.asarray(found, dtype=np.float64)
        shift, scale = float(values.mean()), float(values.std()) or 1.0
        return ((values - shift) / scale).astype(np.float32)[:, None], shift, scale
    number = {name: i for i, name in enumerate(dataset.labels)}
    matrix = np.zeros((len(found), len(number)), np.float32)
    for row, target in enumerate(found):
        matrix[row, [number[n] for n in ([target] if isinstance(target, str) else target)]] = 1
    return matrix, 0.0, 1.0


def _once(features: Features, known: Records) -> Features:
    """Return `features`, computing those of one split a single time."""
    kept: list[Any] = []

    def ready(records: Records) -> Any:
        if records is not known:
            return features(records)
        if not kept:
            kept.append(features(records))
        return kept[0]

    return ready
