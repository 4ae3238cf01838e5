"""The pretrained encoder as it came, with a linear model on its vectors of texts, or of words."""

from __future__ import annotations

import numpy as np

from feinschliff.baselines._base import Embed, Fitted
from feinschliff.baselines._linear import fit_linear
from feinschliff.baselines._probe import fit_probe
from feinschliff.config import RunConfig
from feinschliff.data.dataset import Dataset

TITLE = "Frozen encoder + logistic regression"
TITLES = {
    "classification": TITLE,
    "multilabel": "Frozen encoder + logistic regression per label",
    "regression": "Frozen encoder + ridge regression",
    "ner": "Frozen encoder + logistic regression per word",
}
KINDS = tuple(TITLES)
STRENGTHS = (0.001, 0.01, 0.1, 1.0, 10.0)


def fit(dataset: Dataset, config: RunConfig, embed: Embed) -> Fitted:
    """Fit on standardised vectors of texts, of words for entities; the regularisation is chosen on dev."""
    if dataset.kind == "ner":
        return fit_probe(dataset, embed, config.seed)
    vectors = embed(dataset.train)
    middle, spread = vectors.mean(0), vectors.std(0)
    spread = np.where(spread > 1e-6, spread, 1.0)

    def standard(found: np.ndarray) -> np.ndarray:
        return ((found - middle) / spread).astype(np.float32)

    return fit_linear(dataset, standard(vectors), lambda records: standard(embed(records)), STRENGTHS)
