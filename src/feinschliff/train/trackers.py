"""Tell experiment trackers how training goes, through the trackers of Accelerate.

Each has its own place for what it is told: TensorBoard the folder `logs` of the run, MLflow what
`MLFLOW_TRACKING_URI` says, Weights & Biases and Trackio their own settings. None is asked for by default.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from feinschliff.errors import MissingExtraError, first_line
from feinschliff.train.events import Event, Listener, Notice, Step

PROJECT = "feinschliff"
FOLDER = "logs"


class Trackers:
    """A listener that passes on to another one, and to trackers.

    A tracker that fails is said once and left out; training goes on without it.

    Args:
        names: Of the trackers, see `train.trackers`.
        output: Folder of the run.

    Attributes:
        settings: What the run is a function of, by dotted names; told when the first step is.

    Raises:
        MissingExtraError: the package of one is not installed.
    """

    def __init__(self, names: tuple[str, ...], output: Path, listen: Listener):
        for name in names:
            if importlib.util.find_spec(name) is None:
                raise MissingExtraError(f"the tracker '{name}'", name)
        self.names, self.output, self.listen = names, output, listen
        self.settings: dict[str, Any] = {}
        self.open: dict[str, Any] | None = None
        self.last = self.before = 0

    def __call__(self, event: Event) -> None:
        """Pass on one event; of steps the trackers are told."""
        self.listen(event)
        if self.names and isinstance(event, Step):
            if event.step + self.before <= self.last:  # the training with the next seed begins
                self.before = self.last
            values = {
                "train/loss": event.loss,
                "train/learning_rate": event.learning_rate,
                "train/epoch": event.epoch,
                "train/tokens_per_second": event.tokens_per_second,
            }
            dev = {f"dev/{name}": value for name, value in (event.dev or {}).items()}
            self.tell(values | dev, event.step + self.before)

    def tell(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Tell numbers by name; `step` is that of the last event if not given."""
        if self.open is None:
            self.open = {}
            for name in self.names:
                self._attempt(name, self._start)
        self.last = step or self.last
        for name in list(self.open):
            self._attempt(name, lambda name: self._tracker(name).log(dict(values), step=self.last))

    def finish(self) -> None:
        """Let the trackers write what they have been told."""
        for name in list(self.open or {}):
            self._attempt(name, lambda name: self._tracker(name).finish())

    def _tracker(self, name: str) -> Any:
        assert self.open is not None
        return self.open[name]

    def _start(self, name: str) -> None:
        from accelerate.tracking import LOGGER_TYPE_TO_CLASS

        kind, run = LOGGER_TYPE_TO_CLASS[name], self.output.name
        if name == "tensorboard":
            tracker = kind(FOLDER, self.output)
        elif name == "mlflow":
            tracker = kind(PROJECT, run_name=run)
        else:
            tracker = kind(PROJECT, name=run)
        tracker.start()
        tracker.store_init_configuration(dict(self.settings))
        assert self.open is not None
        self.open[name] = tracker

    def _attempt(self, name: str, work: Any) -> None:
        try:
            work(name)
        except Exception as error:  # noqa: BLE001  (a tracker may raise anything; training is worth more)
            assert self.open is not None
            self.open.pop(name, None)
            self.listen(Notice(f"The tracker '{name}' is left out: {first_line(error)}", "warning"))


@contextmanager
def tracked(names: tuple[str, ...], output: Path, listen: Listener) -> Iterator[Trackers]:
    """Give a listener that also tells these trackers; they are closed in the end."""
    found = Trackers(names, output, listen)
    try:
        yield found
    finally:
        found.finish()


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return settings by dotted names; lists and mappings inside become text, which every tracker takes.

    >>> flat({"seed": 1, "train": {"epochs": 2.0, "trackers": ["a"]}})
    {'seed': 1, 'train.epochs': 2.0, 'train.trackers': "['a']"}
    """
    found: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping) and not prefix:
            found |= flat(value, f"{name}.")
        elif isinstance(value, str | int | float):
            found[prefix + name] = value
        else:
            found[prefix + name] = str(value)
    return found
