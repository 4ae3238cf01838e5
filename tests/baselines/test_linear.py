"""The linear models reach the optimum of scikit-learn's; the n-grams are those of its vectorizers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge

from feinschliff.baselines._base import first_best
from feinschliff.baselines._linear import minimise, softmax, start_bias
from feinschliff.baselines._ngrams import CHUNK_CHARACTERS, fit_ngrams


def problem(width, seed=0, num=300):
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(num, 8)).astype(np.float32)
    outputs = matrix @ random.normal(size=(8, width)) + random.normal(size=(num, width))
    return matrix, outputs


def fitted(matrix, targets, task, strength, start=None):
    weights = np.zeros((matrix.shape[1], targets.shape[1]), np.float32)
    bias = start_bias(targets, task) if start is None else start
    return minimise(matrix, targets, task, strength, weights, bias, tolerance=1e-7)


@pytest.mark.parametrize("strength", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("form", [np.asarray, csr_array])
def test_softmax_equals_logistic_regression(strength, form):
    matrix, outputs = problem(3)
    true = outputs.argmax(1)
    weights, bias = fitted(form(matrix), np.eye(3, dtype=np.float32)[true], "classification", strength)
    expected = LogisticRegression(C=strength, tol=1e-8, max_iter=2000).fit(matrix, true)
    found = softmax(matrix @ weights + bias)
    np.testing.assert_allclose(found, expected.predict_proba(matrix), atol=5e-3)


def test_sigmoids_equal_one_logistic_regression_per_label():
    matrix, outputs = problem(2)
    true = outputs > 0.5
    weights, _ = fitted(matrix, true.astype(np.float32), "multilabel", 1.0)
    for label in range(2):
        expected = LogisticRegression(C=1.0, tol=1e-8, max_iter=2000).fit(matrix, true[:, label])
        np.testing.assert_allclose(weights[:, label], expected.coef_[0], atol=2e-2)


def test_squares_equal_ridge():
    matrix, outputs = problem(1)
    weights, bias = fitted(matrix, outputs.astype(np.float32), "regression", 0.1)
    expected = Ridge(alpha=10.0).fit(matrix, outputs[:, 0])
    np.testing.assert_allclose(weights[:, 0], expected.coef_, atol=1e-3)
    assert bias[0] == pytest.approx(expected.intercept_, abs=1e-3)


def test_constant_targets_and_features_do_no_harm():
    matrix = np.ones((20, 3), np.float32)
    weights, bias = fitted(matrix, np.eye(2, dtype=np.float32)[np.zeros(20, int)], "classification", 1.0)
    assert softmax(matrix @ weights + bias)[0, 0] > 0.9
    weights, bias = fitted(np.zeros((20, 3), np.float32), np.ones((20, 1), np.float32), "regression", 1.0)
    assert np.isfinite(weights).all()
    assert bias[0] == pytest.approx(1.0)


def test_the_path_ends_where_the_loss_grows():
    tried = []

    def path():
        for value in (3, 2, 1, 2, 0):
            tried.append(value)
            yield value

    assert first_best(path(), float) == 1
    assert tried == [3, 2, 1, 2]
    assert first_best(iter("abcdef"), None) == "c"


TEXTS = [
    "The food was GOOD, really good!",
    "the service  was\tbad\nreally bad",
    "",
    "   ",
    "Ärger über die Straße; a",
    "a b c 12",
    "🙂 good 🙂🙂",
    "really, really good food",
]
VECTORIZERS = {
    "words": {"token_pattern": r"\w+|[^\w\s]", "ngram_range": (1, 2)},
    "characters": {"analyzer": "char_wb", "ngram_range": (2, 5)},
}


@pytest.mark.parametrize("kind", VECTORIZERS)
@pytest.mark.parametrize("min_texts", [1, 2])
def test_ngrams_equal_those_of_sklearn(kind, min_texts):
    sizes = tuple(range(VECTORIZERS[kind]["ngram_range"][0], VECTORIZERS[kind]["ngram_range"][1] + 1))
    ngrams, found = fit_ngrams(TEXTS, kind, sizes, min_texts)
    vectorizer = TfidfVectorizer(sublinear_tf=True, min_df=min_texts, **VECTORIZERS[kind])
    expected = vectorizer.fit_transform(TEXTS)
    assert found.shape == expected.shape
    np.testing.assert_allclose((found @ found.T).toarray(), (expected @ expected.T).toarray(), atol=1e-5)
    new = ["good food, bad service", "unseen", "", "ÄRGER"]
    lengths = np.sqrt((ngrams(new) ** 2).sum(1))
    np.testing.assert_allclose(
        (ngrams(new) @ found.T).toarray(), (vectorizer.transform(new) @ expected.T).toarray(), atol=1e-5
    )
    assert ((lengths == 0) | (abs(lengths - 1) < 1e-5)).all()


def test_ngrams_of_chunks_equal_those_of_the_whole(monkeypatch):
    whole = fit_ngrams(TEXTS, "characters", (2, 3), 1)[1].toarray()
    monkeypatch.setattr("feinschliff.baselines._ngrams.CHUNK_CHARACTERS", 20)
    assert CHUNK_CHARACTERS > 20
    assert (fit_ngrams(TEXTS, "characters", (2, 3), 1)[1].toarray() == whole).all()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(max_size=20), min_size=1, max_size=5))
def test_any_text_has_ngrams(texts):
    for kind in VECTORIZERS:
        ngrams, found = fit_ngrams(texts, kind, (2, 3), 1)
        assert np.isfinite(found.data).all()
        for row, text in enumerate(texts):
            np.testing.assert_allclose(ngrams([text]).toarray()[0], found.toarray()[row], atol=1e-6)
