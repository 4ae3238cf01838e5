"""Measure the energy of a training with CodeCarbon, without any network.

Graphics cards and processors with power counters are read; where a processor has none, or they may not be
read, CodeCarbon multiplies its rated power with its load. So the number is a measurement on some machines and
an estimate on others.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from feinschliff.errors import MissingExtraError

COUNTRY = "DEU"
"""CodeCarbon wants one for the carbon of the electricity, which is not used."""


@dataclass
class Meter:
    """What was measured: kilowatt hours of processor, memory and graphics cards; None if nothing was."""

    kwh: float | None = None


def require_meter(wanted: bool) -> None:
    """Raise a MissingExtraError when the package is wanted and not there."""
    if wanted and importlib.util.find_spec("codecarbon") is None:
        raise MissingExtraError("measuring energy (train.energy)", "energy")


@contextmanager
def metered(wanted: bool) -> Iterator[Meter]:
    """Measure within the context, if wanted."""
    meter = Meter()
    if not wanted:
        yield meter
        return
    require_meter(wanted)
    from codecarbon import OfflineEmissionsTracker

    logging.getLogger("codecarbon").disabled = True
    tracker = OfflineEmissionsTracker(
        country_iso_code=COUNTRY, save_to_file=False, log_level="critical", allow_multiple_runs=True
    )
    tracker.start()
    try:
        yield meter
    finally:
        tracker.stop()
        meter.kwh = tracker.final_emissions_data.energy_consumed
