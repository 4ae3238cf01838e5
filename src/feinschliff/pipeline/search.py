"""Try settings: train with each of them, and compare what dev says with the settings as they are.

Every trial learns from the same texts and is judged by the same dev texts, so that differences are paired.
The best of several is partly the luckiest: p-values are corrected for their number, and what a choice is
worth says the test of the run that is made with it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from feinschliff.config import RunConfig
from feinschliff.data import Dataset
from feinschliff.errors import ConfigError
from feinschliff.evaluate import PRIMARY, Comparison, compare, holm, intervals, statistics
from feinschliff.evaluate.interval import Interval
from feinschliff.train.events import Listener, Stage, ignore

SECTIONS = ("train", "model")
"""Settings that may differ between trials; all others say what is learnt and how it is judged."""


@dataclass(frozen=True)
class Trial:
    """A training with some settings.

    Attributes:
        settings: What was changed, as overrides; nothing for the settings as they are.
        score: Primary metric on dev.
        gain: Comparison with the settings as they are, its p-value corrected for the number of trials; None
            for these themselves.
        seconds: Of training, and looking at dev.
    """

    settings: tuple[str, ...]
    score: Interval
    gain: Comparison | None
    seconds: float


def search(
    config: RunConfig,
    dataset: Dataset,
    trials: Sequence[tuple[tuple[str, ...], RunConfig]],
    listen: Listener = ignore,
) -> list[Trial]:
    """Train with the settings as they are, then with each of the others; nothing is written.

    Args:
        config: The settings as they are.
        dataset: Its train part is learnt, its dev part judges; test is not read.
        trials: What is changed, and the configuration that makes.

    Raises:
        FeinschliffError: see its kinds.
    """
    from feinschliff.pipeline import tune

    found, seconds = [], []
    for changed, one in [((), config), *trials]:
        listen(Stage("trial", ", ".join(changed) or "the settings as they are"))
        begun = time.perf_counter()
        model = tune(one, dataset, listen)
        seconds.append(time.perf_counter() - begun)
        said = model.predictions(dataset.dev)
        found.append(statistics(dataset.kind, dataset.dev.targets, said, dataset.dev.groups))
    samples, confidence = config.evaluate.bootstrap_samples, config.evaluate.confidence
    metric = PRIMARY[dataset.kind]
    tests = [compare(each, found[0], metric, samples, confidence, config.seed) for each in found[1:]]
    corrected = holm([test.p_value for test in tests])
    scores = [intervals(each, samples, confidence, config.seed)[metric] for each in found]
    gains = [replace(test, p_value=p) for test, p in zip(tests, corrected, strict=True)]
    settings = [(), *(changed for changed, _ in trials)]
    return [Trial(*each) for each in zip(settings, scores, [None, *gains], seconds, strict=True)]


def require_comparable(config: RunConfig, trials: Sequence[tuple[tuple[str, ...], RunConfig]]) -> None:
    """Raise a ConfigError where a trial would learn other data, or be judged otherwise."""
    others = set(RunConfig.model_fields) - set(SECTIONS)
    for changed, one in trials:
        if any(getattr(one, name) != getattr(config, name) for name in others):
            raise ConfigError(
                f"'{', '.join(changed)}' changes what trials are compared by",
                where="--try",
                allowed=f"Settings of {' and '.join(SECTIONS)}",
            )
