"""Train an encoder on a GPU: this package without and with padding, and the stock Trainer, in one process.

    python benchmarks/gpu.py [--model FOLDER] [--records 4096] [--repeats 3] [--out gpu.json]

The model is one of ModernBERT-base's shape with random weights unless a folder is given: speed does not
depend on their values. Lengths are those of real texts (film reviews of `FEINSCHLIFF_DATA`; otherwise drawn
from a log-normal distribution), token ids are random. The Trainer computes in bfloat16 with each attention
kernel that is installed and several batch sizes, of which the best counts. What a system reaches is given as
a share of the rate measured for plain bfloat16 matrix products. `--device cpu --tiny` shows that it works.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from feinschliff.config import TrainConfig
from feinschliff.encode import Encoded
from feinschliff.models.layers import layers
from feinschliff.models.learner import Learner
from feinschliff.models.load import load_model
from feinschliff.tasks import classification
from feinschliff.train.fit import fit
from feinschliff.train.unpadding import pays

SHAPE: dict[str, Any] = {"attn_implementation": "sdpa", "num_labels": 2}
TINY = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "vocab_size": 1000,
    "pad_token_id": 0,
}
LIMIT = 512
FIRST_ID = 100  # ids below may be special


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path)
    parser.add_argument("--records", type=int, default=4096)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--batch-sizes", default="16,32,64,128")
    parser.add_argument("--micro-batch-tokens", default="16384,65536")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="a tiny model, to try the file")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    device = torch.device(options.device)
    lengths = real_lengths(options.records)
    make = lambda: network(options.model, options.tiny)  # noqa: E731
    vocabulary = make().config.vocab_size
    rng = np.random.default_rng(0)
    ids = [rng.integers(FIRST_ID, vocabulary, n).astype(np.int32) for n in lengths]
    labels = rng.integers(0, 2, len(ids))
    systems: dict[str, Callable[[int], tuple[float, float]]] = {}
    for budget in map(int, options.micro_batch_tokens.split(",")):
        for packed in (True, False):
            kind = "unpadded" if packed else "padded"
            systems[f"feinschliff, {kind}, {budget} tokens at once"] = (
                lambda n, packed=packed, budget=budget: ours(
                    make(), ids[:n], labels[:n], device, packed, budget
                )
            )
    systems["feinschliff, unpadded, layers compiled"] = lambda n: ours(
        compiled(make()), ids[:n], labels[:n], device, True, 16384
    )
    kernels = ["sdpa"] + ["flash_attention_2"] * bool(importlib.util.find_spec("flash_attn"))
    for kernel in kernels:
        for size in map(int, options.batch_sizes.split(",")):
            for grouped in (False, True):
                name = f"Trainer, {kernel}, batch {size}{', grouped by length' if grouped else ''}"
                systems[name] = lambda n, k=kernel, s=size, g=grouped: stock(
                    make(), ids[:n], labels[:n], device, k, s, g
                )
    rate = matrix_rate(device, options.tiny)
    tokens, flops = int(lengths.sum()), training_flops(make(), lengths)
    found: dict[str, Any] = {name: {"seconds": [], "memory_bytes": 0} for name in systems}
    for repeat in range(options.repeats + 1):  # the first round warms up
        for name, train in systems.items():
            if "failed" in found[name]:
                continue
            try:
                seconds, memory = train(len(ids) if repeat else max(64, len(ids) // 8))
            except torch.OutOfMemoryError:
                found[name]["failed"] = "out of memory"
                continue
            if repeat:
                found[name]["seconds"].append(seconds)
                found[name]["memory_bytes"] = max(memory, found[name]["memory_bytes"])
    for row in found.values():
        if row["seconds"]:
            row["tokens_per_second"] = round(tokens / statistics.median(row["seconds"]))
            row["share_of_matrix_rate"] = flops / statistics.median(row["seconds"]) / rate
    show(found, rate)
    facts = {
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "records": len(ids),
        "tokens": tokens,
        "longest": int(lengths.max()),
        "matrix_flops": rate,
        "unpadded_kernel": pays(Learner(None, classification, device, "bfloat16", 0)),
        "systems": found,
    }
    if options.out:
        options.out.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def network(folder: Path | None, tiny: bool) -> Any:
    """Return a classifier of ModernBERT-base's shape, a tiny one, or that of a folder."""
    if folder:
        return load_model(folder, "AutoModelForSequenceClassification", dropout=0.0, num_labels=2)
    torch.manual_seed(0)
    config = transformers.ModernBertConfig(**SHAPE, **(TINY if tiny else {}))
    return transformers.AutoModelForSequenceClassification.from_config(config).float()


def compiled(model: Any) -> Any:
    """Compile each layer for any length."""
    for layer in layers(model):
        layer.forward = torch.compile(layer.forward, dynamic=True)
    return model


def real_lengths(number: int) -> np.ndarray:
    """Return tokens per text: of film reviews if they are at hand, about 1.3 a word."""
    rng = np.random.default_rng(1)
    if "FEINSCHLIFF_DATA" in os.environ:
        from _data import table

        whole = table("reviews")
        assert whole is not None
        words = np.array([len(t.split()) for t in whole.columns["text"].to_pylist()])
        drawn = rng.choice(words, number) * 1.3
    else:
        drawn = rng.lognormal(4.6, 0.8, number)
    return np.clip(drawn, 4, LIMIT).astype(int)


def ours(
    model: Any, ids: list[np.ndarray], labels: np.ndarray, device: torch.device, packed: bool, budget: int
) -> tuple[float, float]:
    """Train one pass; return seconds and the most memory of the device held."""
    starts = np.concatenate([[0], np.cumsum([len(i) for i in ids])])
    number = len(ids)
    full = np.diff(starts).astype(np.int32)
    whole = np.concatenate(ids)
    train = Encoded(whole, starts, np.arange(number, dtype=np.int32), number, None, None, full, LIMIT, 0)
    learner = Learner(model, classification, device, "bfloat16", 0, unpadded=packed)
    settings = TrainConfig(
        epochs=1,
        batch_size=64,
        learning_rate=3e-5,
        head_learning_rate=1e-4,
        layer_decay=1.0,
        micro_batch_tokens=budget,
    )
    objective = classification.objective(labels, 2, settings)
    watch = reset(device)
    fitted = fit(
        learner,
        train,
        labels,
        objective,
        lambda learner: {"score": 0.0, "loss": 0.0},
        settings,
        metric="score",
        seed=0,
        dev=train,
    )
    return fitted.progress.seconds, watch()


def stock(
    model: Any,
    ids: list[np.ndarray],
    labels: np.ndarray,
    device: torch.device,
    kernel: str,
    size: int,
    grouped: bool,
) -> tuple[float, float]:
    """Train one pass with the Trainer, padding each batch to its longest text."""
    model.set_attn_implementation(kernel)
    rows = [
        {"input_ids": torch.from_numpy(i).long(), "labels": int(y)} for i, y in zip(ids, labels, strict=True)
    ]

    def collate(batch: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        texts = [row["input_ids"] for row in batch]
        padded = torch.nn.utils.rnn.pad_sequence(texts, batch_first=True)
        mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(t) for t in texts], batch_first=True)
        return {
            "input_ids": padded,
            "attention_mask": mask,
            "labels": torch.tensor([r["labels"] for r in batch]),
        }

    with tempfile.TemporaryDirectory() as folder:
        arguments = transformers.TrainingArguments(
            output_dir=folder,
            num_train_epochs=1,
            per_device_train_batch_size=size,
            bf16=True,
            use_cpu=device.type == "cpu",
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            logging_strategy="no",
            train_sampling_strategy="group_by_length" if grouped else "random",
        )
        trainer = transformers.Trainer(model, arguments, collate, rows)  # type: ignore[arg-type]
        watch = reset(device)
        begun = time.perf_counter()
        trainer.train()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - begun, watch()


def reset(device: torch.device) -> Callable[[], float]:
    """Begin to watch the memory of a device; the function returned says how much was held at most."""
    if device.type != "cuda":
        return lambda: 0.0
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    return torch.cuda.max_memory_allocated


def matrix_rate(device: torch.device, tiny: bool) -> float:
    """Return floating-point operations a second of large bfloat16 matrix products: the best of ten."""
    size = 256 if tiny else 8192
    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    best = 0.0
    for _ in range(10):
        if device.type == "cuda":
            torch.cuda.synchronize()
        begun = time.perf_counter()
        a @ b
        if device.type == "cuda":
            torch.cuda.synchronize()
        best = max(best, 2 * size**3 / (time.perf_counter() - begun))
    return best


def training_flops(model: Any, lengths: np.ndarray) -> float:
    """Return the operations of the matrix products of one pass, forward and backward, padding not counted.

    Six for each weight of the layers and token, and 12 for each pair of tokens that see each other, layer and
    number of the hidden state.
    """
    config = model.config
    weights = sum(p.numel() for layer in layers(model) for p in layer.parameters() if p.ndim == 2)
    reach = [
        2 * config.sliding_window + 1 if kind == "sliding_attention" else LIMIT + 1
        for kind in getattr(config, "layer_types", ["full"] * config.num_hidden_layers)
    ]
    pairs = sum(float((lengths * np.minimum(lengths, r)).sum()) for r in reach)
    return 6.0 * weights * float(lengths.sum()) + 12.0 * config.hidden_size * pairs


def show(found: dict[str, Any], rate: float) -> None:
    best = max(
        (r.get("tokens_per_second", 0) for n, r in found.items() if n.startswith("Trainer")), default=0
    )
    print(f"bfloat16 matrix products: {rate / 1e12:.2f} TFLOP/s")
    print("| system | tokens/s | of the matrix rate | memory | against the best Trainer |")
    print("|---|---|---|---|---|")
    for name, row in found.items():
        if "tokens_per_second" not in row:
            print(f"| {name} | {row.get('failed', '-')} | | | |")
            continue
        speed, memory = row["tokens_per_second"], row["memory_bytes"] / 2**30
        against = f"{speed / best:.2f}" if best else ""
        print(f"| {name} | {speed:,} | {row['share_of_matrix_rate']:.0%} | {memory:.1f} GiB | {against} |")


if __name__ == "__main__":
    main()
