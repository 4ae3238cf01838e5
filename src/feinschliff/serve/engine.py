"""What computes batches: one network, and the models that answer with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from feinschliff.bundle import Model, Prediction


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

    def predict(self, items: Sequence[Item]) -> list[Prediction]:
        """Return one prediction per item, in order."""


class OneModel:
    """The engine of a model that has its network for itself."""

    def predict(self, items: Sequence[Item]) -> list[Prediction]:
        """Return one prediction per item, in order; all items are of one model."""
        model = items[0].model
        pairs = [item.pair or "" for item in items] if model.spec.reading.pairs else None
        return model.predict([item.text for item in items], pairs)
