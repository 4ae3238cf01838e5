"""Calibration: the temperature is found again, the corrected error is unbiased, decisions stay."""

import dataclasses

import numpy as np
import pytest
from scipy.special import expit, softmax

from feinschliff.evaluate import Predictions
from feinschliff.evaluate.calibrate import (
    calibration,
    calibration_error,
    judged,
    reliability,
)
from feinschliff.evaluate.scaling import (
    Scaling,
    fit_scaling,
    fit_span_scale,
    fit_temperature,
    uncalibrated,
)


def drawn(random, num, width, temperature):
    """Return logits that are too large by `temperature`, and classes drawn from the true probabilities."""
    logits = random.normal(size=(num, width)) * 2
    chances = softmax(logits, axis=1)
    true = (chances.cumsum(1) > random.random((num, 1))).argmax(1)
    return logits * temperature, true


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_is_found_again(temperature):
    logits, true = drawn(np.random.default_rng(0), 4000, 4, temperature)
    assert fit_temperature(logits, true) == pytest.approx(temperature, rel=0.1)
    log_probabilities = np.log(softmax(logits, axis=1))
    assert fit_temperature(log_probabilities, true) == pytest.approx(fit_temperature(logits, true), rel=1e-4)
    random = np.random.default_rng(1)
    single = random.normal(size=(4000, 3))
    true = random.random(single.shape) < expit(single)
    assert fit_temperature(single * temperature, true) == pytest.approx(temperature, rel=0.1)


def test_little_or_perfect_dev_gives_no_wild_temperature():
    logits = np.array([[3.0, 0.0], [0.0, 3.0]])
    assert 0.4 < fit_temperature(np.tile(logits, (10, 1)), np.tile([0, 1], 10)) < 1
    assert fit_temperature(np.zeros((0, 2)), np.zeros(0, dtype=int)) == 1
    assert fit_temperature(logits, np.array([-1, -1])) == 1


def test_the_corrected_error_is_less_biased():
    random, plain, corrected = np.random.default_rng(0), [], []
    for _ in range(200):
        confidence = random.uniform(0.5, 1, 300)
        bins = reliability(confidence, random.random(300) < confidence)
        plain.append(calibration_error(bins, corrected=False))
        corrected.append(calibration_error(bins))
    assert np.mean(plain) > 0.05  # though the confidences are exactly right
    assert np.mean(corrected) < 0.65 * np.mean(plain)
    too_sure = []
    for _ in range(200):
        confidence = random.uniform(0.6, 1, 300)
        too_sure.append(calibration_error(reliability(confidence, random.random(300) < confidence - 0.1)))
    assert np.mean(too_sure) == pytest.approx(0.1, abs=0.015)


def test_bins_hold_equally_many_and_equal_confidences_stay_together():
    bins = reliability(np.linspace(0, 1, 150), np.ones(150, dtype=bool), 15)
    assert [b["count"] for b in bins] == [10] * 15
    assert all(b["low"] < b["accuracy"] <= b["high"] for b in bins)
    (only,) = reliability(np.full(40, 0.7), np.arange(40) < 28)
    assert (only["count"], only["accuracy"]) == (40, 0.7)
    assert calibration_error([only]) == pytest.approx(0, abs=1e-9)


def test_what_is_judged_in_each_task():
    scores = np.array([[0.9, 0.1], [0.4, 0.6]], dtype=np.float32)
    confidence, right = judged(
        ["a", "new"], Predictions("classification", ("a", "b"), scores.argmax(1), scores)
    )
    np.testing.assert_allclose(confidence, [0.9, 0.6], atol=1e-6)
    assert right.tolist() == [True, False]
    several = Predictions("multilabel", ("a", "b"), scores > 0.5, scores)
    assert judged([["b"], ["new"]], several)[1].tolist() == [False, True, False, False]
    span = {"start": 0, "end": 3, "label": "X"}
    found = Predictions("ner", ("X",), [[{**span, "score": 0.8}], [{**span, "score": 0.4}]])
    assert judged([[span], []], found)[1].tolist() == [True, False]


def test_calibration_as_a_whole():
    logits, true = drawn(np.random.default_rng(2), 2000, 3, 3.0)
    scores = softmax(logits, axis=1).astype(np.float32)
    predictions = Predictions("classification", ("0", "1", "2"), scores.argmax(1), scores)
    targets = [str(t) for t in true]
    before = calibration(targets, predictions)
    cooled = softmax(logits / fit_temperature(np.log(scores), true), axis=1).astype(np.float32)
    after = calibration(targets, dataclasses.replace(predictions, scores=cooled))
    assert after.ece < 0.03 < 0.1 < before.ece
    assert after.brier < before.brier
    assert set(before.as_dict()) == {"ece", "ece_plain", "brier", "bins"}
    assert calibration([1.0], Predictions("regression", (), np.array([1.0]))) is None
    assert calibration([[]], Predictions("ner", ("X",), [[]])) is None


def test_vector_scaling_is_taken_where_labels_differ_and_only_there():
    logits, true = drawn(np.random.default_rng(3), 3000, 4, 2.0)
    alike = fit_scaling(logits, true)
    assert alike.method == "temperature"
    assert (alike.apply(logits).argmax(1) == logits.argmax(1)).all()
    bent = logits * [1, 0.5, 1, 2] + [0, 1.5, 0, -1]
    many = fit_scaling(bent, true)
    assert many.method == "vector"
    np.testing.assert_allclose(many.undo(many.apply(bent)), bent, atol=1e-4)
    np.testing.assert_allclose(
        uncalibrated(many.apply(bent), {"calibration": many.as_dict()}), bent, atol=1e-4
    )
    assert (many.apply(bent).argmax(1) == true).mean() > (bent.argmax(1) == true).mean() + 0.03
    assert fit_scaling(bent[:100], true[:100]).method == "temperature", "too little to tell"


def test_a_model_becomes_surer_only_where_dev_clearly_shows_that_it_should():
    random = np.random.default_rng(0)
    harmed = {"auto": 0, "temperature": 0}
    for _ in range(40):  # a dev that is easier than new data: one in ten hard rows is missing
        logits, true = drawn(random, 60, 5, 1.0)
        easy = logits[np.arange(60), true] > np.quantile(logits[np.arange(60), true], 0.1)
        for method in harmed:
            harmed[method] += fit_scaling(logits[easy], true[easy], method).as_dict()["temperature"] < 1
    assert harmed["temperature"] >= 30
    assert harmed["auto"] <= 20
    logits, true = drawn(random, 1000, 5, 0.5)
    assert fit_scaling(logits, true).method == "temperature", "here it should be surer"
    logits, true = drawn(random, 60, 5, 3.0)
    assert fit_scaling(logits, true).method == "temperature", "less sure needs no proof"


def test_vector_scaling_of_labels_of_their_own():
    random = np.random.default_rng(4)
    logits = random.normal(size=(3000, 3)) * 2
    true = random.random(logits.shape) < expit(logits)
    found = fit_scaling(logits * [1, 2, 0.5] + [1, 0, -1], true, "vector")
    np.testing.assert_allclose(found.scale, [1, 0.5, 2], rtol=0.2)
    np.testing.assert_allclose(found.shift, [-1, 0, 2], atol=0.3)


def test_no_scaling_and_its_way_back():
    logits = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    none = fit_scaling(logits, np.zeros(5, dtype=int), "none")
    assert np.array_equal(none.apply(logits), logits)
    half = Scaling("temperature", np.full(3, 0.5), np.zeros(3))
    assert half.as_dict() == {"method": "temperature", "temperature": 2.0}
    np.testing.assert_allclose(uncalibrated(half.apply(logits), {"calibration": half.as_dict()}), logits)
    assert np.array_equal(uncalibrated(logits, {}), logits)


def test_scores_of_entities_become_probabilities_in_the_same_order():
    random = np.random.default_rng(0)
    score = random.random(4000)
    right = random.random(4000) < expit(0.5 * np.log(score / (1 - score)) - 1)
    found = fit_span_scale(score, right)
    assert found["slope"] == pytest.approx(0.5, abs=0.08)
    assert found["intercept"] == pytest.approx(-1, abs=0.15)
    assert fit_span_scale(score, np.ones(4000, dtype=bool)) is None
    assert fit_span_scale(score[:0], right[:0]) is None
