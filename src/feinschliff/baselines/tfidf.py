"""Words and character n-grams, weighted by rarity, with a linear model: the strongest of the old ways."""

from __future__ import annotations

from typing import Any

import numpy as np

from feinschliff.baselines._base import Embed, Fitted, joined
from feinschliff.baselines._linear import fit_linear
from feinschliff.baselines._ngrams import fit_ngrams
from feinschliff.baselines._tagger import fit_tagger
from feinschliff.config import RunConfig
from feinschliff.data.dataset import Dataset, Records

TITLE = "TF-IDF + logistic regression"
TITLES = {
    "classification": TITLE,
    "multilabel": "TF-IDF + logistic regression per label",
    "regression": "TF-IDF + ridge regression",
    "ner": "Words, affixes and context + logistic regression per token",
}
KINDS = tuple(TITLES)
STRENGTHS = (1.0, 4.0, 16.0, 64.0, 256.0)


MOST_CHARACTERS = 10_000_000
"""Of train; beyond, n-grams of characters are left out: with much text they gain little and cost most."""


def fit(dataset: Dataset, config: RunConfig, embed: Embed) -> Fitted:
    """Fit on 1-2-grams of words and 2-5-grams of characters within words, found in two texts or more.

    The regularisation is chosen on dev. Kinds and sizes of the n-grams were chosen on dev splits of three
    data sets. Entities are found token by token instead.
    """
    if dataset.kind == "ner":
        return fit_tagger(dataset)
    texts = joined(dataset.train)
    kinds = {"words": (1, 2), "characters": (2, 3, 4, 5)}
    if sum(map(len, texts)) > MOST_CHARACTERS:
        del kinds["characters"]
    fitted = [fit_ngrams(texts, kind, sizes, 2) for kind, sizes in kinds.items()]

    def features(records: Records) -> Any:
        return _side_by_side([ngrams(joined(records)) for ngrams, _ in fitted])

    return fit_linear(dataset, _side_by_side([matrix for _, matrix in fitted]), features, STRENGTHS)


def _side_by_side(blocks: list[Any]) -> Any:
    """Return the blocks as one CSR matrix whose rows have length 1."""
    from scipy.sparse import hstack

    return hstack(blocks, format="csr") * np.float32(len(blocks) ** -0.5)
