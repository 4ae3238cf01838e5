"""Measure on this machine what a training step takes in each number format, with each attention.

The rules of `precision.py` and `models/attention.py` come from measurements on some machines; this is the
check on the one at hand. Two layers of MiniLM's shape are trained for some steps on random tokens; the result
is kept in the user's cache folder until torch or the machine changes.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

import torch

from feinschliff.models import measured
from feinschliff.models.precision import autocast, resolve_precision

LENGTHS = (32, 128, 512)
"""Tokens of a text; a batch has `BATCH_TOKENS`."""
BATCH_TOKENS = 4096
STEPS = 3
SLOW_SECONDS = 5.0
"""A single step that takes longer is not repeated: an emulated number format, for one."""


def probe(device: torch.device, again: bool = False) -> dict[str, Any]:
    """Return what was measured, from the cache if this machine was measured before.

    Args:
        again: Measure anyway.

    Returns:
        `machine`, `threads`, `torch`, `device`; `rows`, each with `precision`, `attention`, `length_tokens`
        and `tokens_per_second`; `chosen`, the number format that `auto` takes here, and `best`, the one
        measured to be the fastest over all lengths; `cached`.
    """
    facts, file = measured.facts(device), measured.file()
    if not again and (known := measured.recall(device)):
        return known | {"chosen": resolve_precision("auto", device), "cached": True}
    rows = []
    for precision in _formats(device):
        for attention in ("eager", "sdpa"):
            for length in LENGTHS:
                speed = _measure(device, precision, attention, length)
                rows.append(
                    {
                        "precision": precision,
                        "attention": attention,
                        "length_tokens": length,
                        "tokens_per_second": round(speed),
                    }
                )
    found = facts | {
        "rows": rows,
        "best": min(_formats(device), key=lambda precision: _seconds(rows, precision)),
    }
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(f".{os.getpid()}.part")
        part.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        part.replace(file)
    except OSError:
        pass  # a cache that cannot be written costs a minute next time
    return found | {"chosen": resolve_precision("auto", device), "cached": False}


def _seconds(rows: list[dict[str, Any]], precision: str) -> float:
    """Return what a token of each length takes together, each with the attention that is fastest for it."""
    total = 0.0
    for length in LENGTHS:
        mine = [r for r in rows if (r["precision"], r["length_tokens"]) == (precision, length)]
        total += 1.0 / max(float(r["tokens_per_second"]) for r in mine)
    return total


def _formats(device: torch.device) -> tuple[str, ...]:
    return ("float32", "bfloat16") + ("float16",) * (device.type == "cuda")


def _measure(device: torch.device, precision: str, attention: str, length: int) -> float:
    """Return tokens per second of forward and backward passes: the fastest of some."""
    import transformers

    shape: dict[str, Any] = dict(
        vocab_size=1000,
        hidden_size=384,
        num_hidden_layers=2,
        num_attention_heads=12,
        intermediate_size=1536,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        attn_implementation=attention,
    )
    config = transformers.BertConfig(**shape)
    torch.manual_seed(0)
    model: Any = transformers.BertModel(config, add_pooling_layer=False)
    model.to(device)
    ids = torch.randint(1000, (max(1, BATCH_TOKENS // length), length), device=device)
    mask = torch.ones_like(ids)
    mask[:, -1] = 0
    best = 0.0
    for step in range(STEPS + 1):  # the first warms up
        begun = time.perf_counter()
        with autocast(device, precision):
            hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
        hidden.float().square().mean().backward()
        _wait(device)
        seconds = time.perf_counter() - begun
        if step or seconds > SLOW_SECONDS:
            best = max(best, ids.numel() / seconds)
        if seconds > SLOW_SECONDS:
            break
    return best


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
