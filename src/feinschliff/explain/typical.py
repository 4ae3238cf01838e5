"""Words that speak for a label again and again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np

from feinschliff.explain.attribute import Explanation

MOST_WORDS = 12
FEWEST_TEXTS = 2
"""A word is listed from this number of texts on."""


def typical_words(explanations: Iterable[Explanation]) -> list[dict[str, Any]]:
    """Return for each label, by name, the words with the surest weight for it.

    A word's weight is the mean over the texts it stands in; they are ordered by that mean less its standard
    error, and those for which nothing is left are not listed.

    Returns:
        {"label", "texts": explained ones, "words": [{"word", "weight", "texts"}]}.
    """
    weights: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    texts: dict[str, int] = defaultdict(int)
    for explanation in explanations:
        label = str(explanation.label)
        texts[label] += 1
        own: dict[str, float] = defaultdict(float)
        for part in explanation.words:
            if any(char.isalnum() for char in part["text"]):
                own[part["text"].lower()] += part["weight"]
        for word, weight in own.items():
            weights[label][word].append(weight)
    found = []
    for label in sorted(weights):
        ranked = []
        for word, values in weights[label].items():
            if len(values) >= FEWEST_TEXTS:
                mean, error = np.mean(values), np.std(values, ddof=1) / len(values) ** 0.5
                ranked.append((float(mean - error), word, float(mean), len(values)))
        ranked.sort(key=lambda row: (-row[0], row[1]))
        listed = [{"word": w, "weight": m, "texts": n} for low, w, m, n in ranked[:MOST_WORDS] if low > 0]
        found.append({"label": label, "texts": texts[label], "words": listed})
    return found
