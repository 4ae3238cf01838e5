"""Learning curves of the pretrained model and of the same architecture from random weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from feinschliff import registry
from feinschliff.config import RunConfig, TrainConfig
from feinschliff.data import Dataset, Records
from feinschliff.data.split import folds
from feinschliff.encode import Encoded
from feinschliff.errors import counted
from feinschliff.evaluate import Predictions
from feinschliff.models.learner import Learner
from feinschliff.train.defaults import backbone_parameters, resolve
from feinschliff.train.energy import metered
from feinschliff.train.events import Listener, Stage, ignore
from feinschliff.train.tune import tune

PARTS = 8
EIGHTHS = (1, 2, 4, 8)
"""Sizes of the parts; each holds those before it, with the classes in proportion."""

PATIENT = 3.0
"""Passes from random weights for each pass of fine-tuning: what knows no language needs more of them."""


@dataclass(frozen=True)
class Point:
    """One training on a part of the data, and what it said about the test split.

    Attributes:
        system: `fine-tuned` or `scratch`.
        labels: Training examples.
        kwh: Energy of the training, if measured.
    """

    system: str
    labels: int
    predictions: Predictions
    seconds: float
    kwh: float | None = None


def measure(
    config: RunConfig,
    asked: TrainConfig,
    dataset: Dataset,
    learner: Learner,
    encode: Callable[[Records], Encoded],
    network: Callable[[bool], Any],
    listen: Listener = ignore,
) -> list[Point]:
    """Train both systems on growing parts; the whole data with random weights only, the run has the other.

    Args:
        config: With the settings of training resolved for the whole data.
        asked: The settings as the user gave them; what is open is resolved for each part.
        learner: Device and precision; its model is left alone.
        encode: Tokenises records as the run does.
        network: Returns a new network, pretrained or with random weights.
    """
    task = registry.load("tasks", dataset.task)
    part = folds(dataset.train, dataset.kind, PARTS, np.arange(len(dataset.train)), config.seed)
    dev, test = encode(dataset.dev), encode(dataset.test)
    found = []
    for eighths in EIGHTHS:
        records = dataset.train.take(np.flatnonzero(part < eighths))
        data = dataclasses.replace(dataset, train=records)
        encoded = {"train": encode(records), "dev": dev}
        for pretrained in (True, False):
            if pretrained and eighths == PARTS:
                continue
            system = "fine-tuned" if pretrained else "scratch"
            listen(Stage("curve", f"{system}, {counted(len(records), 'text')}"))
            model = network(pretrained)
            backbone = backbone_parameters(model)
            settings = resolve(
                asked if pretrained else _whole(asked), backbone, len(records), len(dataset.labels), task.UNIT
            )
            if not pretrained:
                assert settings.epochs
                settings = settings.model_copy(update={"epochs": PATIENT * settings.epochs})
            one = config.model_copy(update={"train": settings})
            own = dataclasses.replace(learner, model=model.to(learner.device))
            with metered(config.train.energy) as meter:
                fitted, decision = tune(one, data, own, encoded)
            said = task.decode(own.exact().logits(test), test, dataset.labels, dataset.test.texts, decision)
            found.append(Point(system, len(records), said, fitted.progress.seconds, meter.kwh))
    return found


def _whole(asked: TrainConfig) -> TrainConfig:
    """Return the settings with all weights trained: what is random and stays so can learn nothing."""
    rate = None if asked.method == "lora" else asked.learning_rate
    update = {"method": "full", "freeze_layers": 0, "unfreeze_share": 0.0, "learning_rate": rate}
    return asked.model_copy(update=update)
