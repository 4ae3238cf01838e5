"""A tiny model with data, ready to be fitted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import tiny
from feinschliff.bundle import Model
from feinschliff.config import RunConfig
from feinschliff.encode import Encoded
from feinschliff.pipeline.build import build_model, encode_splits, resolve_config
from feinschliff.tasks import classification
from feinschliff.train import fit
from feinschliff.train.events import Step


@dataclass
class Bench:
    """What `fit` needs, from a folder and settings."""

    model: Model
    encoded: dict[str, Encoded]
    targets: np.ndarray
    config: RunConfig

    def fit(self, look: Any = None, **changes: Any) -> tuple[fit.Fitted, list[Step]]:
        """Fit and return the steps too; without `look` dev always scores the same."""
        steps: list[Step] = []
        options = {"metric": "score", "seed": self.config.seed, "dev": self.encoded["dev"], **changes}
        listen = options.pop("listen", lambda event: None)

        def watch(event: Any) -> None:
            if isinstance(event, Step):
                steps.append(event)
            listen(event)

        settings = options.pop("settings", self.config.train)
        fitted = fit.fit(
            self.model.learner,
            self.encoded["train"],
            self.targets,
            classification.objective(self.targets, 2, settings),
            look or (lambda learner: {"score": 0.5, "loss": 1.0}),
            settings,
            listen=watch,
            **options,
        )
        return fitted, steps

    @property
    def weights(self) -> dict[str, torch.Tensor]:
        """A copy of the model's weights."""
        return {n: t.clone() for n, t in self.model.learner.model.state_dict().items()}


def bench(folder: Path, rows: int = 44, **settings: Any) -> Bench:
    """Set up a bench with a dozen dev records."""
    config, dataset = tiny.config(folder, Path("none"), **settings), tiny.dataset(tiny.some(rows))
    model = build_model(config, dataset, folder)
    encoded = encode_splits(model, dataset, config.model.max_train_windows, lambda event: None)
    targets = classification.targets(dataset.train, dataset.labels, encoded["train"])
    return Bench(model, encoded, targets, resolve_config(config, model, dataset, folder))


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Return whether all weights are the same to the bit."""
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)
