"""A number and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """A value with the ends of its confidence interval."""

    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        """Return {"value", "low", "high"}, as `result.json` holds it."""
        return {"value": self.value, "low": self.low, "high": self.high}


def wilson(hits: float, trials: float, confidence: float = 0.95) -> Interval:
    """Return a proportion with its score interval; 0 with the interval 0 to 1 when there are no trials.

    Source: E. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22, 1927.

    >>> wilson(20, 20).low > 0.8
    True
    """
    from scipy.special import ndtri

    if trials == 0:
        return Interval(0.0, 0.0, 1.0)
    z = float(ndtri((1 + confidence) / 2))
    share = float(hits) / float(trials)
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z * (share * (1 - share) / trials + z * z / (4 * trials**2)) ** 0.5 / (1 + z * z / trials)
    return Interval(share, max(0.0, min(middle - half, share)), min(1.0, max(middle + half, share)))
