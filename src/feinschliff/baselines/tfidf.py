"""Words and character n-grams, weighted by rarity, with a linear model: the strongest of the old ways."""

from __future__ import annotations

from typing import Any

from feinschliff.baselines._base import Embed, joined
from feinschliff.baselines._linear import LinearModel, fit_linear
from feinschliff.config import RunConfig
from feinschliff.data.dataset import Dataset, Records

TITLE = "TF-IDF + logistic regression"
TASKS = ("classification",)
STRENGTHS = (0.5, 2.0, 8.0, 32.0)


def fit(dataset: Dataset, config: RunConfig, embed: Embed) -> LinearModel:
    """Fit on word 1-2-grams and character 2-5-grams within words; the regularisation is chosen on dev."""
    import numpy as np
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, dtype=np.float32)
    characters = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(2, 5), min_df=2, sublinear_tf=True, dtype=np.float32
    )
    for vectorizer in (words, characters):
        vectorizer.fit(joined(dataset.train))

    def features(records: Records) -> Any:
        texts = joined(records)
        return hstack([words.transform(texts), characters.transform(texts)]).tocsr()

    return fit_linear(dataset, features, STRENGTHS)
