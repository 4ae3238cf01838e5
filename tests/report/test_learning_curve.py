"""The learning curve as it stands in a result."""

from types import SimpleNamespace

import numpy as np
import pytest

from feinschliff.config import RunConfig
from feinschliff.evaluate import Predictions
from feinschliff.report.evidence import curve_facts
from feinschliff.train.curve import Point


@pytest.mark.parametrize("seeds", [1, 3])
def test_every_point_has_the_seconds_of_one_training(seeds):
    said = Predictions("classification", ("a", "b"), np.array([0, 1, 1]))
    points = [Point("fine-tuned", 20, said, 60.0), Point("scratch", 40, said, 200.0)]
    data = SimpleNamespace(
        kind="classification", train=range(40), test=SimpleNamespace(targets=["a", "b", "a"], groups=None)
    )
    score = {"value": 0.8, "low": 0.7, "high": 0.9}
    result = {"metrics": {"test": {"macro_f1": score}}, "cost": {"train_seconds": 120.0 * seeds}}
    config = RunConfig.model_validate({"train": {"seeds": seeds}, "evaluate": {"bootstrap_samples": 100}})
    curve = curve_facts(points, result, data, config)
    assert [(p["labels"], p["seconds"]) for p in curve] == [(20, 60.0), (40, 200.0), (40, 120.0)]
    assert curve[-1]["score"] == score
