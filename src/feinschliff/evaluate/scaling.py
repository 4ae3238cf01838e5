"""The few numbers that make probabilities out of a model's confidence.

A temperature divides the logits; it changes no most probable class. Vector scaling gives each label a scale
and a shift of its own, which may change decisions. Both are fitted on dev and can be folded into the weights
of the last layer. The score of an entity depends on several tokens at once; what makes it a probability is
kept beside the weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

MOST_ROWS = 100_000
"""Rows a scaling is fitted on at most."""
LEAST_FOR_VECTOR = 200
"""Rows below which vector scaling is not considered."""
CAUTION = 0.5
"""Standard deviation of the log temperature expected beforehand; tells on dev sets of a few dozen only."""


def fit_temperature(logits: np.ndarray, true: np.ndarray) -> float:
    """Return the temperature with the least log loss.

    Args:
        logits: float [N, K]; log probabilities will do for softmax.
        true: int64 [N] class indices (softmax; rows with a negative index are passed over), or bool [N, K]
            (a sigmoid each).

    Returns:
        Between 0.05 and 20; above 1 where the model was too sure. 1 when there is nothing to fit.

    Source: C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    single = true.ndim == 1
    if single:
        logits, true = logits[true >= 0], true[true >= 0]
    if not len(logits):
        return 1.0
    logits = logits.astype(np.float64)
    rows = np.arange(len(logits))

    def loss(log_temperature: float) -> float:
        cooled = logits * np.exp(-log_temperature)
        if single:
            total = (logsumexp(cooled, axis=1) - cooled[rows, true]).sum()
        else:
            total = (np.logaddexp(0, cooled) - true * cooled).sum() / cooled.shape[1]
        return float(total) + log_temperature**2 / (2 * CAUTION**2)

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))


@dataclass(frozen=True)
class Scaling:
    """What logits are multiplied with and what is added then.

    Attributes:
        method: `none`, `temperature` or `vector`.
        scale, shift: float64 [K]; for a temperature the scale is its inverse everywhere, the shift 0.
    """

    method: str
    scale: np.ndarray
    shift: np.ndarray

    def apply(self, logits: np.ndarray) -> np.ndarray:
        """Return the scaled logits, float32 [N, K]."""
        return (logits * self.scale + self.shift).astype(np.float32)

    def undo(self, logits: np.ndarray) -> np.ndarray:
        """Return what the logits were before, float32 [N, K]."""
        return ((logits - self.shift) / self.scale).astype(np.float32)

    def as_dict(self) -> dict[str, Any]:
        """Return it as `feinschliff.json` holds it."""
        if self.method == "vector":
            return {"method": self.method, "scale": self.scale.tolist(), "shift": self.shift.tolist()}
        return {"method": self.method, "temperature": float(1 / self.scale[0]) if len(self.scale) else 1.0}


def fit_scaling(
    logits: np.ndarray, true: np.ndarray, method: str = "auto", num_folds: int = 5, vector: bool = True
) -> Scaling:
    """Return the scaling with the least log loss.

    Args:
        logits, true: As for `fit_temperature`.
        method: `none`, `temperature`, `vector`, or `auto`: vector scaling where, on parts of the data it was
            not fitted on, its log loss is lower than the temperature's by more than two standard errors and
            it is right no less often. A temperature that makes the model surer has to show a gain as clear,
            or nothing is done: dev chose the weights and may lack rare labels, so it is easier than new data.
        num_folds: Parts of these comparisons.
        vector: Whether `auto` may choose vector scaling.

    Source: C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2.
    """
    width = logits.shape[1]
    one, nothing = np.ones(width), np.zeros(width)
    if true.ndim == 1:
        logits, true = logits[true >= 0], true[true >= 0]
    if len(logits) > MOST_ROWS:
        rows = np.random.default_rng(0).permutation(len(logits))[:MOST_ROWS]
        logits, true = logits[rows], true[rows]
    if method == "none":
        return Scaling("none", one, nothing)
    if method == "vector" or (method == "auto" and vector and _vector_is_better(logits, true, num_folds)):
        return Scaling("vector", *_fit_vector(logits, true))
    temperature = fit_temperature(logits, true)
    if method == "auto" and temperature < 1 and not _temperature_helps(logits, true, num_folds):
        return Scaling("none", one, nothing)
    return Scaling("temperature", one / temperature, nothing)


def uncalibrated(logits: np.ndarray, rules: Mapping[str, Any]) -> np.ndarray:
    """Return what the logits of a calibrated model were before, from the rules it keeps."""
    done = rules.get("calibration", {})
    scale, shift = done.get("scale"), done.get("shift")
    if scale is None:
        return (logits * done.get("temperature", 1.0)).astype(np.float32)
    return Scaling("vector", np.asarray(scale), np.asarray(shift)).undo(logits)


def _vector_is_better(logits: np.ndarray, true: np.ndarray, num_folds: int) -> bool:
    if len(logits) < LEAST_FOR_VECTOR:
        return False
    gain, hits = np.empty(len(logits)), np.empty(len(logits))
    for inside, outside in _folds(len(logits), num_folds):
        plain = logits[outside].astype(np.float64)
        scale, shift = _fit_vector(logits[inside], true[inside])
        one = plain / fit_temperature(logits[inside], true[inside])
        many = plain * scale + shift
        gain[outside] = _losses(one, true[outside]) - _losses(many, true[outside])
        hits[outside] = _right(many, true[outside]) - _right(one, true[outside])
    return _is_clear(gain) and bool(hits.mean() >= 0)


def _temperature_helps(logits: np.ndarray, true: np.ndarray, num_folds: int) -> bool:
    gain = np.zeros(len(logits))
    for inside, outside in _folds(len(logits), num_folds):
        plain = logits[outside].astype(np.float64)
        cooled = plain / fit_temperature(logits[inside], true[inside])
        gain[outside] = _losses(plain, true[outside]) - _losses(cooled, true[outside])
    return _is_clear(gain)


def _folds(num: int, num_folds: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield which rows to fit on and which to judge by, bool [num] each."""
    fold = np.random.default_rng(0).permutation(num) % num_folds
    for number in range(num_folds):
        yield fold != number, fold == number


def _is_clear(gain: np.ndarray) -> bool:
    """Tell whether a mean gain is above two standard errors."""
    return bool(len(gain) and gain.mean() > 2 * gain.std() / np.sqrt(len(gain)))


def _fit_vector(logits: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return scale and shift, float64 [K] each, held near one temperature where there is little to learn."""
    from scipy.optimize import minimize

    width = logits.shape[1]
    common = -np.log(fit_temperature(logits, true))
    logits = logits.astype(np.float64)
    wanted = np.eye(width)[true] if true.ndim == 1 else true.astype(np.float64)
    share = 1 if true.ndim == 1 else 1 / width

    def objective(point: np.ndarray) -> tuple[float, np.ndarray]:
        log_scale, shift = point[:width], point[width:]
        scaled = logits * np.exp(log_scale) + shift
        slope = share * (_chances(scaled, true.ndim == 1) - wanted)
        apart = (log_scale - common) / CAUTION**2, shift / CAUTION**2
        value = _losses(scaled, true).sum() + (apart[0] @ (log_scale - common) + apart[1] @ shift) / 2
        gradient = [(slope * logits).sum(0) * np.exp(log_scale) + apart[0], slope.sum(0) + apart[1]]
        return float(value), np.concatenate(gradient)

    begin = np.append(np.full(width, common), np.zeros(width))
    found = minimize(objective, begin, jac=True, method="L-BFGS-B", options={"maxiter": 200}).x
    return np.exp(found[:width]), found[width:]


def _losses(logits: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return the log loss of each row; over labels of their own, its mean."""
    if true.ndim == 1:
        from scipy.special import logsumexp

        return logsumexp(logits, axis=1) - logits[np.arange(len(logits)), true]
    return (np.logaddexp(0, logits) - true * logits).mean(1)


def _right(logits: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return whether each row's most probable class is the true one; over labels of their own, the share."""
    return (logits.argmax(1) == true).astype(float) if true.ndim == 1 else ((logits > 0) == true).mean(1)


def _chances(logits: np.ndarray, single: bool) -> np.ndarray:
    if not single:
        return 0.5 * (1 + np.tanh(logits / 2))
    raised = np.exp(logits - logits.max(1, keepdims=True))
    return raised / raised.sum(1, keepdims=True)


def fit_span_scale(confidence: np.ndarray, right: np.ndarray) -> dict[str, float] | None:
    """Return {"slope", "intercept"} that turn the logit of an entity's score into that of its being right.

    Args:
        confidence, right: float [M] and bool [M], of the entities found on dev.

    Returns:
        The slope is at least 0.05, so that a higher score stays a higher probability; None when nothing, or
        only one outcome, was seen.

    Source: J. Platt, "Probabilistic Outputs for Support Vector Machines", 1999, with a prior around no
        change.
    """
    from scipy.optimize import minimize

    if not len(right) or right.all() or not right.any():
        return None
    clipped = np.clip(confidence, 1e-6, 1 - 1e-6)
    logit = np.log(clipped / (1 - clipped))

    def loss(point: np.ndarray) -> float:
        scaled = np.exp(point[0]) * logit + point[1]
        return float((np.logaddexp(0, scaled) - right * scaled).sum() + (point**2).sum() / (2 * CAUTION**2))

    found = minimize(loss, np.zeros(2), bounds=[(-3, 3), (-10, 10)], method="L-BFGS-B").x
    return {"slope": round(float(np.exp(found[0])), 6), "intercept": round(float(found[1]), 6)}
