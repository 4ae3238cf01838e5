"""What computes batches: one network, and the models that answer with it."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Protocol

from feinschliff.bundle import Model, Prediction

EXPLAINED_AS = 32
"""Texts that explaining one text counts as: it takes as many passes, or more."""


@dataclass(frozen=True)
class Item:
    """One text of a batch.

    Attributes:
        model: Who is asked; one of those that share the engine's network.
        text: The text.
        pair: The second text, for models that read pairs.
    """

    model: Model
    text: str
    pair: str | None = None


class Engine(Protocol):
    """Computes the items of a batch together."""

    def predict(self, items: Sequence[Item]) -> list[Any]:
        """Return one result per item, in order."""


class OneModel:
    """The engine of a model that has its network for itself."""

    def predict(self, items: Sequence[Item]) -> list[Prediction]:
        """Return one prediction per item, in order; all items are of one model."""
        model = items[0].model
        pairs = [item.pair or "" for item in items] if model.spec.reading.pairs else None
        return model.predict([item.text for item in items], pairs)


class Explainer:
    """The engine that says which words speak for predictions: `Model.explain`, text by text.

    A model that shares its base gets a copy of it for as long as that takes.
    """

    def predict(self, items: Sequence[Item]) -> list[Any]:
        """Return one list of explanations per item, in order."""
        whole = {model: _whole(model) for model in {item.model for item in items}}
        return [
            whole[item.model].explain([item.text], None if item.pair is None else [item.pair])[0]
            for item in items
        ]


def can_explain(model: Model) -> bool:
    """Return whether predictions can be explained: with a network of torch, and captum installed."""
    return hasattr(model.learner, "model") and find_spec("captum") is not None


def _whole(model: Model) -> Model:
    from feinschliff.models.shared import whole

    network = whole(model.learner.model)
    if network is model.learner.model:
        return model
    found = copy.copy(model)
    found.learner = dataclasses.replace(model.learner, model=network)
    return found
