"""Entities found again by their words: a lexicon learned from train, longest match first."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from feinschliff.data.dataset import Dataset, Records
from feinschliff.evaluate import Predictions

TOKEN = re.compile(r"\w+|[^\w\s]")
"""Runs of letters and digits, or single signs."""

Words = tuple[str, ...]


def tokens(text: str) -> list[tuple[int, int]]:
    """Return start and end of each token.

    >>> tokens("Dr. No")
    [(0, 2), (2, 3), (4, 6)]
    """
    return [match.span() for match in TOKEN.finditer(text)]


@dataclass(frozen=True)
class Lexicon:
    """Word sequences with the entity type they have most often, and how often they are one at all.

    Attributes:
        entries: From the words of an entity to its type and the share of its occurrences in train that
            were one of this type.
    """

    labels: tuple[str, ...]
    entries: Mapping[Words, tuple[str, float]]

    def predict(self, records: Records) -> Predictions:
        """Return the entries found in each text, if they are an entity more often than not."""
        longest = max(map(len, self.entries), default=0)
        decided = []
        for text in records.texts:
            found = []
            for start, end, words in _matches(text, self.entries, longest):
                label, share = self.entries[words]
                if share >= 0.5:
                    found.append({"start": start, "end": end, "label": label, "score": share})
            decided.append(found)
        return Predictions("ner", self.labels, decided)


def fit_lexicon(dataset: Dataset) -> Lexicon:
    """Collect the entities of train, then count how often their words occur there without being one."""
    types: dict[Words, Counter[str]] = defaultdict(Counter)
    for record in dataset.train:
        for span in record["target"]:
            words = tuple(TOKEN.findall(record["text"][span["start"] : span["end"]]))
            if words:
                types[words][span["label"]] += 1
    longest = max(map(len, types), default=0)
    seen = Counter(words for text in dataset.train.texts for _, _, words in _matches(text, types, longest))
    entries = {}
    for words, counts in types.items():
        label = min(counts, key=lambda name: (-counts[name], name))
        entries[words] = (label, min(1.0, counts[label] / max(seen[words], counts[label])))
    return Lexicon(dataset.labels, entries)


def _matches(text: str, known: Mapping[Words, Any], longest: int) -> Iterator[tuple[int, int, Words]]:
    """Yield start, end and words of the known sequences from left to right, the longest first."""
    places = tokens(text)
    words = [text[start:end] for start, end in places]
    at = 0
    while at < len(words):
        for end in range(min(at + longest, len(words)), at, -1):
            if (found := tuple(words[at:end])) in known:
                yield places[at][0], places[end - 1][1], found
                at = end
                break
        else:
            at += 1
