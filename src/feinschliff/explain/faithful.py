"""Check explanations by what the model does without the words they name.

Source: J. DeYoung et al., "ERASER: A Benchmark to Evaluate Rationalized NLP Models", ACL 2020, section 4:
comprehensiveness, here averaged over several shares of the words and set against words chosen by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from feinschliff.evaluate import Interval
from feinschliff.explain.attribute import Explanation

SHARES = (0.1, 0.2, 0.3, 0.4, 0.5)
RANDOM_ORDERS = 2

Score = Callable[[list[str], list[str] | None, list[int]], np.ndarray]
"""Texts, second texts or None, and the texts they were made of, to float [M]: how much the answer explained
for that text is still given."""


@dataclass(frozen=True)
class Deletion:
    """How much of the score is lost when words are left out, on average over the texts.

    Attributes:
        shares: Shares of the words that are left out, ascending.
        by_weight: Loss at each share when those with the largest weights go first.
        at_random: The same in random order.
        gain: The mean over the shares of the first minus the second, with its interval over the texts.
        texts: Their number.
    """

    shares: tuple[float, ...]
    by_weight: list[float]
    at_random: list[float]
    gain: Interval
    texts: int

    def as_dict(self) -> dict[str, Any]:
        """Return the check as `result.json` holds it."""
        return {**vars(self), "shares": list(self.shares), "gain": self.gain.as_dict()}


def deletion(
    texts: Sequence[str],
    pairs: Sequence[str] | None,
    explanations: Sequence[Explanation],
    score: Score,
    confidence: float = 0.95,
    seed: int = 0,
) -> Deletion | None:
    """Leave words out, in the order of their weights and in random order, and see what is lost.

    Args:
        texts, pairs: N texts.
        explanations: One for each of them.
        score: The model.
        confidence: Level of the interval, Student's over the texts.
        seed: Of the random orders.

    Returns:
        None where fewer than two texts have two words or more.
    """
    rng = np.random.default_rng(seed)
    made: tuple[list[str], list[str], list[int]] = ([], [], [])
    rows = [i for i, e in enumerate(explanations) if len(e.words) > 1]
    if len(rows) < 2:
        return None
    for row in rows:
        words = explanations[row].words
        orders = [np.argsort([-w["weight"] for w in words], kind="stable")]
        orders += [rng.permutation(len(words)) for _ in range(RANDOM_ORDERS)]
        for order in orders:
            for share in (0.0, *SHARES):
                gone = [words[i] for i in order[: int(np.ceil(share * len(words)))]]
                first = [w for w in gone if w.get("side") != "text_pair"]
                second = [w for w in gone if w.get("side") == "text_pair"]
                made[0].append(without(texts[row], first))
                made[1].append(without(pairs[row], second) if pairs is not None else "")
                made[2].append(row)
    found = score(made[0], made[1] if pairs is not None else None, made[2])
    kept = found.astype(np.float64).reshape(len(rows), 1 + RANDOM_ORDERS, 1 + len(SHARES))
    lost = kept[..., :1] - kept[..., 1:]
    by_weight, at_random = lost[:, 0], lost[:, 1:].mean(1)
    difference = (by_weight - at_random).mean(1)
    middle, error = float(difference.mean()), float(stats.sem(difference))
    half = error * float(stats.t.ppf((1 + confidence) / 2, len(rows) - 1))
    gain = Interval(middle, middle - half, middle + half)
    return Deletion(SHARES, by_weight.mean(0).tolist(), at_random.mean(0).tolist(), gain, len(rows))


def without(text: str, words: Sequence[dict[str, Any]]) -> str:
    """Return the text without some of its words.

    >>> without("not so bad", [{"start": 0, "end": 3}])
    ' so bad'
    """
    for word in sorted(words, key=lambda w: -w["start"]):
        text = text[: word["start"]] + text[word["end"] :]
    return text
