"""What a run tells those who listen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Notice:
    """Something a person should know. `level` is `info` or `warning`."""

    text: str
    level: str = "info"


@dataclass(frozen=True)
class Stage:
    """The run enters a stage.

    Attributes:
        name: `data`, `model`, `baselines`, `train`, `fold`, `curve`, `probe`, `evaluate` or `report`.
        detail: For people: which model, which seed.
    """

    name: str
    detail: str = ""


@dataclass(frozen=True)
class Step:
    """One optimiser step.

    Attributes:
        step: 1-based; `num_steps` is the planned total.
        epoch: Passes over the data so far, fractional.
        loss: Mean loss of this step's records.
        learning_rate: Peak group's rate in this step.
        tokens: Tokens computed since training began, without padding.
        seconds: Time since training began, earlier sessions of a resumed run included.
        dev: Scores on dev when this step ended with a look at it, `loss` among them.
        best: Whether the weights at that look are to be kept, unless a later look replaces them.
    """

    step: int
    num_steps: int
    epoch: float
    loss: float
    learning_rate: float
    tokens: int
    seconds: float
    dev: dict[str, float] | None = None
    best: bool = False

    @property
    def tokens_per_second(self) -> float:
        """Tokens per second since training began."""
        return self.tokens / self.seconds if self.seconds else 0.0


Event = Notice | Stage | Step
Listener = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Listen to nothing."""
