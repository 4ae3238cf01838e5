"""An adaptation, from raw texts to a base model: the order of its stages."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from feinschliff import __version__
from feinschliff.adapt.corpus import Corpus
from feinschliff.adapt.learn import learn
from feinschliff.adapt.measure import change
from feinschliff.adapt.neighbours import Words, terms
from feinschliff.adapt.prepare import prepare, read_texts
from feinschliff.adapt.probe import labelled, probe, scored_texts
from feinschliff.adapt.save import save
from feinschliff.adapt.vocabulary import count_words
from feinschliff.config import RunConfig, TrainConfig, dump_config
from feinschliff.errors import ConfigError, DataError, counted
from feinschliff.models.digest import weights_digest
from feinschliff.models.locate import locate
from feinschliff.report import run_folder
from feinschliff.report.schema import SCHEMA
from feinschliff.train.events import Listener, Notice, Stage, ignore
from feinschliff.train.processes import alone, processes, together
from feinschliff.train.sharding import asked

UNUSED = ("seeds", "loss", "label_smoothing", "class_weights", "trackers", "energy")
"""Settings of training that an adaptation has no use for."""


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
        The content of `result.json`. Where a launcher started several processes, only the first one writes
        and has a result; the others help it to learn, and get an empty one.

    Raises:
        FeinschliffError: see its kinds.
    """
    with together() as crew:
        if crew.is_first:
            _check(config)
            with run_folder.chosen(config, resume, overwrite, "adapt") as output:
                named = config.model_copy(update={"output_dir": str(output)})
                return _run(named, corpus, listen, resume, output)
        _assist(corpus)
        return {}


def _check(config: RunConfig) -> None:
    """Refuse settings that an adaptation cannot follow."""
    if not config.output_dir:
        raise ConfigError(
            "no folder for the adapted model is named", where="output_dir", hint="--output-dir DIR"
        )
    if len(config.adapt.probe) not in (0, 2):
        raise ConfigError(
            f"{len(config.adapt.probe)} files are named", where="adapt.probe", allowed="Two: TRAIN and TEST"
        )
    for name in UNUSED:
        if getattr(config.train, name) != TrainConfig.model_fields[name].default:
            raise ConfigError("has no effect on adapt", where=f"train.{name}", hint="Leave it out")
    if asked(config.train) == "full":
        raise ConfigError(
            "adapt does not share a model out",
            where="train.sharding",
            allowed="none, with several processes too",
        )


def _run(
    config: RunConfig, corpus: Sequence[Any] | None, listen: Listener, resume: bool, output: Path
) -> dict[str, Any]:
    from feinschliff.models.precision import resolve_device
    from feinschliff.report.adaptation import page
    from feinschliff.report.result import plain, write_text

    begun = time.perf_counter()
    listen(Stage("data"))
    locate(config.model.source, config.model.revision)  # before anything that takes its time
    task = labelled(config, *config.adapt.probe) if config.adapt.probe else None
    apart = scored_texts(task[1]) if task else {}
    texts, watched, extra = read_texts(config, corpus, apart)
    _tell(texts, listen)
    with run_folder.made(output, resume, "adapt"):
        listen(Stage("model", config.model.source))
        work = prepare(config, texts, watched, extra)
        config, objective, network, tokenizer = work.config, work.objective, work.network, work.tokenizer
        write_text(output / "config.yaml", dump_config(config))
        processes().broadcast((config, texts.fingerprint, apart))
        listen(Notice(f"Objective: {objective.TITLE}."))

        device = resolve_device(config.train.device)
        precision = config.train.precision
        words = Words(texts.test, work.train.limit)
        near = [words.vectors(network.to(device).base_model, tokenizer, device, precision)]
        identity = texts.fingerprint + weights_digest(work.folder)
        found = learn(work, identity, output / run_folder.CHECKPOINTS, listen)
        near.append(words.vectors(network.base_model, tokenizer, device, precision))
        progress = found.fitted.progress
        losses = {
            n: change(b, found.after[n], config.evaluate, config.seed, objective.PERPLEXITY)
            for n, b in found.before.items()
        }
        result = {
            "schema": SCHEMA,
            "kind": "adaptation",
            "feinschliff": __version__,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "title": config.report.title or output.name,
            "objective": objective.TITLE,
            "model": {
                "source": config.model.source,
                "head_is_new": work.head_is_new,
                "pieces": found.pieces,
            },
            "data": {"fingerprint": texts.fingerprint, **texts.facts, "blocks": work.train.num_records},
            "losses": losses,
            "vocabulary": work.split,
            "neighbours": _neighbours(words, near, work.counts, count_words(watched)),
            "training": {
                "curve": progress.curve,
                "best_step": progress.best_step,
                "stopped": found.fitted.stopped,
                "settings": config.train.model_dump(mode="json"),
            },
            "cost": {"train_seconds": progress.seconds, "tokens": progress.tokens},
            "environment": {
                "device": str(device),
                "precision": precision,
                "processes": processes().size,
            },
            "config": config.model_dump(mode="json"),
        }
        save(network, tokenizer, work.folder, output / "model")
        if texts.removed:
            run_folder.write_rows(output / "removed.jsonl", texts.removed)
        if task:
            bases = {"before": config.model.source, "after": str(output / "model")}
            kept, settings = output / run_folder.PROBED, config.adapt
            with alone():
                result["probe"] = probe(
                    *task, bases, settings.probe_labels, settings.probe_seeds, kept, listen
                )
        result["duration_seconds"] = time.perf_counter() - begun
        listen(Stage("report"))
        result = plain(result)
        write_text(output / "report.html", page(result, config.report.language))
        write_text(output / "result.json", json.dumps(result, ensure_ascii=False, indent=1) + "\n")
        if not config.train.keep_checkpoints:
            shutil.rmtree(output / run_folder.CHECKPOINTS, ignore_errors=True)
    return result


def _assist(corpus: Sequence[Any] | None) -> None:
    """Help the first process to learn, once it has found nothing wrong with texts and settings."""
    config, fingerprint, apart = processes().broadcast()
    texts, watched, extra = read_texts(config, corpus, apart)
    if texts.fingerprint != fingerprint:
        raise DataError(
            "this process reads other texts than the first one", where=f"process {processes().rank}"
        )
    learn(prepare(config, texts, watched, extra), fingerprint)


def _tell(texts: Corpus, listen: Listener) -> None:
    for note in texts.notes:
        listen(Notice(note))
    counts = texts.facts["documents"]
    listen(
        Notice(
            f"{counted(counts['train'], 'document')} to learn from, {counts['dev']:,} to stop by, "
            f"{counts['test']:,} to measure; {counted(texts.facts['exact_duplicates'], 'repetition')} and "
            f"{counted(texts.facts['near_duplicates'], 'near repetition')} left out."
        )
    )


def _neighbours(
    words: Words, vectors: Sequence[Any], domain: Counter[str], general: Counter[str]
) -> list[dict[str, Any]]:
    """Return the words most like some words typical of the domain, before and after."""
    lower: list[Counter[str]] = []
    for counts in (domain, general):
        lower.append(Counter())
        for word, number in counts.items():
            lower[-1][word.lower()] += number
    return [
        {"word": w, **{n: words.nearest(v, w) for n, v in zip(("before", "after"), vectors, strict=True)}}
        for w in terms(lower[0], lower[1], words.names)
    ]
