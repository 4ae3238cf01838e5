"""What `feinschliff models --probe` measured on this machine, in the user's cache folder."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

import torch


def file() -> Path:
    """Return where it is kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "feinschliff" / "probe.json"


def facts(device: torch.device) -> dict[str, Any]:
    """Return what a measurement holds for: processor or graphics card, threads, torch, device."""
    return {
        "machine": _name(device),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "device": str(device),
    }


def recall(device: torch.device) -> dict[str, Any] | None:
    """Return what was measured on this device of this machine, see `machine.probe`; None if nothing was."""
    try:
        tree = json.loads(file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    known = isinstance(tree, dict) and all(tree.get(n) == value for n, value in facts(device).items())
    return tree if known else None


def _name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    names = Path("/proc/cpuinfo")
    if names.is_file():
        for line in names.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
