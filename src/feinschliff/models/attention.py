"""Which of the attention kernels to use for a batch."""

from __future__ import annotations

from typing import Any

from feinschliff.models import long_attention

SHORT_TOKENS = 256
"""Up to here plain matrix products beat the fused attention kernel on CPUs; see docs/experiments.md."""


def choose_attention(model: Any, device_type: str, length_tokens: int) -> None:
    """Use the kernel that is fastest for this length.

    On CPUs plain products for short texts, `long_attention` for others; elsewhere SDPA. Models whose
    attention does not go through transformers' interface keep their own.
    """
    if not getattr(model, "_supports_sdpa", False):
        return
    wanted = "sdpa"
    if device_type == "cpu":
        wanted = "eager" if length_tokens <= SHORT_TOKENS else _for_long(model)
    if model.config._attn_implementation != wanted:
        model.set_attn_implementation(wanted)


def _for_long(model: Any) -> str:
    if not getattr(model, "_supports_attention_backend", False):
        return "sdpa"
    long_attention.register()
    return long_attention.NAME
