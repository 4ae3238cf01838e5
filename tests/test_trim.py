"""What is free goes back to the system."""

import ctypes
import sys
from pathlib import Path

import pytest

from feinschliff.memory import trim


def resident_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the C library has no malloc_trim")
def test_trim_returns_what_lies_free_between_what_is_used():
    blocks = [bytes(1000) for _ in range(200_000)]  # 190 MiB, one block after the other
    kept = blocks[::100]
    full = resident_mib()
    del blocks
    trim()
    assert full - resident_mib() > 100
    assert kept[-1] == bytes(1000)
