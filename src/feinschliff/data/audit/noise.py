"""Labels that look wrong to a simple model trained without them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from feinschliff.data import split
from feinschliff.data.audit._found import TRAIN, Found, Pool
from feinschliff.errors import counted

KINDS = {
    "label_noise": "Rows whose label a simple model, trained on the other rows, contradicts with confidence."
}
MOST_CELLS = 100_000
"""Rows times classes up to which the check is made; it takes some seconds then."""
LEAST_ROWS = 100
NUM_FOLDS = 4
LARGEST_OWN = 0.1
"""Only a label with at most this probability is called wrong."""


def check(pool: Pool) -> Iterator[Found]:
    """Find label noise candidates by confident learning on out-of-fold TF-IDF and logistic regression.

    A row is a candidate when another class reaches the mean confidence that rows of that class have in it,
    and its own label has next to none.

    Source: Northcutt, Jiang, Chuang: Confident Learning, JAIR 2021, section 3.1.
    """
    if pool.kind != "classification" or pool.columns.text_pair:
        return
    rows = np.flatnonzero(~pool.empty & ~pool.unlabelled & (pool.source == TRAIN))
    names, codes, counts = np.unique(
        np.asarray(pool.records.table["target"].take(rows)).astype(str),
        return_inverse=True,
        return_counts=True,
    )
    if len(names) < 2 or len(rows) < LEAST_ROWS or len(rows) * len(names) > MOST_CELLS:
        return
    rows, codes = rows[counts[codes] >= 2 * NUM_FOLDS], codes[counts[codes] >= 2 * NUM_FOLDS]
    if len(np.unique(codes)) < 2:
        return
    chance = _out_of_fold(pool, rows, codes, len(names))
    own = chance[np.arange(len(rows)), codes]
    usual = np.array([own[codes == c].mean() if (codes == c).any() else 2.0 for c in range(len(names))])
    confident = np.where(chance >= usual, chance, 0.0)
    best = confident.argmax(axis=1)
    wrong = (confident.max(axis=1) > 0) & (best != codes) & (own <= LARGEST_OWN)
    if not wrong.any():
        return
    doubt = {
        int(r): f"'{names[c]}' here, a simple model says '{names[b]}' ({p:.0%})"
        for r, c, b, p in zip(
            rows[wrong], codes[wrong], best[wrong], confident.max(axis=1)[wrong], strict=True
        )
    }
    worst = rows[wrong][np.argsort(own[wrong] - confident.max(axis=1)[wrong], kind="stable")]
    message = (
        f"{counted(int(wrong.sum()), 'label')} to look at: a simple model, sure of itself, says otherwise"
    )
    yield Found("label_noise", "info", np.sort(worst), message, doubt.__getitem__, shown=worst[:5])


def _out_of_fold(pool: Pool, rows: np.ndarray, codes: np.ndarray, num_classes: int) -> np.ndarray:
    """Return float64 [N, num_classes]: each row's probabilities by a model that did not see its cluster."""
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
    from sklearn.linear_model import LogisticRegression

    records = pool.records.take(rows)
    fold = split.folds(records, pool.kind, NUM_FOLDS, pool.texts.cluster[pool.texts.number[rows]], seed=0)
    words = HashingVectorizer(token_pattern=r"\w+", n_features=2**18, alternate_sign=False, norm=None)
    features = TfidfTransformer(sublinear_tf=True).fit_transform(words.transform(records.texts))
    chance = np.zeros((len(rows), num_classes))
    for k in range(NUM_FOLDS):
        held = fold == k
        known = np.unique(codes[~held])
        if len(known) < 2 or not held.any():
            continue
        model = LogisticRegression(C=10.0, max_iter=100, tol=1e-2).fit(features[~held], codes[~held])
        chance[np.ix_(held, model.classes_)] = model.predict_proba(features[held])
    return chance
