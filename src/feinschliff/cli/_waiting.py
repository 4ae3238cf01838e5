"""How threads wait for each other: spinning where the machine is idle, asleep where it is busy.

A spinning thread takes the core from the thread it waits for when other programs want the cores too: a
training on two busy cores took five times as long. On an idle machine sleeping costs some per cent, so that
spinning stays the default there; docs/experiments.md has the numbers.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

SAMPLES = 5
SECONDS_BETWEEN = 0.004
BUSY_SHARE = 0.4
"""Share of the cores that other programs are computing on from which the machine counts as busy."""
SPINS = "1000"


def wait_as_fits() -> None:
    """Let threads that torch starts later sleep while they wait, if others are computing now.

    What the user has set by `OMP_WAIT_POLICY` or `GOMP_SPINCOUNT` stays. It changes no result.
    """
    if os.environ.keys() & {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}:
        return
    if others_computing() >= BUSY_SHARE * (os.cpu_count() or 1):
        os.environ["GOMP_SPINCOUNT"] = SPINS


def others_computing() -> float:
    """Return how many other threads want a core, averaged over some samples; 0 where Linux does not tell."""
    found = []
    for number in range(SAMPLES):
        if number:
            time.sleep(SECONDS_BETWEEN)
        try:
            running = Path("/proc/loadavg").read_text(encoding="ascii").split()[3].partition("/")[0]
        except OSError:
            return 0.0
        found.append(int(running) - 1)  # one of them reads this
    return sum(found) / SAMPLES
