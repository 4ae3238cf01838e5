"""Which of transformers' attention kernels to use for a batch."""

from __future__ import annotations

from typing import Any

SHORT_TOKENS = 256
"""Up to here plain matrix products beat the fused attention kernel on CPUs; see docs/experiments.md."""


def choose_attention(model: Any, device_type: str, length_tokens: int) -> None:
    """Use the kernel that is fastest for this length: plain products for short texts on CPUs, else SDPA.

    Models whose attention does not go through transformers' interface keep their own.
    """
    wanted = "eager" if device_type == "cpu" and length_tokens <= SHORT_TOKENS else "sdpa"
    if getattr(model, "_supports_sdpa", False) and model.config._attn_implementation != wanted:
        model.set_attn_implementation(wanted)
