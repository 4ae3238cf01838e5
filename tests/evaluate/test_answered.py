"""Answers that are withheld: how many, and how good the others are."""

import numpy as np
import pyarrow as pa

from feinschliff.data import Records
from feinschliff.evaluate import Predictions, intervals, statistics
from feinschliff.evaluate.answered import answered_part


def records(targets):
    return Records(pa.table({"target": targets}))


def test_the_answers_given_are_scored_alone():
    true, decided = ["a", "b", "a", "b"] * 25, np.array([0, 1, 1, 1] * 25)
    answered = np.array([True, True, False, True] * 25)
    predictions = Predictions("classification", ("a", "b"), decided, answered=answered)
    found = answered_part(records(true), predictions, 200, 0.95, 1)
    assert found["answered"]["value"] == 0.75
    assert 0.6 < found["answered"]["low"] < 0.75 < found["answered"]["high"] < 0.9
    accuracy = found["metrics"]["accuracy"]
    assert accuracy["value"] == 1
    assert accuracy["low"] < 1
    whole = intervals(statistics("classification", true, predictions), 200)
    assert whole["accuracy"].value == 0.75, "all other scores count what would have been answered"


def test_a_model_that_answers_all_or_nothing():
    always = Predictions("classification", ("a",), np.zeros(3, dtype=int))
    assert answered_part(records(["a"] * 3), always, 50, 0.95, 1) is None
    never = Predictions("classification", ("a",), np.zeros(3, dtype=int), answered=np.zeros(3, dtype=bool))
    found = answered_part(records(["a"] * 3), never, 50, 0.95, 1)
    assert (found["answered"]["value"], found["metrics"]) == (0, {})
