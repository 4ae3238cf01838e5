"""Measure intervals and paired tests where texts of one group err together: drawn by text, and by group.

    python benchmarks/grouped.py [--repeats 150]

400 made test texts of three labels stand in groups. Each group has an accuracy of its own for each of two
systems, drawn from a beta distribution with the mean .8 (strength 5: groups differ much; 50: little), so that
both are equally good on groups to come. It is counted how often intervals of accuracy and of macro F1 hold
.8, how often the interval of the difference in macro F1 holds 0, and how often the test calls it significant
(p < 0.05).
"""

from __future__ import annotations

import argparse

import numpy as np

from feinschliff.evaluate import Predictions, compare, intervals, statistics

LABELS, TEXTS, TRUTH, SAMPLES = ("a", "b", "c"), 400, 0.8, 300


def main() -> None:
    """Print a row for each strength and number of groups."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=150)
    options = parser.parse_args()
    print("strength groups  drawn   accuracy macro_f1 difference  false alarms")
    for strength in (5, 50):
        for num_groups in (3, 5, 10, 20, 40):
            random = np.random.default_rng([strength, num_groups])
            found = np.array([_once(random, strength, num_groups) for _ in range(options.repeats)]).mean(0)
            for drawn, rates in zip(("texts", "groups"), found, strict=True):
                shown = "   ".join(f"{rate:.3f}" for rate in rates)
                print(f"{strength:8} {num_groups:6}  {drawn:6}  {shown}", flush=True)


def _once(random: np.random.Generator, strength: float, num_groups: int) -> list[list[bool]]:
    groups = np.arange(TEXTS) % num_groups
    true = random.integers(0, len(LABELS), TEXTS)
    targets = [LABELS[i] for i in true]
    systems = [_predict(random, true, groups, strength, num_groups) for _ in range(2)]
    rates = []
    for drawn in (None, [str(group) for group in groups]):
        a, b = (statistics("classification", targets, each, drawn) for each in systems)
        found, gap = intervals(a, SAMPLES), compare(a, b, "macro_f1", SAMPLES)
        held = [found[name].low <= TRUTH <= found[name].high for name in ("accuracy", "macro_f1")]
        rates.append([*held, gap.low <= 0 <= gap.high, gap.p_value < 0.05])
    return rates


def _predict(
    random: np.random.Generator, true: np.ndarray, groups: np.ndarray, strength: float, num_groups: int
) -> Predictions:
    accuracy = random.beta(TRUTH * strength, (1 - TRUTH) * strength, num_groups)[groups]
    wrong = (true + random.integers(1, len(LABELS), TEXTS)) % len(LABELS)
    return Predictions("classification", LABELS, np.where(random.random(TEXTS) < accuracy, true, wrong))


if __name__ == "__main__":
    main()
