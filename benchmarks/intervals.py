"""Measure whether intervals cover the truth and paired tests raise false alarms as often as they say.

    FEINSCHLIFF_DATA=folder python benchmarks/intervals.py [data ...] [--sizes 100,300 --repeats 1000 --brief]

TF-IDF trained on all of train and on half of it predict a real test set. That set is
taken for the whole population, whose metrics are therefore known. Test sets of each size are drawn from it
again and again; from each, intervals are computed, and it is counted how often they hold the known value. The
rows called `shipped` are what the package itself does; the others are the methods it was chosen among
(`wilson`: with as many trials as would have the variance of the resamples; `less bias`: that, about the value
less its bias). Beside the rates stand mean widths. `--brief` measures the intervals of the package alone: no
differences, tests or other methods.

For the paired test, each drawn record's two predictions are swapped by a coin: two systems that are equally
good and disagree as real ones do. It is counted how often a test set says they differ (p < 0.05).
"""

from __future__ import annotations

import argparse
import os
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.sparse import diags_array
from scipy.special import ndtr, ndtri

from feinschliff import registry
from feinschliff.config import load_config
from feinschliff.data import Dataset, prepare
from feinschliff.evaluate import Predictions, Statistics, compare, intervals, metrics, statistics
from feinschliff.evaluate.bootstrap import resamples
from feinschliff.evaluate.interval import wilson

DATA = {
    "reviews": ("reviews/train.csv", "reviews/test.csv", "accuracy macro_f1"),
    "products": ("products/train.csv", "products/test.csv", "accuracy macro_f1"),
    "banking77": ("intents_banking77/train.csv", "intents_banking77/test.csv", "accuracy macro_f1"),
    "clauses": ("legal/clauses/train.jsonl", "legal/clauses/test.jsonl", "accuracy macro_f1"),
    "unfair_tos": ("legal/unfair_tos/en_train.jsonl", "legal/unfair_tos/en_test.jsonl", "micro_f1 macro_f1"),
    "wnut17": ("ner_wnut17/train.conll", "ner_wnut17/test.conll", "entity_f1 macro_entity_f1"),
    "ler": ("legal/ler_de/train.conll", "legal/ler_de/test.conll", "entity_f1 macro_entity_f1"),
}
LEVEL = 0.95


def systems(name: str) -> tuple[Dataset, Predictions, Predictions]:
    """Return a data set, and what a stronger and a weaker system predict for its test split."""
    train, test, _ = DATA[name]
    folder = Path(os.environ["FEINSCHLIFF_DATA"])
    config = load_config(values={"data.train": str(folder / train), "data.test": str(folder / test)})
    dataset = prepare(config)
    part = np.random.default_rng(0).permutation(len(dataset.train))[: len(dataset.train) // 2]
    half = Dataset(**{**dataset.__dict__, "train": dataset.train.take(np.sort(part))})
    tfidf = registry.load("baselines", "tfidf")
    strong, weak = (tfidf.fit(d, config, None).predict(dataset.test) for d in (dataset, half))
    return dataset, strong, weak


def pick(stats: Statistics, rows: np.ndarray) -> Statistics:
    """Return the statistics of a drawn test set; rank metrics are left out."""
    return replace(stats, per_example=stats.per_example[rows], ranked=None)


def ends(values: np.ndarray, value: float, jackknife: np.ndarray) -> dict[str, tuple[float, float]]:
    """Return the interval by each method.

    Source: B. Efron, R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 13 and 14.
    """
    tails = np.array([(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    low, high = np.quantile(values, tails)
    below = np.clip(np.mean(values < value) + np.mean(values == value) / 2, 1e-4, 1 - 1e-4)
    shift = ndtri(below)
    away = jackknife.mean() - jackknife
    bend = (away**3).sum() / (6 * max((away**2).sum(), 1e-30) ** 1.5)
    moved = shift + ndtri(tails)
    first, last = np.quantile(values, ndtr(shift + moved / (1 - bend * moved)))
    return {
        "percentile": (low, high),
        "basic": (2 * value - high, 2 * value - low),
        "bca": (first, last),
    }


def without_each(stats: Statistics) -> dict[str, np.ndarray]:
    """Return every metric without each example in turn, float64 [N]."""
    rows = stats.per_example.toarray()
    return stats.finish(rows.sum(0) - rows)


def swapped(a: Statistics, b: Statistics, samples: int, seed: int) -> dict[str, np.ndarray]:
    """Return the differences of every metric when each pair of predictions is swapped by a coin.

    Source: E. Noreen, "Computer-Intensive Methods for Testing Hypotheses", 1989.
    """
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(samples, len(a)))
    middle = np.asarray((a.per_example + b.per_example).sum(0)).ravel() / 2
    moved = np.asarray(signs @ ((a.per_example - b.per_example) / 2))
    first, second = a.finish(middle + moved), a.finish(middle - moved)
    return {name: first[name] - second[name] for name in first}


def share_beyond(values: np.ndarray, seen: float) -> float:
    """Return the p-value: how many values are at least as far from 0 as the one seen."""
    return float((np.sum(np.abs(values) >= abs(seen) - 1e-12) + 1) / (len(values) + 1))


def tail_test(values: np.ndarray) -> float:
    """Return the p-value that belongs to the percentile interval of a difference."""
    tail = min((values <= 0).sum(), (values >= 0).sum())
    return min(1.0, 2 * float(tail + 1) / (len(values) + 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", nargs="*", default=list(DATA))
    parser.add_argument("--sizes", default="100,300,1000")
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--brief", action="store_true", help="only the intervals of the package")
    options = parser.parse_args()
    for name in options.data:
        begun = time.process_time()
        dataset, strong, weak = systems(name)
        population = [statistics(dataset.kind, dataset.test.targets, p) for p in (strong, weak)]
        print(f"{name}: {len(dataset.test)} records, {time.process_time() - begun:.0f} s to prepare")
        for size in map(int, options.sizes.split(",")):
            for metric, counts in simulate(*population, DATA[name][2].split(), size, options).items():
                shown = "  ".join(f"{key} {np.mean(hits):.3f}" for key, hits in counts.items())
                print(f"  n={size} {metric}: {shown}", flush=True)


def simulate(
    strong: Statistics, weak: Statistics, names: list[str], size: int, options: argparse.Namespace
) -> dict[str, dict[str, list[float]]]:
    """Return, by metric and method, whether each test set's interval held the truth, or raised an alarm.

    `width` and `width of difference` are those of the package's intervals.
    """
    found: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in names}
    true, other = (metrics(pick(s, np.arange(len(s)))) for s in (strong, weak))
    weights = np.concatenate(list(resamples(size, options.samples, 0)))
    for repeat in range(options.repeats):
        random = np.random.default_rng(repeat)
        drawn = random.integers(0, len(strong), size)
        a, b = pick(strong, drawn), pick(weak, drawn)
        coin = diags_array((random.random(size) < 0.5).astype(np.float64))
        moved = coin @ (b.per_example - a.per_example)
        c = replace(a, per_example=a.per_example + moved)
        d = replace(a, per_example=b.per_example - moved)
        for name, own in intervals(a, options.samples, LEVEL, repeat).items():
            if name in found:
                found[name]["shipped"].append(own.low - 1e-12 <= true[name] <= own.high + 1e-12)
                found[name]["width"].append(own.high - own.low)
        if options.brief:
            continue
        for name, counts in found.items():
            gap, apiece = true[name] - other[name], compare(a, b, name, options.samples, LEVEL, repeat)
            counts["shipped difference"].append(apiece.low - 1e-12 <= gap <= apiece.high + 1e-12)
            chanced = compare(c, d, name, options.samples, LEVEL, repeat)
            counts["shipped alarm"].append(chanced.p_value < 1 - LEVEL)
            counts["width of difference"].append(apiece.high - apiece.low)
        one, two, apart, there = metrics(a), metrics(b), without_each(a), without_each(b)
        first, second, third, fourth = (each.of(weights) for each in (a, b, c, d))
        chance = swapped(c, d, options.samples, repeat)
        seen = {name: metrics(c)[name] - metrics(d)[name] for name in names}
        for name, counts in found.items():
            gap = true[name] - other[name]
            for method, (low, high) in ends(first[name], one[name], apart[name]).items():
                counts[method].append(low - 1e-12 <= true[name] <= high + 1e-12)
            spread = max(float(first[name].std()), 1e-9)
            for method, middle in (("wilson", one[name]), ("less bias", 2 * one[name] - first[name].mean())):
                middle = min(max(middle, 0.0), 1.0)
                trials = middle * (1 - middle) / spread**2 or size
                score = wilson(middle * trials, trials, LEVEL)
                counts[method].append(score.low <= true[name] <= score.high)
            drifts = first[name] - second[name], one[name] - two[name], apart[name] - there[name]
            for method, (low, high) in ends(*drifts).items():
                counts[f"difference {method}"].append(low - 1e-12 <= gap <= high + 1e-12)
            values = third[name] - fourth[name]
            alarms = {
                "tail": tail_test(values),
                "shifted": share_beyond(values - seen[name], seen[name]),
                "swap": share_beyond(chance[name], seen[name]),
            }
            for method, p_value in alarms.items():
                counts[f"alarm {method}"].append(p_value < 1 - LEVEL)
    return found


if __name__ == "__main__":
    main()
