"""Measure whether calibration helps on texts it was not fitted to, and whether promised coverage is kept.

    FEINSCHLIFF_DATA=folder python benchmarks/calibration.py [data ...] [--rows 600 --test-rows 600 --seeds 1]

A model is tuned on random rows of each data set with the package's defaults; scaling and the threshold of
possible labels are fitted on dev. Printed for the test rows: the expected calibration error before and after
(corrected for its bias), Brier's score before and after, and how often the truth was among the possible
labels, with its 95 % interval, against the coverage promised.
"""

from __future__ import annotations

import argparse
import tempfile

from _data import SOURCES, columns, sample, table
from feinschliff.api import configure
from feinschliff.pipeline import run

DATA = ("reviews", "banking77", "products", "clauses", "youtube", "sms")
COVERAGE = 0.9


def measure(name: str, rows: int, test_rows: int, seed: int) -> bool:
    """Print what is found in one data set; return whether the calibration error did not rise."""
    train, test = table(name), table(name, "test")
    assert train is not None
    tables = {"train": sample(train, rows if test is not None else rows + test_rows, seed)}
    if test is not None:
        tables["test"] = sample(test, test_rows, seed)
    with tempfile.TemporaryDirectory() as folder:
        quick = {"evaluate.baselines": (), "evaluate.explain_texts": 0, "evaluate.robustness_texts": 0}
        settings = {"output_dir": f"{folder}/run", "seed": seed, "decide.coverage": COVERAGE, **quick}
        result = run(configure(None, {**settings, **columns(name), "data.dev_share": 0.2}), tables=tables)
    found = result["calibration"]
    assert found is not None
    before, after = found["before"], found["after"]
    possible = (result["decisions"] or {}).get("possible")
    sizes = result["data"]["splits"]
    print(
        f"{name:10} seed {seed} dev {sizes['dev']:4} test {sizes['test']:4} {found.get('method', ''):12} "
        f"ECE {before['ece']:.3f} -> {after['ece']:.3f}  "
        f"Brier {before['brier']:.3f} -> {after['brier']:.3f}  "
        f"{_covered(possible)}",
        flush=True,
    )
    return after["ece"] <= before["ece"]


def _covered(possible: dict | None) -> str:
    """Say how often the sets of possible labels hold the truth, and how many labels they hold."""
    if not possible:
        return f"no promise of {COVERAGE}"
    held, sizes = possible["measured"], possible["sizes"]
    mean = sum(n * count for n, count in enumerate(sizes, 1)) / sum(sizes)
    ends = f"({held['low']:.3f} to {held['high']:.3f})"
    return f"coverage {held['value']:.3f} {ends} with {mean:.1f} labels, promised {COVERAGE}"


def main() -> None:
    """Measure the data sets named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", nargs="*", default=DATA, choices=[*SOURCES, *DATA])
    parser.add_argument("--rows", type=int, default=600)
    parser.add_argument("--test-rows", type=int, default=600)
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    fell = [
        measure(name, options.rows, options.test_rows, seed)
        for name in options.data
        for seed in range(options.seeds)
    ]
    print(f"the calibration error did not rise in {sum(fell)} of {len(fell)}")


if __name__ == "__main__":
    main()
