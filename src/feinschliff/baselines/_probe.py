"""Entities by a logistic regression per word on the vectors of an encoder as it came."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from feinschliff.baselines._base import Embed, first_best
from feinschliff.baselines._linear import minimise, softmax, start_bias
from feinschliff.data.dataset import Dataset, Records
from feinschliff.encode.chunks import chunks
from feinschliff.evaluate import Predictions
from feinschliff.tasks._spans import Units, spans_of_tags, tag_names, tags_of_spans
from feinschliff.tasks._viterbi import best_tags

STRENGTHS = (0.001, 0.01, 0.1, 1.0)
MOST_WORDS = 60_000
"""Of train, and of dev, drawn by text: bounds time and memory."""
CHUNK_RECORDS, CHUNK_CHARACTERS = 512, 6 * MOST_WORDS
"""Texts whose vectors are in memory at the same time; a longer one is alone."""

Vectors = Callable[[Records], tuple[Units, np.ndarray]]
"""Gives U words and float32 [U, H]."""


@dataclass(frozen=True)
class Probe:
    """A linear model on the vectors of words, decoded as tags are.

    Attributes:
        weights: float32 [H, K], K tags.
        bias: float32 [K].
    """

    labels: tuple[str, ...]
    vectors: Vectors
    weights: np.ndarray
    bias: np.ndarray

    def predict(self, records: Records) -> Predictions:
        """Return the entities of the likeliest legal tags of each text."""
        decided = []
        for part in _chunks(records):
            words, vectors = self.vectors(part)
            decided += self._spans(words, vectors, len(part))
        return Predictions("ner", self.labels, decided)

    def _spans(self, words: Units, vectors: np.ndarray, num_records: int) -> list[list[dict]]:
        chances = softmax(vectors @ self.weights + self.bias)
        tags = best_tags(np.log(chances + 1e-12), words.record)
        return spans_of_tags(tags, chances, words, self.labels, num_records)


def fit_probe(dataset: Dataset, embed: Embed, seed: int) -> Probe:
    """Fit on standardised vectors of words of train; the regularisation is chosen by the log loss on dev."""
    tags, vectors = _drawn(dataset.train, dataset.labels, embed, seed)
    middle, spread = vectors.mean(0), vectors.std(0)
    spread = np.where(spread > 1e-6, spread, 1.0)

    def standard(records: Records) -> tuple[Units, np.ndarray]:
        words, found = embed.words(records)
        return words, ((found - middle) / spread).astype(np.float32)

    matrix = ((vectors - middle) / spread).astype(np.float32)
    targets = np.eye(len(tag_names(dataset.labels)), dtype=np.float32)[tags]
    has_dev = len(dataset.dev) > 0
    dev_tags, dev = _drawn(dataset.dev, dataset.labels, embed, seed) if has_dev else (tags, vectors)

    def path() -> Iterator[Probe]:
        weights = np.zeros((matrix.shape[1], targets.shape[1]), np.float32)
        bias = start_bias(targets, "classification")
        for strength in STRENGTHS:
            weights, bias = minimise(matrix, targets, "classification", strength, weights, bias)
            yield Probe(dataset.labels, standard, weights, bias)

    def loss(model: Probe) -> float:
        chances = softmax(((dev - middle) / spread).astype(np.float32) @ model.weights + model.bias)
        return -float(np.log(chances[np.arange(len(dev_tags)), dev_tags] + 1e-12).mean())

    return first_best(path(), loss if has_dev else None)


def _drawn(
    records: Records, labels: tuple[str, ...], embed: Embed, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return (tags int64 [U], vectors float32 [U, H]) of the words of texts drawn at random, all if few."""
    tags, vectors, num_words = [], [], 0
    for part in _chunks(records.take(np.random.default_rng(seed).permutation(len(records)))):
        words, found = embed.words(part)
        ends = np.searchsorted(words.record, np.arange(len(part) + 1))
        tags += [
            tags_of_spans(spans, labels, words.start[a:b], words.end[a:b])
            for spans, a, b in zip(part.targets, ends, ends[1:], strict=False)
        ]
        vectors.append(found[: MOST_WORDS - num_words])
        num_words += len(vectors[-1])
        if num_words == MOST_WORDS:
            break
    return np.concatenate(tags)[:num_words], np.concatenate(vectors)


def _chunks(records: Records) -> Iterator[Records]:
    for rows in chunks(records.texts, most=CHUNK_RECORDS, characters=CHUNK_CHARACTERS):
        yield records.take(np.arange(rows.start, rows.stop))
