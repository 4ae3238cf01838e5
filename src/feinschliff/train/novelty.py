"""Learn with a trained model which texts are usual."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from feinschliff.encode import Encoded
from feinschliff.evaluate.novelty import SAMPLE, Novelty, fit

if TYPE_CHECKING:
    from feinschliff.data import Records


def learn_novelty(
    learner: Any, train: Records, some: Encoded, rows: np.ndarray, dev: Encoded
) -> Novelty | None:
    """Compare the vectors of training texts with those of dev; None for tasks of words.

    Args:
        learner: The tuned model.
        train: What it was trained on.
        some: The texts `rows` of train, as tokens.
        rows: int64, see `sample`.
        dev: The texts of dev, as tokens.
    """
    if learner.task.UNIT == "token":
        return None
    targets = train.take(rows).targets
    classes = targets if targets and isinstance(targets[0], str) else None
    return fit(learner.logits_and_vectors(some)[1], classes, learner.logits_and_vectors(dev)[1])


def sample(train: Records) -> np.ndarray:
    """Return the rows of train that are looked at."""
    return np.sort(np.random.default_rng(0).permutation(len(train))[:SAMPLE])
