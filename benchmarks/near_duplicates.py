"""Measure how many planted near duplicates are found, and how many of the pairs found are right.

    FEINSCHLIFF_DATA=folder python benchmarks/near_duplicates.py [corpus ...] [--differing 0.2 --short 8]

From each real corpus up to 4,000 texts of ten words or more are taken, thinned by brute force until no two
share half their words, so that what is near duplicate is known. Then copies are planted: one word in ten
changed (`round(n / 10)`: another word of the corpus in its place, one left out, one put in, or two letters
swapped), and as many decoys with three words in ten replaced, which are not to be found. Recall is the share
of copies found as a pair with their origin; precision the share of found pairs that are such pairs.

On the whole corpus, with its own near duplicates, the second line counts the natural pairs and how many of
them have the same label: a check that near the same text means the same.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from sklearn.feature_extraction.text import CountVectorizer

from feinschliff.config import DataConfig
from feinschliff.data import near
from feinschliff.readers import read

CORPORA = {
    "sms": ("spam/sms.csv", "text", "label"),
    "reviews": ("reviews/train.csv", "text", "label"),
    "banking77": ("intents_banking77/train.csv", "text", "category"),
    "products": ("products/train.csv", "title", "category"),
    "emotions": ("emotions/train.jsonl", "text", "labels"),
    "clauses": ("legal/clauses/train.jsonl", "text", "label"),
    "unfair_tos_de": ("legal/unfair_tos/de_train.jsonl", "text", "labels"),
    "court_decisions_de": ("legal/court_decisions_de.jsonl.gz", "text", "court"),
}
MOST = 4000


def load(name: str) -> dict[str, object]:
    """Return the different texts of a corpus, each with its first label."""
    path, text, label = CORPORA[name]
    columns = read(str(Path(os.environ["FEINSCHLIFF_DATA"]) / path), DataConfig()).columns
    pairs = zip(columns[text].to_pylist(), columns[label].to_pylist(), strict=True)
    return dict(reversed(list(pairs)))


def thin(texts: list[str]) -> list[str]:
    """Return texts no two of which share half their words or more, by comparing all pairs."""
    counts = CountVectorizer(token_pattern=r"\w+", binary=True).fit_transform(texts)
    shared = (counts @ counts.T).toarray()
    size = shared.diagonal()
    alike = shared / np.maximum(size[:, None], size[None, :]) >= 0.5
    kept: list[int] = []
    for i in range(len(texts)):
        if not alike[i, kept].any():
            kept.append(i)
    return [texts[i] for i in kept]


KINDS = ("replace", "drop", "insert", "typo")


def change(
    text: str, share: float, vocabulary: list[str], rng: random.Random, kinds: tuple[str, ...] = KINDS
) -> str:
    """Return a copy with this share of its words changed, one at least."""
    words = text.split()
    for place in sorted(rng.sample(range(len(words)), max(1, round(len(words) * share))), reverse=True):
        kind = rng.choice(kinds)
        word = words[place]
        if kind == "drop":
            del words[place]
        elif kind == "insert":
            words.insert(place, rng.choice(vocabulary))
        elif kind == "typo" and len(word) > 3:
            i = rng.randrange(len(word) - 1)
            words[place] = word[:i] + word[i + 1] + word[i] + word[i + 2 :]
        else:
            words[place] = rng.choice(vocabulary)
    return " ".join(words)


def find(texts: list[str]) -> tuple[np.ndarray, np.ndarray, int, float]:
    """Return (a, b, candidates, seconds) of the near-duplicate pairs."""
    start = time.perf_counter()
    bags, bands = near.sketch(pa.array(texts))
    a, b = near.candidates(bands)
    found = bags.similar(a, b)
    return a[found], b[found], len(a), time.perf_counter() - start


def planted(texts: list[str]) -> str:
    """Return recall and precision on thinned texts with planted copies and decoys."""
    rng = random.Random(13)
    long_enough = [t for t in texts if len(t.split()) >= 10]
    base = thin(rng.sample(long_enough, min(MOST, len(long_enough))))
    vocabulary = [w for t in texts for w in t.split()]
    copies = [change(t, 0.1, vocabulary, rng) for t in base]
    decoys = [change(t, 0.3, vocabulary, rng, ("replace",)) for t in base]
    a, b, _, _ = find(base + copies + decoys)
    n = len(base)
    right = (b == a + n) & (a < n)
    return f"planted {n:5,}  recall {right.sum() / n:.3f}  precision {right.sum() / max(len(a), 1):.3f}"


def natural(labels: dict[str, object]) -> str:
    """Return what is found in the whole corpus."""
    texts = list(labels)
    a, b, num_candidates, seconds = find(texts)
    agree = (
        np.mean([labels[texts[i]] == labels[texts[j]] for i, j in zip(a, b, strict=True)]) if len(a) else 1
    )
    cluster = near.components(a, b, len(texts))
    return (
        f"rows {len(texts):6,}  pairs {len(a):6,}  same label {agree:.3f}  repeats "
        f"{(cluster != np.arange(len(texts))).sum():5,}  largest {np.bincount(cluster).max():4,}  "
        f"candidates {num_candidates:8,}  {seconds:5.1f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("corpora", nargs="*", default=list(CORPORA))
    for name in ("differing", "short", "num_bands", "rows_per_band"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=getattr(near, name.upper()))
    options = parser.parse_args()
    if "FEINSCHLIFF_DATA" not in os.environ:
        sys.exit("FEINSCHLIFF_DATA is not set: name the folder with the data sets.")
    near.DIFFERING, near.SHORT = options.differing, int(options.short)
    near.NUM_BANDS, near.ROWS_PER_BAND = int(options.num_bands), int(options.rows_per_band)
    for name in options.corpora:
        labels = load(name)
        print(f"{name:20}{planted(list(labels))}\n{'':20}{natural(labels)}", flush=True)


if __name__ == "__main__":
    main()
