"""Entities by a logistic regression per token over words, affixes, shapes and neighbours, decoded as BIO."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from feinschliff.baselines._lexicon import tokens
from feinschliff.baselines._linear import minimise, softmax, start_bias
from feinschliff.data.dataset import Dataset, Records
from feinschliff.evaluate import Predictions, metrics, statistics

WINDOW: dict[int, tuple[int, ...]] = {
    -2: (1,),
    -1: (1, 2, 5, 8),
    0: (0, 1, 2, 3, 4, 5, 6, 7, 8),
    1: (1, 2, 5, 8),
    2: (1,),
}
"""Which attributes of a word (places in `attributes`) count at which distance from the token."""

STRENGTHS = (2.0, 8.0)
EDGE = ""  # stands before and after a text


def attributes(word: str) -> tuple[str, ...]:
    """Return what is known of a word: itself, lower case, shape, prefixes, suffixes, brief shape.

    >>> attributes("Kiel-2")
    ('w:Kiel-2', 'l:kiel-2', 's:Xxxx-9', 'p:Ki', 'p:Kie', 'e:-2', 'e:l-2', 'e:el-2', 'b:Xx-9')
    """
    shape = re.sub(r"\d", "9", re.sub(r"[^\W\d_]", lambda c: "X" if c[0].isupper() else "x", word))
    ends = [f"e:{word[-n:]}" for n in (2, 3, 4)]
    brief = re.sub(r"(.)\1+", r"\1", shape)
    return (
        f"w:{word}",
        f"l:{word.lower()}",
        f"s:{shape[:8]}",
        f"p:{word[:2]}",
        f"p:{word[:3]}",
        *ends,
        f"b:{brief}",
    )


@dataclass(frozen=True)
class Tagger:
    """A linear model over token features, and the tags it tells apart.

    Attributes:
        known: Number of each attribute seen in train.
        column: int32 [len(WINDOW) * len(known)], the matrix column of each attribute at each distance, or -1.
        tags: `O`, and per type found in train `B-` and `I-`.
    """

    labels: tuple[str, ...]
    known: Mapping[str, int]
    column: np.ndarray
    tags: tuple[str, ...]
    weights: np.ndarray
    bias: np.ndarray

    def predict(self, records: Records) -> Predictions:
        """Return the entities of the likeliest valid tag sequence of each text.

        An entity's score is the least probability among its tags.
        """
        texts = records.texts
        places = [tokens(text) for text in texts]
        chances = softmax(_matrix(texts, places, self.known, self.column) @ self.weights + self.bias)
        allowed = _transitions(self.tags)
        decided, at = [], 0
        for spots in places:
            part = chances[at : at + len(spots)]
            at += len(spots)
            decided.append(self._spans(spots, part, _viterbi(np.log(part + 1e-12), allowed)))
        return Predictions("ner", self.labels, decided)

    def _spans(
        self, spots: Sequence[tuple[int, int]], chances: np.ndarray, path: Sequence[int]
    ) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for spot, chance, tag in zip(spots, chances, path, strict=True):
            kind, _, label = self.tags[tag].partition("-")
            if kind == "B":
                found.append({"start": spot[0], "end": spot[1], "label": label, "score": float(chance[tag])})
            elif kind == "I":
                found[-1]["end"] = spot[1]
                found[-1]["score"] = min(found[-1]["score"], float(chance[tag]))
        return found


def fit_tagger(dataset: Dataset) -> Tagger:
    """Fit on the tokens of train; the regularisation is chosen by the entity F1 on dev."""
    texts = dataset.train.texts
    places = [tokens(text) for text in texts]
    known: dict[str, int] = {}
    for word in sorted(
        {text[a:b] for text, spots in zip(texts, places, strict=True) for a, b in spots} | {EDGE}
    ):
        for name in attributes(word):
            known.setdefault(name, len(known))
    everything = np.arange(len(WINDOW) * len(known), dtype=np.int32)
    matrix = _matrix(texts, places, known, everything)
    kept = np.flatnonzero(np.bincount(matrix.indices, minlength=len(everything)) >= 2)
    column = np.full(len(everything), -1, dtype=np.int32)
    column[kept] = np.arange(len(kept), dtype=np.int32)
    matrix = matrix[:, kept]

    tagged = [_tags(spots, spans) for spots, spans in zip(places, dataset.train.targets, strict=True)]
    tags = tuple(sorted({tag for row in tagged for tag in row} | {"O"}, key=lambda t: (t != "O", t)))
    targets = _one_hot(tagged, tags)

    def path() -> Iterator[Tagger]:
        weights = np.zeros((matrix.shape[1], len(tags)), np.float32)
        bias = start_bias(targets, "classification")
        for strength in STRENGTHS:
            weights, bias = minimise(
                matrix, targets, "classification", strength, weights, bias, tolerance=3e-3
            )
            yield Tagger(dataset.labels, known, column, tags, weights, bias)

    return max(path(), key=lambda model: _f1_on(dataset.dev, model))


def _f1_on(dev: Records, model: Tagger) -> float:
    return metrics(statistics("ner", dev.targets, model.predict(dev)))["entity_f1"] if len(dev) else 0.0


def _matrix(
    texts: Sequence[str],
    places: Sequence[Sequence[tuple[int, int]]],
    known: Mapping[str, int],
    column: np.ndarray,
) -> Any:
    """Return the features of every token, one text after the other: CSR float32 [T, F]."""
    from scipy.sparse import csr_array

    number = {EDGE: 0}
    reach = max(WINDOW)
    words: list[int] = []
    inner: list[bool] = []
    for text, spots in zip(texts, places, strict=True):
        words += [0] * reach + [number.setdefault(text[a:b], len(number)) for a, b in spots]
        inner += [False] * reach + [True] * len(spots)
    stream = np.array(words + [0] * reach)
    at = np.flatnonzero(inner)
    table = np.array([[known.get(name, -1) for name in attributes(word)] for word in number])
    width = int(column.max(initial=-1)) + 1
    blocks = []
    for block, (distance, chosen) in enumerate(WINDOW.items()):
        found = table[stream[at + distance]][:, chosen]
        blocks.append(np.where(found >= 0, column[block * len(known) + found], -1))
    columns = np.concatenate(blocks, axis=1)
    rows, _ = kept = np.nonzero(columns >= 0)
    ones = np.ones(len(rows), dtype=np.float32)
    return csr_array((ones, (rows, columns[kept])), shape=(len(at), width))


def _tags(spots: Sequence[tuple[int, int]], spans: Sequence[dict[str, Any]]) -> list[str]:
    """Return the BIO tag of each token; an entity that begins or ends within a token is passed over."""
    starts, ends = ({spot[side]: i for i, spot in enumerate(spots)} for side in (0, 1))
    tags = ["O"] * len(spots)
    for span in spans:
        first, last = starts.get(span["start"]), ends.get(span["end"])
        if first is not None and last is not None and first <= last:
            inside = [f"I-{span['label']}"] * (last - first)
            tags[first : last + 1] = [f"B-{span['label']}", *inside]
    return tags


def _one_hot(tagged: Sequence[Sequence[str]], tags: Sequence[str]) -> np.ndarray:
    """Return float32 [T, K]; a tag not among `tags` gives a row of zeros."""
    number = {tag: i for i, tag in enumerate(tags)}
    found = np.array([number.get(tag, -1) for row in tagged for tag in row], dtype=np.int64)
    return (found[:, None] == np.arange(len(tags))).astype(np.float32)


def _transitions(tags: Sequence[str]) -> np.ndarray:
    """Return float32 [K + 1, K]: 0 where a tag may follow another, else -inf; the last row is the start."""
    allowed = np.zeros((len(tags) + 1, len(tags)), dtype=np.float32)
    for column, tag in enumerate(tags):
        if tag.startswith("I-"):
            allowed[:, column] = -np.inf
            for row, before in enumerate(tags):
                if before in (tag, f"B-{tag[2:]}"):
                    allowed[row, column] = 0
    return allowed


def _viterbi(scores: np.ndarray, allowed: np.ndarray) -> list[int]:
    """Return the tags [T] with the greatest sum of scores [T, K] among the allowed sequences."""
    if not len(scores):
        return []
    best, back = scores[0] + allowed[-1], []
    for row in scores[1:]:
        sums = best[:, None] + allowed[:-1]
        back.append(sums.argmax(0))
        best = sums.max(0) + row
    path = [int(best.argmax())]
    for before in reversed(back):
        path.append(int(before[path[-1]]))
    return path[::-1]
