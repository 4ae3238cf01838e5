"""What several trainings on the same data say together: mean, spread, interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from feinschliff.evaluate.bootstrap import metrics, resamples
from feinschliff.evaluate.interval import wilson
from feinschliff.evaluate.statistics import SHARES, Statistics


@dataclass(frozen=True)
class Repeated:
    """A metric over several trainings.

    Attributes:
        mean: Over the trainings.
        spread: Their standard deviation on these test examples.
        low, high: Interval of the mean that a new training would reach on new examples of this kind.
    """

    mean: float
    spread: float
    low: float
    high: float


def repeated(
    stats: Sequence[Statistics], samples: int = 2000, confidence: float = 0.95, seed: int = 42
) -> dict[str, Repeated]:
    """Return every metric over two or more trainings, scored on the same examples.

    For the interval see `half_width`; the test of this module simulates its coverage.
    """
    assert len(stats) > 1, "one training has no spread"
    values = [metrics(each) for each in stats]
    names = [name for name in values[0] if all(name in other for other in values)]
    drawn: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for weights in resamples(len(stats[0]), samples, seed):
        found = [each.of(weights) for each in stats]
        for name in names:
            drawn[name].append(np.mean([values[name] for values in found], axis=0))
    result = {}
    for name in names:
        own = np.array([each[name] for each in values])
        mean, spread = float(own.mean()), float(own.std(ddof=1))
        of_examples = float(np.nanvar(np.concatenate(drawn[name]), ddof=1))
        if name in SHARES and spread + of_examples == 0 and mean in (0.0, 1.0):
            end = wilson(mean * len(stats[0]), len(stats[0]), confidence)
            result[name] = Repeated(mean, spread, end.low, end.high)
            continue
        half = half_width(spread, len(own), of_examples, confidence)
        low, high = mean - half, mean + half
        if name in SHARES:
            low, high = max(0.0, low), min(1.0, high)
        result[name] = Repeated(mean, spread, low, high)
    return result


def half_width(spread: float, num: int, of_examples: float, confidence: float) -> float:
    """Return half the width of the interval of a mean over trainings.

    The variance of the mean is that among the trainings, divided by their number, plus that of drawing other
    test examples; the interval is Student's with the degrees of freedom after Welch and Satterthwaite, for
    there are few trainings.

    Args:
        spread: Standard deviation among the trainings.
        num: Of the trainings, two or more.
        of_examples: Variance of the mean over draws of the test examples, by bootstrap.

    Source: F. Satterthwaite, "An Approximate Distribution of Estimates of Variance Components", Biometrics
    Bulletin 2, 1946.
    """
    of_seeds = spread**2 / num
    variance = of_seeds + of_examples
    freedom = (num - 1) * (variance / of_seeds) ** 2 if of_seeds else 1e9
    return float(stdtrit(min(freedom, 1e9), (1 + confidence) / 2)) * variance**0.5
