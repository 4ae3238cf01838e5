"""Learn with a trained model which texts are usual."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from feinschliff.encode import Encoded
from feinschliff.evaluate.novelty import SAMPLE, Novelty, fit

if TYPE_CHECKING:
    from feinschliff.data import Records


SAMPLE_TOKENS = 500_000
"""Of the texts of the sample, so that long ones do not take longer than the training."""


def learn_novelty(learner: Any, train: Records, encoded: Encoded, dev: Encoded) -> Novelty | None:
    """Compare the vectors of some training texts with those of dev; None for tasks of words.

    Args:
        learner: The tuned model.
        train: What it was trained on.
        encoded: The same as tokens.
        dev: The texts of dev, as tokens.
    """
    if learner.task.UNIT == "token":
        return None
    rows = sample(encoded)
    targets = train.take(rows).targets
    classes = targets if targets and isinstance(targets[0], str) else None
    return fit(learner.logits_and_vectors(encoded.take(rows))[1], classes, learner.logits_and_vectors(dev)[1])


def sample(encoded: Encoded) -> np.ndarray:
    """Return the texts that are looked at, int64, ascending: drawn by chance, until they are enough."""
    rows = np.random.default_rng(0).permutation(encoded.num_records)[:SAMPLE]
    enough = np.searchsorted(encoded.record_tokens[rows].cumsum(), SAMPLE_TOKENS, side="right")
    return np.sort(rows[: max(1, int(enough))])
