"""Which device and number format to compute with."""

from __future__ import annotations

import platform

import torch

from feinschliff.errors import ConfigError
from feinschliff.models.measured import recall

X86 = ("x86_64", "amd64", "i386", "i686")


def resolve_device(name: str) -> torch.device:
    """Return the device a setting names; `auto` takes CUDA, then MPS, then the CPU.

    Raises:
        ConfigError: no such device, or torch sees none.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device is None or device.type not in available:
        raise ConfigError(
            f"there is no device '{name}'", where="train.device", allowed="auto, cpu, cuda, cuda:1, mps"
        )
    if device.type == "cuda" and available["cuda"] and (device.index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise ConfigError(f"there is no device '{name}'", where="train.device", allowed=f"{count} were found")
    if not available[device.type]:
        raise ConfigError(
            f"torch sees no {device.type} device here", where="train.device", hint="Use auto or cpu"
        )
    return device


def resolve_precision(setting: str, device: torch.device) -> str:
    """Return `float32`, `bfloat16` or `float16`.

    `auto` means bfloat16 where hardware multiplies it (CUDA from Ampere on, x86 with AVX512-BF16 or AMX),
    float32 on other x86, where emulated bfloat16 is some ten times slower. Elsewhere nothing tells, and it
    means what `feinschliff models --probe` measured to be the fastest, or float32 before that. A run saves
    what it took, so that its configuration repeats it whatever is measured later.
    """
    if setting != "auto":
        if setting == "float16" and device.type != "cuda":
            raise ConfigError(
                "float16 needs a CUDA device", where="train.precision", allowed="auto, float32, bfloat16"
            )
        return setting
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
    if device.type == "cpu" and platform.machine().lower() in X86:
        return "bfloat16" if _cpu_has_bfloat16() else "float32"
    return (recall(device) or {"best": "float32"})["best"]


def _cpu_has_bfloat16() -> bool:
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Return the context in which a forward pass computes in `precision`."""
    dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[precision]
    return torch.autocast(device.type, dtype=dtype, enabled=precision != "float32")
