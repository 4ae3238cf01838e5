"""Texts of another kind are found, those of the same kind are spread evenly."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from feinschliff import bundle
from feinschliff.evaluate.novelty import fit


def sample(number, seed, shift=0.0):
    random = np.random.default_rng(seed)
    classes = random.integers(0, 2, number)
    stretched = random.normal(size=(number, 20)) * np.linspace(0.1, 3, 20)
    return (stretched + 4 * classes[:, None] + shift).astype(np.float32), [str(c) for c in classes]


def test_other_vectors_are_told_apart_and_usual_ones_are_spread_evenly():
    vectors, classes = sample(400, 0)
    novelty = fit(vectors, classes, sample(400, 1)[0])
    usual, other = novelty.of(sample(400, 2)[0]), novelty.of(sample(400, 3, shift=np.eye(20)[0] * 4)[0])
    assert np.quantile(usual, [0.25, 0.5, 0.75]) == pytest.approx([0.25, 0.5, 0.75], abs=0.1)
    assert roc_auc_score([0] * 400 + [1] * 400, np.concatenate([usual, other])) > 0.99
    assert novelty.of(vectors[:1] + 1000) == [1.0]


def test_the_distance_is_that_of_mahalanobis():
    random = np.random.default_rng(4)
    classes = ["0", "1"] * 2000
    mixed = random.normal(size=(4000, 3)) @ np.array([[1, 0.5, 0], [0, 0.8, 0.3], [0.2, 0, 1.2]])
    vectors = mixed + np.array([[0, 0, 0], [4, 1, -2]] * 2000)
    novelty = fit(vectors, classes, vectors[:10])
    centred = vectors - np.stack([vectors[[c == k for c in classes]].mean(0) for k in classes])
    inverse = np.linalg.inv(np.cov(centred.T))
    means = [vectors[[c == k for c in classes]].mean(0) for k in "01"]
    expected = np.min([np.einsum("ij,jk,ik->i", vectors - m, inverse, vectors - m) for m in means], axis=0)
    assert novelty.distances(vectors[:50]) == pytest.approx(expected[:50], rel=0.02)


@pytest.mark.parametrize(("train", "dev"), [(1, 5), (5, 0)])
def test_too_few_texts_say_nothing(train, dev):
    assert fit(np.zeros((train, 3), np.float32), None, np.zeros((dev, 3), np.float32)) is None


def test_equal_vectors_do_no_harm():
    novelty = fit(np.ones((5, 3), np.float32), None, np.ones((4, 3), np.float32))
    assert np.isfinite(novelty.of(np.zeros((2, 3), np.float32))).all()


def test_a_trained_model_keeps_it_and_says_it(trained, tmp_path):
    model = bundle.load(trained)
    assert (trained / "model" / "novelty.safetensors").stat().st_size < 100_000
    usual = [p.novelty for p in model.predict(["the soup was wonderful today.", "my order came broken."])]
    assert all(0 <= n <= 1 for n in usual)
    long = model.predict([" ".join(["the soup was wonderful today."] * 30)])[0]
    assert 0 <= long.novelty <= 1
    bundle.save(model, tmp_path / "again")
    again = bundle.load(tmp_path / "again").predict(["my order came broken."])[0]
    assert again.novelty == pytest.approx(usual[1], abs=1e-6)
