"""Averages over labels, many of which may have a handful of texts: a hierarchical Bayesian bootstrap.

Resamples fail there for two reasons: a label without an error in three texts is perfect in every one of them,
and a label that was not drawn does not count at all. Here each label has its own examples and, besides, as
many as the data warrant from a pool of the labels that are about as frequent: many where labels are alike,
hardly any where each has enough of its own.

1. Examples are weighted by Exp(1): a draw from the posterior of their distribution (the Bayesian bootstrap).
   Weights are of whole records, so that one error in two labels, or several in one sentence, stays one.
   Records with the same outcome get theirs, a gamma weight, at once: the cost is that of different outcomes.
2. In each draw, what happens to a label (hit, miss, false alarm) is Dirichlet distributed about what happens
   to the labels of its pool. How closely, its strength, is drawn from its posterior on a grid.
3. Labels are pooled by a normal kernel over 2 sqrt(count + 3/8), on which scale chance alone moves every
   count by about 1. Frequent labels are as a rule found better than rare ones, and must not speak for them.

docs/experiments.md measures how often the truth lies inside, and how wide the intervals are.

Source: D. Rubin, "The Bayesian Bootstrap", Annals of Statistics 9, 1981. Y. Teh, M. Jordan, M. Beal, D. Blei,
"Hierarchical Dirichlet Processes", JASA 101, 2006, for the pool. C. Goutte, E. Gaussier, "A Probabilistic
Interpretation of Precision, Recall and F-score", ECIR 2005, for F1 from gamma draws. C. Christiansen,
C. Morris, "Hierarchical Poisson Regression Modeling", JASA 92, 1997, for the prior of the strength.
F. Anscombe, "The Transformation of Poisson, Binomial and Negative-Binomial Data", Biometrika 35, 1948, for
the scale of counts.
"""

from __future__ import annotations

import numpy as np

from feinschliff.evaluate.statistics import CHUNK_CELLS, OVER_LABELS, Statistics, Values

STRENGTHS = np.geomspace(0.5, 500, 13)
"""How many examples of its own a label's pool may be worth."""

USUAL_STRENGTH = 10.0
"""Prior median of the strength."""

BANDWIDTH = 0.5
"""Of the kernel, in standard deviations of a count; docs/experiments.md compares others."""

UNSEEN = 0.5
"""How many right records, and how many wrong ones (one label missed, another false), the pool has that nobody
saw (Jeffreys' prior). Without them a test set without errors would prove that there are none."""


def pooled_draws(stats: Statistics, samples: int, seed: int) -> Values:
    """Return posterior draws of the averages over labels in all examples of this kind.

    Labels the system knows count even if they do not occur here, for they may among other examples.

    Returns:
        Name of each metric of `OVER_LABELS` that is defined to float64 [samples].
    """
    from scipy.sparse import csr_array

    columns = stats.columns
    assert columns is not None, "there are no labels to pool"
    random = np.random.default_rng([seed, len(stats), 2])
    parts = csr_array(stats.per_example)[:, columns]
    width = parts.shape[1] // 3
    hits, predicted, actual = (parts[:, i * width : (i + 1) * width] for i in range(3))
    outcomes = (hits, actual - hits, predicted - hits)
    counts = np.stack([np.asarray(each.sum(0)).ravel() for each in outcomes], -1)
    _, different, times = np.unique(parts @ random.random(3 * width), return_index=True, return_counts=True)
    outcomes = tuple(each[different] for each in outcomes)
    pool = _Pool(counts)
    strengths = random.choice(STRENGTHS, samples, p=pool.posterior())
    found: dict[str, list[np.ndarray]] = {}
    rows = max(1, CHUNK_CELLS // max(len(times), counts.size))
    for start in range(0, samples, rows):
        strength = strengths[start : start + rows, None]
        weights = random.standard_gamma(times, (len(strength), len(times)))
        own = np.stack([np.asarray(weights @ each) for each in outcomes], -1)
        lent = strength[..., None] * pool.shares(own, strength, random)
        hit, miss, alarm = np.moveaxis(own + random.standard_gamma(lent), -1, 0)
        sums = np.zeros((len(strength), stats.per_example.shape[1]))
        sums[:, columns] = np.concatenate([hit, hit + alarm, hit + miss], -1)
        for name, values in stats.finish(sums).items():
            if name in OVER_LABELS:
                found.setdefault(name, []).append(values)
    return {name: np.concatenate(values) for name, values in found.items()}


class _Pool:
    """What happens to labels, and to those about as frequent.

    Attributes:
        counts: float64 [L, 3]: hits, misses and false alarms of each label.
        level: int64 [L], which of the C different totals a label has.
        kernel: float64 [C, L], what a label is worth to labels of that total.
    """

    def __init__(self, counts: np.ndarray) -> None:
        self.counts, self.total = counts, counts.sum(-1)
        levels, self.level = np.unique(self.total, return_inverse=True)
        scale = (2 * np.sqrt(each + 3 / 8) for each in (levels, self.total))
        away = np.subtract.outer(*scale) / BANDWIDTH
        self.kernel = np.exp(-(away**2) / 2)

    def posterior(self) -> np.ndarray:
        """Return the probability of each of `STRENGTHS`, counts being Dirichlet-multinomial."""
        from scipy.special import gammaln

        found = []
        for strength in STRENGTHS:
            weighted = self.counts / (self.total + strength)[:, None]
            shares = self._shares(weighted, np.full(3, UNSEEN / max(self.total.sum(), 1.0)))
            prior = np.log(strength / (strength + USUAL_STRENGTH) ** 2)
            each = gammaln(strength * shares + self.counts) - gammaln(strength * shares)
            found.append(prior + each.sum() + (gammaln(strength) - gammaln(strength + self.total)).sum())
        chances = np.exp(np.array(found) - max(found))
        return chances / chances.sum()

    def shares(self, own: np.ndarray, strength: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Return draws float64 [B, L, 3] of what happens to the labels of each label's pool.

        An example weighs the less, the more its label has of them. Labels are weighted at random too, by as
        much of the variance of what is seen of a label as is not that of its examples.

        Args:
            own: float64 [B, L, 3], weighted counts of each label.
            strength: float64 [B, 1].
            random: Draws the weights of labels and of what was not seen.
        """
        between = np.maximum(self.total, 1.0) / (np.maximum(self.total, 1.0) + strength)
        weights = random.standard_gamma(1 / between) * between / (self.total + strength)
        mass = np.maximum(self.total, 1e-9)  # a label nobody saw has a weight too
        usual = (mass / (mass + strength)).sum(-1, keepdims=True) / mass.sum()
        right, wrong = random.standard_gamma(UNSEEN, (2, len(own), 1)) * usual
        unseen = np.concatenate([right, wrong, wrong], -1)
        return self._shares(own * weights[..., None], unseen[:, None])

    def _shares(self, weighted: np.ndarray, unseen: np.ndarray) -> np.ndarray:
        pooled = self.kernel @ weighted + unseen * self.kernel.mean()
        return (pooled / pooled.sum(-1, keepdims=True))[..., self.level, :]
