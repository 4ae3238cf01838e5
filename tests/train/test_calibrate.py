"""Calibration lies in the weights: the logits are the scaled ones, whatever reads the folder."""

import json

import numpy as np
import pytest
import torch

import tiny
from feinschliff import bundle, pipeline
from feinschliff.errors import ConfigError
from feinschliff.evaluate import Scaling
from feinschliff.train.calibrate import calibrate, fold

TEXTS = [text for text, _ in tiny.some(20)]


@pytest.mark.parametrize("bias", [True, False])
def test_folding_equals_scaling(bias):
    torch.manual_seed(0)
    layer, inputs = torch.nn.Linear(8, 3, bias=bias), torch.randn(20, 8)
    before = layer(inputs).detach().numpy()
    shift = np.array([0.1, -0.5, 0.0]) * bias
    scaling = Scaling("vector", np.array([0.5, 2.0, 1.0]), shift)
    fold(layer, scaling)
    np.testing.assert_allclose(layer(inputs).detach().numpy(), scaling.apply(before), atol=1e-5)


class Headed(torch.nn.Module):
    """A backbone with an output layer of two labels."""

    def __init__(self, bias: bool = False):
        super().__init__()
        self.base_model = torch.nn.Linear(4, 4)
        self.head = torch.nn.Linear(4, 2, bias=bias)
        self.config = type("Config", (), {"num_labels": 2})


def test_vector_scaling_needs_a_bias():
    logits, targets = np.random.default_rng(0).normal(size=(40, 2)), np.arange(40) % 2
    with pytest.raises(ConfigError, match="no bias"):
        calibrate(Headed(), logits, targets, "vector")
    assert calibrate(Headed(), logits, targets, "auto").method == "temperature"


@pytest.mark.parametrize(("bias", "unit"), [(True, "text"), (False, "text"), (True, "token")])
def test_more_confidence_has_to_be_proven_whatever_the_layer(bias, unit):
    logits = np.tile(np.array([[2.0, 0.0], [0.0, 2.0]], np.float32), (20, 1))
    once_wrong = np.tile([0, 1], 20)
    once_wrong[0] = 1
    assert calibrate(Headed(bias), logits, once_wrong, "auto", unit).method == "none"
    assert calibrate(Headed(bias), logits, np.tile([0, 1], 20), "auto", unit).method == "temperature"


def test_a_calibrated_run_decides_as_before_and_every_reader_agrees(encoder, toy_csv, tmp_path):
    from transformers import pipeline as transformers_pipeline

    runs = {}
    for method in ("none", "temperature"):
        settings = {"decide.calibration": method, "decide.goal": ("accuracy>=0.55",)}
        result = pipeline.run(tiny.config(encoder("bert"), toy_csv, tmp_path / method, **settings))
        runs[method] = bundle.load(tmp_path / method).predict_proba(TEXTS)
        assert result["calibration"]["after"]["bins"]
        assert json.loads((tmp_path / method / "result.json").read_text())["decisions"]["curve"]
    assert not np.allclose(runs["none"], runs["temperature"], atol=1e-3)
    assert (runs["none"].argmax(1) == runs["temperature"].argmax(1)).all()
    read = transformers_pipeline("text-classification", str(tmp_path / "temperature" / "model"), top_k=None)
    labels = bundle.load(tmp_path / "temperature").labels
    theirs = [[{r["label"]: r["score"] for r in row}[label] for label in labels] for row in read(TEXTS)]
    np.testing.assert_allclose(theirs, runs["temperature"], atol=1e-4)
