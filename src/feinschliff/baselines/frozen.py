"""The pretrained encoder as it came, with a linear model on its sentence vectors."""

from __future__ import annotations

import numpy as np

from feinschliff.baselines._base import Embed
from feinschliff.baselines._linear import LinearModel, fit_linear
from feinschliff.config import RunConfig
from feinschliff.data.dataset import Dataset

TITLE = "Frozen encoder + logistic regression"
TITLES = {
    "classification": TITLE,
    "multilabel": "Frozen encoder + logistic regression per label",
    "regression": "Frozen encoder + ridge regression",
}
KINDS = tuple(TITLES)
STRENGTHS = (0.001, 0.01, 0.1, 1.0, 10.0)


def fit(dataset: Dataset, config: RunConfig, embed: Embed) -> LinearModel:
    """Fit on standardised sentence vectors; the regularisation is chosen on dev."""
    vectors = embed(dataset.train)
    middle, spread = vectors.mean(0), vectors.std(0)
    spread = np.where(spread > 1e-6, spread, 1.0)

    def standard(found: np.ndarray) -> np.ndarray:
        return ((found - middle) / spread).astype(np.float32)

    return fit_linear(dataset, standard(vectors), lambda records: standard(embed(records)), STRENGTHS)
