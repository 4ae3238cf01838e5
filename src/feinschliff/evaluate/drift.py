"""Are the texts that come in like those the model was trained on?

At training time a sample of what the texts look like (`Facts`) is kept beside the model; whoever runs the
model collects the same facts of what comes in (`Window`, bounded in memory) and compares the two. Numbers are
compared by Kolmogorov and Smirnov's test, the shares of predicted labels by a test of two proportions for
each label, words by the energy test; Holm's correction over all of them keeps the rate of false alarms that
of one test. With many texts any difference becomes significant: there is drift only where the effect is
large, too.

Texts are represented by the mean of fixed random vectors of their tokens, a random projection of the bag of
words. It needs no network, so that every runtime and the server see the same. What the network makes of the
texts shows in its answers, which are compared as well.

Sources: Rabanser et al., "Failing Loudly", 2019 (tests of a black box's outputs); Székely and Rizzo, "Energy
statistics", 2013; Siddiqi, "Credit Risk Scorecards", 2006 (bounds of the population stability index).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from hashlib import blake2b
from typing import Any

import numpy as np

from feinschliff.evaluate.bootstrap import holm
from feinschliff.evaluate.predictions import Predictions

WIDTH = 32
"""Dimensions of the vectors of texts."""
SAMPLE = 1000
"""Texts kept of the training data, and of what comes in."""
ALPHA = 0.01
"""Rate of comparisons that see drift where there is none."""
PSI = (0.1, 0.25)
"""Population stability index from which a change is moderate, and large."""
ENERGY = (0.01, 0.03)
"""The same for words: energy distance as a share of the mean distance of two texts."""
PERMUTATIONS = 999
LEVELS = ("none", "moderate", "large")
FEWEST = 100
"""Different texts that a comparison needs: with fewer, chance alone makes the stability index moderate."""
TOO_FEW = "too few"
"""The answer where there are fewer."""


@dataclass(frozen=True)
class Facts:
    """What a number of texts look like. Each fact may be known for another number of texts.

    Attributes:
        numbers: By name, float [N].
        words: float32 [N, `WIDTH`], vectors of the texts.
        labels: bool [N, L], whether the model gave the label to the text.
        names: L labels.
    """

    numbers: Mapping[str, np.ndarray]
    words: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]

    def take(self, rows: np.ndarray) -> Facts:
        """Return the facts of some texts."""
        numbers = {name: values[rows] for name, values in self.numbers.items()}
        return Facts(numbers, self.words[rows], self.labels[rows], self.names)

    def __len__(self) -> int:
        return len(self.words)

    def __add__(self, other: Facts) -> Facts:
        numbers = {name: np.concatenate([v, other.numbers[name]]) for name, v in self.numbers.items()}
        words = np.concatenate([self.words, other.words])
        return Facts(numbers, words, np.concatenate([self.labels, other.labels]), self.names)

    def as_dict(self) -> dict[str, Any]:
        """Return the content of a JSON file."""
        return {
            "numbers": {name: _rounded(values) for name, values in self.numbers.items()},
            "words": _rounded(self.words),
            "labels": self.labels.astype(int).tolist(),
            "names": list(self.names),
        }

    @classmethod
    def from_dict(cls, tree: Mapping[str, Any]) -> Facts:
        """Read what `as_dict` gave.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        names = tuple(tree["names"])
        words = np.array(tree["words"], np.float32).reshape(-1, WIDTH)
        labels = np.array(tree["labels"], bool).reshape(len(tree["labels"]), len(names))
        return cls({n: np.array(v, np.float64) for n, v in tree["numbers"].items()}, words, labels, names)


@dataclass(frozen=True)
class Profile:
    """What lies in a model's folder.

    Attributes:
        facts: Of the texts it was trained on, and of its answers to those it was not trained on.
        unknown_id: Token that stands for what the tokenizer does not know; None if it knows everything.
    """

    facts: Facts
    unknown_id: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the content of a JSON file."""
        return {"schema": 1, "unknown_id": self.unknown_id, **self.facts.as_dict()}

    @classmethod
    def from_dict(cls, tree: Mapping[str, Any]) -> Profile:
        """Read what `as_dict` gave.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        if tree["schema"] != 1:
            raise ValueError(f"schema {tree['schema']}")
        return cls(Facts.from_dict(tree), tree["unknown_id"])


@dataclass(frozen=True)
class Change:
    """How one fact differs between training and now.

    Attributes:
        name: Of the fact: `characters`, `words`, `labels`, ...
        p_value: Of the test, corrected for the number of tests.
        effect: Population stability index; for `words` the share of the energy distance.
        level: `none`, `moderate` or `large`.
        before, after: Median; for `labels` the share of the label that changed most; None for `words`.
        label: The label that changed most.
    """

    name: str
    p_value: float
    effect: float
    level: str
    before: float | None = None
    after: float | None = None
    label: str | None = None


@dataclass(frozen=True)
class Sample:
    """What a window knows at one moment.

    Attributes:
        seen: Texts that came in.
        keys: uint64 [K] of the K different texts kept.
        facts: Of these; None before the first text.
    """

    seen: int = 0
    keys: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint64))
    facts: Facts | None = None

    @property
    def kept(self) -> int:
        """Number of texts whose facts are kept."""
        return len(self.keys)


class Window:
    """Facts of a random sample of the different texts that came in, however many they are.

    Each text has a random key, which its tokens determine, and the texts with the smallest keys are kept: so
    equal ones count once, as they do in training data, and a text that a monitor sends again and again is no
    drift. While one thread adds texts, others may read `sample`: it is exchanged as a whole.

    Args:
        limit: Texts kept.
        seed: Of the sample.
    """

    def __init__(self, limit: int = SAMPLE, seed: int = 0):
        self.limit, self.salt = limit, seed.to_bytes(8, "little")
        self.sample = Sample()

    def add(self, facts: Facts) -> None:
        """Take more texts into account; each that is new has the same chance to be kept."""
        before = self.sample
        keys = np.concatenate([before.keys, [self._key(vector) for vector in facts.words]]).astype(np.uint64)
        whole = facts if before.facts is None else before.facts + facts
        _, first = np.unique(keys, return_index=True)
        kept = np.sort(first[: self.limit])
        self.sample = Sample(before.seen + len(facts), keys[kept], whole.take(kept))

    def _key(self, vector: np.ndarray) -> np.uint64:
        digest = blake2b(vector.tobytes(), digest_size=8, salt=self.salt).digest()
        return np.uint64(int.from_bytes(digest, "little"))


def facts(
    texts: Sequence[str],
    ids: np.ndarray,
    owner: np.ndarray,
    unknown_id: int | None,
    predictions: Predictions,
    pairs: Sequence[str] | None = None,
) -> Facts:
    """Describe N texts and what the model said about them.

    Args:
        texts, pairs: N texts.
        ids: int [T], their tokens.
        owner: int [T], the text of each token.
        unknown_id: Token that stands for what the tokenizer does not know; None if it knows everything.
        predictions: Of the N texts.
    """
    numbers, words = of_texts(texts, ids, owner, unknown_id, pairs)
    more, labels = of_answers(predictions)
    return Facts({**numbers, **more}, words, labels, predictions.labels)


def of_texts(
    texts: Sequence[str],
    ids: np.ndarray,
    owner: np.ndarray,
    unknown_id: int | None,
    pairs: Sequence[str] | None = None,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the numbers and the vectors of N texts, see `facts`."""
    whole = texts if pairs is None else [f"{a} {b}" for a, b in zip(texts, pairs, strict=True)]
    num_words = np.array([len(text.split()) for text in whole], np.float64)
    num_tokens = np.bincount(owner, minlength=len(texts)).astype(np.float64)
    found = {
        "characters": np.array([len(text) for text in whole], np.float64),
        "tokens_per_word": num_tokens / np.maximum(num_words, 1),
    }
    if unknown_id is not None:
        unknown = np.bincount(owner[ids == unknown_id], minlength=len(texts))
        found["unknown_tokens"] = unknown / np.maximum(num_tokens, 1)
    return found, _vectors(ids, owner, len(texts))


def of_answers(predictions: Predictions) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the numbers of N answers, and which labels were given, bool [N, L]."""
    n, names = len(predictions), predictions.labels
    given = np.zeros((n, len(names)), bool)
    if predictions.kind == "regression":
        return {"prediction": np.asarray(predictions.decided, np.float64)}, given
    if predictions.kind == "ner":
        index = {name: i for i, name in enumerate(names)}
        for row, spans in enumerate(predictions.decided):
            given[row, [index[s["label"]] for s in spans]] = True
        return {"entities": np.array([len(spans) for spans in predictions.decided], np.float64)}, given
    if predictions.kind == "classification":
        given[np.arange(n), predictions.decided] = True
    else:
        given = np.asarray(predictions.decided, bool)
    if predictions.scores is None or not len(names):
        return {}, given
    return {"confidence": predictions.scores.max(axis=1).astype(np.float64)}, given


def compare(training: Facts, now: Facts) -> list[Change]:
    """Test every fact that both have for a change; those that changed most come first."""
    found: list[tuple[float, Change]] = []
    for name, before in training.numbers.items():
        after = now.numbers.get(name)
        if after is not None and len(before) and len(after):
            found.append(_number(name, before, after))
    if training.labels.size and now.labels.size and training.names == now.names:
        found.append(_labels(training, now))
    if len(training.words) > 1 and len(now.words) > 1:
        found.append(_words(training.words, now.words))
    adjusted = holm([p for p, _ in found])
    changes = []
    for p, (_, change) in zip(adjusted, found, strict=True):
        bounds = ENERGY if change.name == "words" else PSI
        level = LEVELS[int(np.searchsorted(bounds, change.effect, side="right"))]
        level = level if p < ALPHA else "none"
        changes.append(Change(**{**change.__dict__, "p_value": float(p), "level": level}))
    order = {"large": 0, "moderate": 1, "none": 2}
    return sorted(changes, key=lambda change: (order[change.level], -change.effect))


def summary(profile: Profile, sample: Sample) -> dict[str, Any]:
    """Return a comparison with what a window has seen as JSON.

    Returns:
        `drift`, one of `LEVELS` or `TOO_FEW`; `texts` seen, `compared` different ones, `needed` ones;
        `changes`, none where there are too few texts.
    """
    found = {"texts": sample.seen, "compared": sample.kept, "needed": FEWEST}
    if sample.facts is None or sample.kept < FEWEST:
        return {"drift": TOO_FEW, **found, "changes": []}
    changes = compare(profile.facts, sample.facts)
    return {"drift": verdict(changes), **found, "changes": [asdict(change) for change in changes]}


def verdict(changes: Sequence[Change]) -> str:
    """Return the highest level of any change: `none`, `moderate` or `large`."""
    levels = {change.level for change in changes}
    return "large" if "large" in levels else "moderate" if "moderate" in levels else "none"


def stability_index(before: np.ndarray, after: np.ndarray) -> float:
    """Return the population stability index of counts in the same B cells, half a text added to each."""
    p, q = ((c + 0.5) / (c.sum() + 0.5 * len(c)) for c in (before, after))
    return float(((p - q) * np.log(p / q)).sum())


def _vectors(ids: np.ndarray, owner: np.ndarray, num_texts: int) -> np.ndarray:
    table = _table(1 << int(ids.max(initial=0)).bit_length())
    pairs, counts = np.unique(owner.astype(np.int64) << 32 | ids.astype(np.int64), return_counts=True)
    found = np.zeros((num_texts, WIDTH), np.float32)
    np.add.at(found, pairs >> 32, table[pairs & 0xFFFFFFFF] * np.sqrt(counts)[:, None].astype(np.float32))
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)


@cache
def _table(rows: int) -> np.ndarray:
    """Return vectors of tokens; a larger table begins with the smaller ones."""
    return np.random.default_rng(0).standard_normal((rows, WIDTH), np.float32)


def _number(name: str, before: np.ndarray, after: np.ndarray) -> tuple[float, Change]:
    from scipy.stats import ks_2samp

    p = float(ks_2samp(before, after).pvalue)
    edges = np.unique(np.quantile(before, np.arange(1, 10) / 10))
    cells = [np.bincount(np.searchsorted(edges, v), minlength=len(edges) + 1) for v in (before, after)]
    middle = float(np.median(before)), float(np.median(after))
    return p, Change(name, p, stability_index(*cells), "none", *middle)


def _labels(training: Facts, now: Facts) -> tuple[float, Change]:
    from scipy.stats import chi2, fisher_exact

    a, b = training.labels.sum(axis=0), now.labels.sum(axis=0)
    n, m = len(training.labels), len(now.labels)
    share = (a + b) / (n + m)
    least = np.minimum(share, 1 - share) * min(n, m)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (a / n - b / m) ** 2 / (share * (1 - share) * (1 / n + 1 / m))
    p_values = chi2.sf(np.nan_to_num(z), 1)
    for i in np.flatnonzero((least > 0) & (least < 5)):
        p_values[i] = fisher_exact([[a[i], n - a[i]], [b[i], m - b[i]]]).pvalue
    p = min(1.0, float(p_values.min()) * len(p_values))
    most = int(np.argmax(np.abs(a / n - b / m)))
    none = [np.append(c, (~rows.any(axis=1)).sum()) for c, rows in ((a, training.labels), (b, now.labels))]
    shares = float(a[most] / n), float(b[most] / m)
    return p, Change("labels", p, stability_index(*none), "none", *shares, label=training.names[most])


def _words(before: np.ndarray, after: np.ndarray) -> tuple[float, Change]:
    """Test whether two clouds of unit vectors are one, by permuting which cloud each belongs to."""
    both = np.concatenate([before, after]).astype(np.float32)
    distances = np.sqrt(np.maximum(2 - 2 * both @ both.T, 0))
    weights = np.repeat([1 / len(before), -1 / len(after)], [len(before), len(after)]).astype(np.float32)
    rng = np.random.default_rng(0)
    orders = np.stack([weights, *(rng.permutation(weights) for _ in range(PERMUTATIONS))], axis=1)
    energy = -(orders * (distances @ orders)).sum(axis=0)
    p = float((1 + (energy[1:] >= energy[0]).sum()) / (1 + PERMUTATIONS))
    across = float(distances[: len(before), len(before) :].mean())
    effect = max(0.0, float(energy[0] - energy[1:].mean())) / max(2 * across, 1e-9)
    return p, Change("words", p, effect, "none")


def _rounded(values: np.ndarray) -> Any:
    return np.round(values.astype(np.float64), 3).tolist()
