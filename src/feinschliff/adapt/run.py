"""An adaptation, from raw texts to a base model: the order of its stages."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from feinschliff import __version__
from feinschliff.adapt.corpus import gather, texts_of
from feinschliff.adapt.defaults import choose_objective, resolve
from feinschliff.adapt.learn import learn
from feinschliff.adapt.measure import change
from feinschliff.config import RunConfig, dump_config
from feinschliff.errors import ConfigError, ModelError, ResourceError
from feinschliff.train.events import Listener, Notice, Stage, ignore

MOST_WINDOWS = {"dev": 2, "test": 4, "general": 4}
"""Windows of a document that are measured, evenly spread."""


def run(
    config: RunConfig,
    corpus: Sequence[Any] | None = None,
    *,
    listen: Listener = ignore,
    resume: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Adapt a model to raw texts, measure held-out documents before and after, and save it.

    Args:
        config: The adaptation; its output folder must be named.
        corpus: Texts in memory, instead of the sources in `config.adapt.corpus`.
        resume: Go on from the checkpoints in the output folder.
        overwrite: Replace an earlier run there.

    Returns:
        The content of `result.json`.

    Raises:
        FeinschliffError: see its kinds.
    """
    from feinschliff import registry
    from feinschliff.encode.blocks import document_blocks, train_blocks
    from feinschliff.models import load as loading
    from feinschliff.models.digest import weights_digest
    from feinschliff.report import run_folder
    from feinschliff.report.result import plain, write_text
    from feinschliff.train.precision import resolve_device, resolve_precision
    from feinschliff.train.processes import refuse_several

    begun = time.perf_counter()
    refuse_several("feinschliff adapt")
    if not config.output_dir:
        raise ConfigError(
            "no folder for the adapted model is named", where="output_dir", hint="--output-dir DIR"
        )
    output = run_folder.choose(config, resume, overwrite)
    listen(Stage("data"))
    folder = loading.locate(config.model.source, config.model.revision)
    texts = gather(config.adapt.corpus if corpus is None else corpus, config)
    for note in texts.notes:
        listen(Notice(note))
    counts = texts.facts["documents"]
    listen(
        Notice(
            f"{counts['train']:,} documents to learn from, {counts['dev']:,} to stop by, "
            f"{counts['test']:,} to measure; {texts.facts['exact_duplicates']:,} repetitions and "
            f"{texts.facts['near_duplicates']:,} near repetitions left out."
        )
    )
    with run_folder.made(output, resume):
        listen(Stage("model", config.model.source))
        tokenizer = loading.load_tokenizer(folder)
        name = choose_objective(config.adapt.objective, folder, tokenizer)
        objective = registry.load("objectives", name)
        network, head_is_new = objective.load(folder, tokenizer, config.train.dropout or 0.0, config.seed)
        loading.match_inputs(tokenizer, network)
        limit = loading.max_length(loading.load_config(folder), tokenizer, None)
        length = min(config.adapt.block_tokens, limit)
        backbone = sum(p.numel() for p in network.base_model.parameters())
        backbone -= network.get_input_embeddings().weight.numel()
        config = config.model_copy(
            update={
                "train": resolve(config.train, backbone),
                "adapt": config.adapt.model_copy(update={"objective": name}),
                "output_dir": str(output),
            }
        )
        write_text(output / "config.yaml", dump_config(config))
        train = train_blocks(tokenizer, texts.train, length)
        parts = {"dev": texts.dev, "test": texts.test}
        if config.adapt.general:
            parts["general"] = texts_of(config.adapt.general, config)
        measured = {n: document_blocks(tokenizer, p, length, MOST_WINDOWS[n]) for n, p in parts.items()}
        found = learn(
            config,
            objective,
            network,
            tokenizer,
            train,
            measured,
            head_is_new=head_is_new,
            identity=texts.fingerprint + weights_digest(folder),
            checkpoints=output / run_folder.CHECKPOINTS,
            listen=listen,
        )
        device = resolve_device(config.train.device)
        progress = found.fitted.progress
        changes = {n: change(found.before[n], found.after[n], config.evaluate, config.seed) for n in measured}
        result = {
            "schema": 1,
            "kind": "adaptation",
            "feinschliff": __version__,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "objective": objective.TITLE,
            "model": {"source": config.model.source, "head_is_new": head_is_new, "pieces": found.pieces},
            "data": {"fingerprint": texts.fingerprint, **texts.facts, "blocks": train.num_records},
            "losses": changes,
            "training": {
                "curve": progress.curve,
                "best_step": progress.best_step,
                "stopped": found.fitted.stopped,
                "settings": config.train.model_dump(mode="json"),
            },
            "cost": {"train_seconds": progress.seconds, "tokens": progress.tokens},
            "environment": {
                "device": str(device),
                "precision": resolve_precision(config.train.precision, device),
            },
            "config": config.model_dump(mode="json"),
        }
        save(network, tokenizer, folder, output / "model")
        if texts.removed:
            run_folder.write_rows(output / "removed.jsonl", texts.removed)
        result["duration_seconds"] = time.perf_counter() - begun
        import json

        write_text(output / "result.json", json.dumps(plain(result), ensure_ascii=False, indent=1) + "\n")
        if not config.train.keep_checkpoints:
            shutil.rmtree(output / run_folder.CHECKPOINTS, ignore_errors=True)
    return plain(result)


def save(network: Any, tokenizer: Any, base: Path, folder: Path) -> None:
    """Write the adapted model, whole or not at all, as a folder that plain transformers read.

    A pooler of the base, which a language model has no use for, is kept with it.

    Raises:
        ModelError: a weight does not survive saving and loading.
        ResourceError: it cannot be written.
    """
    import torch
    from safetensors import SafetensorError, safe_open

    from feinschliff.models import load as loading
    from feinschliff.train.checkpoint import reason

    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    tensors = {name: tensor.detach().cpu() for name, tensor in network.state_dict().items()}
    own = "" if network.base_model is network else f"{network.base_model_prefix}."
    for file in base.glob("*.safetensors"):
        with safe_open(file, "pt") as stored:
            for name in stored.keys():  # noqa: SIM118  (not a dictionary)
                if ".pooler." in f".{name}":
                    tensors.setdefault(f"{own}{name.removeprefix(own)}", stored.get_tensor(name).float())
    try:
        part.mkdir(parents=True)
        loading.quietly(lambda: network.save_pretrained(part, state_dict=tensors))
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
        tokenizer.save_pretrained(part)
        again = loading.load_model(part, "AutoModel").state_dict()
        for name, tensor in network.base_model.state_dict().items():
            if name not in again or not torch.equal(again[name], tensor.cpu()):
                raise ModelError(f"weight '{name}' does not survive saving and loading", where=str(folder))
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
    except (OSError, SafetensorError) as error:
        raise ResourceError(f"the model cannot be written: {reason(error)}", where=str(folder)) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
