"""Metrics against scikit-learn, scipy and seqeval; undefined ones never become NaN."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from seqeval.metrics import classification_report, f1_score, precision_score, recall_score
from sklearn import metrics as sk

from feinschliff.evaluate import METRICS, PRIMARY, Predictions, metrics, statistics
from feinschliff.evaluate.bootstrap import resamples

LABELS = ("a", "b", "c", "d", "e")


def classified(decided, labels=LABELS, scores=None):
    return Predictions("classification", tuple(labels), np.asarray(decided), scores)


def probabilities(random, num, width):
    raw = random.random((num, width)).astype(np.float32) + 0.01
    return raw / raw.sum(1, keepdims=True)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=40))
def test_classification_equals_sklearn(pairs):
    true, guess = (np.array(side) for side in zip(*pairs, strict=True))
    found = metrics(statistics("classification", [LABELS[i] for i in true], classified(guess)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = {
            "accuracy": sk.accuracy_score(true, guess),
            "macro_f1": sk.f1_score(true, guess, average="macro"),
            "micro_f1": sk.f1_score(true, guess, average="micro"),
            "weighted_f1": sk.f1_score(true, guess, average="weighted"),
            "macro_precision": sk.precision_score(true, guess, average="macro", zero_division=0),
            "macro_recall": sk.recall_score(true, guess, average="macro", zero_division=0),
            "balanced_accuracy": sk.balanced_accuracy_score(true, guess),
            "mcc": sk.matthews_corrcoef(true, guess),
        }
    assert found == pytest.approx(expected, abs=1e-9)


def test_probability_metrics_equal_sklearn():
    random = np.random.default_rng(1)
    scores = probabilities(random, 200, 2)
    true = random.integers(0, 2, 200)
    scores[:50] = scores[0]  # ties
    targets = [LABELS[i] for i in true]
    found = metrics(statistics("classification", targets, classified(scores.argmax(1), LABELS[:2], scores)))
    assert found["log_loss"] == pytest.approx(sk.log_loss(true, scores), abs=1e-6)
    assert found["roc_auc"] == pytest.approx(sk.roc_auc_score(true, scores[:, 1]), abs=1e-9)
    assert found["brier"] == pytest.approx(2 * sk.brier_score_loss(true, scores[:, 1]), abs=1e-6)


def test_roc_auc_is_left_out_when_a_class_is_missing():
    scores = probabilities(np.random.default_rng(0), 3, 2)
    found = metrics(statistics("classification", ["a"] * 3, classified([0, 0, 1], LABELS[:2], scores)))
    assert "roc_auc" not in found
    assert all(math.isfinite(v) for v in found.values())


def test_a_label_the_system_does_not_know_counts_against_it():
    scores = np.array([[0.9, 0.1], [0.2, 0.8]], dtype=np.float32)
    found = metrics(statistics("classification", ["a", "new"], classified([0, 1], LABELS[:2], scores)))
    assert found["accuracy"] == 0.5
    assert found["macro_f1"] == pytest.approx(1 / 3)  # a 1, b 0, new 0
    assert math.isfinite(found["log_loss"])


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 30), st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_multilabel_equals_sklearn(num, width, seed):
    random = np.random.default_rng(seed)
    true, scores = random.random((num, width)) < 0.3, random.random((num, width)).astype(np.float32)
    guess = scores > 0.6
    targets = [[LABELS[i] for i in np.flatnonzero(row)] for row in true]
    found = metrics(
        statistics("multilabel", targets, Predictions("multilabel", LABELS[:width], guess, scores))
    )
    kept = np.flatnonzero((true | guess).any(0))  # label by label: a single column is two classes to sklearn
    each = [sk.f1_score(true[:, k], guess[:, k], zero_division=0) for k in kept]
    assert found["macro_f1"] == pytest.approx(np.mean(each) if each else 0)
    assert found["micro_f1"] == pytest.approx(sk.f1_score(true.ravel(), guess.ravel(), zero_division=0))
    assert found["exact_match"] == pytest.approx(sk.accuracy_score(true, guess))
    assert found["brier"] == pytest.approx(((scores - true) ** 2).mean(), abs=1e-6)


def test_regression_equals_scipy_and_sklearn():
    random = np.random.default_rng(3)
    true = 1e6 + np.round(random.normal(size=300), 1)  # far from 0, with ties
    guess = true + np.round(random.normal(size=300), 1)
    found = metrics(statistics("regression", true.tolist(), Predictions("regression", (), guess)))
    assert found["pearson"] == pytest.approx(scipy_stats.pearsonr(true, guess)[0])
    assert found["spearman"] == pytest.approx(scipy_stats.spearmanr(true, guess)[0])
    assert found["rmse"] == pytest.approx(sk.root_mean_squared_error(true, guess))
    assert found["mae"] == pytest.approx(sk.mean_absolute_error(true, guess))
    assert found["r2"] == pytest.approx(sk.r2_score(true, guess))


def test_each_resample_is_ranked_anew():
    random = np.random.default_rng(4)
    true, guess = random.integers(0, 9, 50).astype(float), random.integers(0, 9, 50).astype(float)
    stats = statistics("regression", true, Predictions("regression", (), guess))
    weights = next(resamples(50, 5, 0))
    for row, value in zip(weights, stats.of(weights)["spearman"], strict=True):
        drawn = np.repeat(np.arange(50), row.astype(int))
        assert value == pytest.approx(scipy_stats.spearmanr(true[drawn], guess[drawn])[0])


@pytest.mark.parametrize("true", [[1.0, 1.0, 1.0], [0.1] * 7, [5.0]])
def test_constant_numbers_have_no_correlation(true):
    guess = np.linspace(0, 1, len(true))
    for left, right in ((true, guess), (guess.tolist(), np.asarray(true))):
        found = metrics(statistics("regression", left, Predictions("regression", (), right)))
        assert set(found) == set(METRICS["regression"])
        assert found["pearson"] == found["spearman"] == 0.0
    assert metrics(statistics("regression", true, Predictions("regression", (), guess)))["r2"] == 0.0


def spans(tags):
    """Read BIO tags as CoNLL's evaluation does; every token is one character wide."""
    found, start, kind = [], None, None
    for place, tag in enumerate([*tags, "O"]):
        head, _, name = tag.partition("-")
        if start is not None and (head in "OB" or name != kind):
            found.append({"start": start, "end": place, "label": kind, "score": 1.0})
            start = None
        if start is None and head != "O":
            start, kind = place, name
    return found


TAGS = st.lists(st.sampled_from(["O", "B-X", "I-X", "B-Y", "I-Y"]), min_size=1, max_size=12)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(TAGS, TAGS), min_size=1, max_size=4))
def test_entities_equal_seqeval(sentences):
    sentences = [(a[: min(len(a), len(b))], b[: min(len(a), len(b))]) for a, b in sentences]
    true, guess = (list(side) for side in zip(*sentences, strict=True))
    predictions = Predictions("ner", ("X", "Y"), [spans(tags) for tags in guess])
    found = metrics(statistics("ner", [spans(tags) for tags in true], predictions))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert found["entity_f1"] == pytest.approx(f1_score(true, guess, zero_division=0))
        assert found["entity_precision"] == pytest.approx(precision_score(true, guess, zero_division=0))
        assert found["entity_recall"] == pytest.approx(recall_score(true, guess, zero_division=0))
        if predictions.decided != [[]] * len(guess) or any(spans(tags) for tags in true):
            report = classification_report(true, guess, output_dict=True, zero_division=0)
            assert found["macro_entity_f1"] == pytest.approx(report["macro avg"]["f1-score"])


def test_no_entities_at_all_give_zero():
    found = metrics(statistics("ner", [[], []], Predictions("ner", ("X",), [[], []])))
    assert found == {"entity_f1": 0, "entity_precision": 0, "entity_recall": 0, "macro_entity_f1": 0}


def test_the_lists_of_metrics_are_true():
    scores = np.full((4, 2), 0.5, dtype=np.float32)
    made = {
        "classification": (["a", "b", "a", "b"], classified([0, 1, 1, 0], LABELS[:2], scores)),
        "multilabel": ([["a"], [], ["b"], []], Predictions("multilabel", ("a", "b"), scores > 0.4, scores)),
        "regression": ([1.0, 2.0, 3.0, 4.0], Predictions("regression", (), np.arange(4.0))),
        "ner": ([[]] * 4, Predictions("ner", ("X",), [[]] * 4)),
    }
    for task, names in METRICS.items():
        assert set(metrics(statistics(task, *made[task]))) == set(names), task
        assert PRIMARY[task] in names
