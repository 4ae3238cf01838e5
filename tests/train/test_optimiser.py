"""Rates by depth, what is frozen, and the course of the rate."""

import pytest
import torch
from workbench import bench

import tiny
from feinschliff.config import TrainConfig
from feinschliff.errors import ConfigError
from feinschliff.models.load import load_model
from feinschliff.train.optimiser import build_optimiser, course, frozen

RATES = {"learning_rate": 1e-3, "head_learning_rate": 5e-3, "layer_decay": 0.5}


def test_the_rate_falls_from_layer_to_layer(encoder):
    model = load_model(encoder("bert"), "AutoModelForSequenceClassification")
    optimiser = build_optimiser(model, TrainConfig(**RATES, weight_decay=0.1))
    found = {}
    for group in optimiser.param_groups:
        for parameter in group["params"]:
            found[id(parameter)] = (group["lr"], group["weight_decay"])
    named = {name: found[id(p)] for name, p in model.named_parameters()}
    assert named["classifier.weight"] == (5e-3, 0.1)
    assert named["classifier.bias"] == (5e-3, 0.0)
    assert named["bert.pooler.dense.weight"] == (5e-3, 0.1)
    assert named["bert.encoder.layer.1.output.dense.weight"] == (1e-3, 0.1)
    assert named["bert.encoder.layer.0.output.dense.weight"] == (5e-4, 0.1)
    assert named["bert.encoder.layer.0.output.LayerNorm.weight"] == (5e-4, 0.0)
    assert named["bert.embeddings.word_embeddings.weight"] == (2.5e-4, 0.0)
    assert named["bert.embeddings.LayerNorm.weight"] == (2.5e-4, 0.0)


@pytest.mark.parametrize("name", tiny.SHAPES)
def test_every_parameter_is_in_one_group(encoder, name):
    model = load_model(encoder(name), "AutoModelForSequenceClassification")
    optimiser = build_optimiser(model, TrainConfig(**RATES))
    members = [id(p) for group in optimiser.param_groups for p in group["params"]]
    assert sorted(members) == sorted(id(p) for p in model.parameters() if p.requires_grad)


def test_frozen_layers_stay_as_pretrained(encoder):
    work = bench(encoder("roberta"), **{"train.freeze_layers": 1})
    before = work.weights
    fitted, _ = work.fit()
    still = {n for n, t in work.weights.items() if torch.equal(t, before[n])}
    low = {n for n in before if ".embeddings." in n or ".layer.0." in n}
    assert still == low
    assert fitted.trainable_parameters == sum(before[n].numel() for n in before.keys() - low)
    assert all(p.requires_grad for p in work.model.learner.model.parameters())


def test_no_more_layers_freeze_than_there_are(encoder):
    work = bench(encoder("bert"), **{"train.freeze_layers": 2})
    fitted, _ = work.fit()
    assert fitted.trainable_parameters == 32 * 32 + 32 + 2 * 32 + 2
    model = work.model.learner.model
    with (
        pytest.raises(ConfigError, match=r"train.freeze_layers: the model has 2 layers\. At most 2"),
        frozen(model, 3),
    ):
        pass


def test_the_course_of_the_rate():
    linear = [course("linear", 10, 0.2)(step) for step in range(10)]
    assert linear[:3] == [pytest.approx(1 / 3), pytest.approx(2 / 3), 1.0]
    assert linear == sorted(linear[:3]) + sorted(linear[3:], reverse=True)
    assert linear[-1] == pytest.approx(1 / 8)
    cosine = [course("cosine", 10, 0.2)(step) for step in range(10)]
    assert cosine[:3] == linear[:3]
    assert cosine[6] == pytest.approx(0.5)
    assert [course("constant", 10, 0.2)(step) for step in range(2, 10)] == [1.0] * 8
    assert course("linear", 10, 0.0)(0) == 1.0
    rising = [course("linear", 4, 1.0)(step) for step in range(4)]
    assert rising == [pytest.approx(n / 5) for n in (1, 2, 3, 4)]


@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant"])
def test_the_steps_tell_the_rate_they_were_made_with(encoder, schedule):
    work = bench(encoder("bert"), **{"train.schedule": schedule, "train.warmup_share": 0.25})
    _, steps = work.fit()
    factor = course(schedule, 12, 0.25)
    assert [s.learning_rate for s in steps] == [pytest.approx(3e-3 * factor(i)) for i in range(12)]


def test_weighted_and_smoothed_losses_are_used(encoder):
    def first_loss(**settings):
        work = bench(encoder("bert"), **settings)
        work.targets[:] = [0] * 24 + [1] * 8
        _, steps = work.fit()
        return [s.loss for s in steps]

    plain = first_loss()
    weighted = first_loss(**{"train.class_weights": "balanced"})
    smoothed = first_loss(**{"train.label_smoothing": 0.3})
    assert len({plain[0], weighted[0], smoothed[0]}) == 3
    assert min(smoothed) > min(plain)
