"""How unlike the training texts a text is, by what the model makes of it.

The vectors that the output layer reads are compared with those of the training texts: the distance of
Mahalanobis to the nearest class, with one covariance for all classes, shrunk because there are many
dimensions. Texts of dev, which the model was not fitted to either, say which distances are usual.

Sources: K. Lee et al., "A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial
Attacks", NeurIPS 2018; O. Ledoit, M. Wolf, "A Well-Conditioned Estimator for Large-Dimensional Covariance
Matrices", JMVA 88, 2004. Of the scores tried it tells other data sets apart best; see docs/experiments.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

UNUSUAL = 0.95
"""From this novelty on a text is called unusual."""
QUANTILES = 201
SAMPLE = 2000
"""Training texts that are looked at."""


@dataclass(frozen=True)
class Novelty:
    """What the vectors of usual texts look like.

    Legend: C classes, H the width of the vectors.

    Attributes:
        means: float32 [C, H], of the vectors made white.
        whiten: float32 [H, H]; vectors times this have the unit matrix as their covariance within classes.
        usual: float32 [201], quantiles of the squared distances of dev, ascending.
    """

    means: np.ndarray
    whiten: np.ndarray
    usual: np.ndarray

    def of(self, vectors: np.ndarray) -> np.ndarray:
        """Return float64 [N] for vectors [N, H]: the share of dev's texts that are less unusual, 0 to 1."""
        places = np.linspace(0, 1, len(self.usual))
        return np.interp(self.distances(vectors), self.usual, places)

    def distances(self, vectors: np.ndarray) -> np.ndarray:
        """Return float64 [N], the squared distance to the nearest class."""
        white = vectors.astype(np.float64) @ self.whiten
        means = self.means.astype(np.float64)
        apart = (white**2).sum(1)[:, None] - 2 * white @ means.T + (means**2).sum(1)
        return np.maximum(apart.min(1), 0.0)


def fit(vectors: np.ndarray, classes: Sequence[str] | None, dev: np.ndarray) -> Novelty | None:
    """Learn what is usual.

    Args:
        vectors: float32 [N, H], of training texts.
        classes: Their N classes; None where texts have no single class.
        dev: float32 [M, H], of texts the model was not fitted to.

    Returns:
        None where there are fewer than two training texts, or none of dev.
    """
    from sklearn.covariance import ledoit_wolf

    if len(vectors) < 2 or not len(dev):
        return None
    x = vectors.astype(np.float64)
    _, own = np.unique(np.zeros(len(x)) if classes is None else np.asarray(classes), return_inverse=True)
    sums = np.zeros((own.max() + 1, x.shape[1]))
    np.add.at(sums, own, x)
    means = sums / np.bincount(own)[:, None]
    covariance, _ = ledoit_wolf(x - means[own], assume_centered=True)
    values, directions = np.linalg.eigh(covariance)
    whiten = directions / np.sqrt(np.maximum(values, 1e-12 * max(values.max(), 1e-12)))
    found = Novelty(
        (means @ whiten).astype(np.float32), whiten.astype(np.float32), np.zeros(QUANTILES, np.float32)
    )
    usual = np.quantile(found.distances(dev), np.linspace(0, 1, QUANTILES))
    return Novelty(found.means, found.whiten, usual.astype(np.float32))
