"""Learning-rate range test: let the rate rise from tiny to huge, and watch the loss.

Source: Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017, section 3.3.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from feinschliff import registry
from feinschliff.config import RunConfig
from feinschliff.data import Dataset
from feinschliff.encode import Encoded
from feinschliff.errors import FeinschliffError, ResourceError, RunInterrupted
from feinschliff.models.layers import output_layer
from feinschliff.models.learner import Learner
from feinschliff.train.events import Event, Listener, Step, ignore
from feinschliff.train.fit import fit
from feinschliff.train.tune import begin

SMOOTHING = 0.9
"""Share of the old value in the running mean of the losses."""
BLOWN_UP = 2.0
"""The test ends when the mean is so many times the lowest one."""


@dataclass(frozen=True)
class RangeTest:
    """What the test found.

    Attributes:
        rates: float [N], in rising order.
        losses: float [N], running means of the loss at each rate.
        steepest: Rate at which the loss falls fastest: a peak rate to begin with.
        lowest: Rate with the lowest mean loss; beyond it training gets worse.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    steepest: float
    lowest: float


def range_test(
    config: RunConfig,
    dataset: Dataset,
    learner: Learner,
    encoded: Mapping[str, Encoded],
    low: float,
    high: float,
    num_steps: int,
    listen: Listener = ignore,
) -> RangeTest:
    """Train for some steps with a rate that rises exponentially, the same for all layers and the head.

    Args:
        config: With the settings of training resolved; what they say about the rate is not used.
        learner: Its model is changed and of no use afterwards.
        encoded: `train` and `dev`.
        low, high: First and last rate.
        num_steps: Steps between them, at least 10.

    Raises:
        FeinschliffError: the loss was no number before ten steps were done.
    """
    task, train = registry.load("tasks", dataset.task), encoded["train"]
    targets = task.targets(dataset.train, dataset.labels, train)
    output = output_layer(learner.model, learner.model.config.num_labels)
    assert config.train.batch_size
    per_epoch = math.ceil(train.num_records / config.train.batch_size)
    changes = {"learning_rate": high, "head_learning_rate": high, "layer_decay": 1.0, "unfreeze_share": 0.0}
    settings = config.train.model_copy(update=changes | {"epochs": num_steps / per_epoch, "patience": 10**6})
    rates: list[float] = []
    means: list[float] = []
    mean = 0.0

    def watch(event: Event) -> None:
        nonlocal mean
        if isinstance(event, Step):
            event = replace(event, dev=None, best=False)  # dev is not looked at here
        listen(event)
        if isinstance(event, Step):
            mean = SMOOTHING * mean + (1 - SMOOTHING) * event.loss
            rates.append(event.learning_rate)
            means.append(mean / (1 - SMOOTHING ** len(rates)))
            if len(rates) >= 10 and means[-1] > BLOWN_UP * min(means):
                raise _Enough

    finish = begin(learner, train, targets)
    try:
        fit(
            learner,
            train,
            targets,
            task.objective(targets, output.out_features, settings),
            lambda learner: {"score": 0.0, "loss": 0.0},
            settings,
            metric="score",
            seed=config.seed,
            dev=encoded["dev"],
            max_windows=config.model.max_train_windows,
            listen=watch,
            factor=lambda step: (low / high) ** (1 - min(1.0, step / max(1, num_steps - 1))),
        )
    except _Enough:
        pass
    except FeinschliffError as error:
        if len(rates) < 10 or isinstance(error, RunInterrupted | ResourceError):
            raise
    finally:
        finish()
    return judge(rates, means)


def judge(rates: list[float], losses: list[float]) -> RangeTest:
    """Find the rate of the steepest fall before the lowest loss.

    The first tenth is passed over: the running mean has seen too few losses there. A fall is measured over a
    tenth of the steps.

    >>> judge([1e-5, 1e-4, 1e-3, 1e-2], [0.7, 0.69, 0.4, 0.9]).lowest
    0.001
    """
    tenth = len(rates) // 10
    bottom = tenth + int(np.argmin(losses[tenth:]))
    reach = max(1, tenth // 2)
    falls = [losses[min(i + reach, bottom)] - losses[max(i - reach, 0)] for i in range(tenth, bottom + 1)]
    return RangeTest(tuple(rates), tuple(losses), rates[tenth + int(np.argmin(falls))], rates[bottom])


class _Enough(Exception):  # noqa: N818  (no error)
    """The loss has blown up: higher rates need not be tried."""
