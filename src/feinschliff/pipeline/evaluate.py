"""The tuned model measured, beside its baselines: the facts of the result."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from feinschliff import __version__, registry
from feinschliff.config import RunConfig
from feinschliff.data import Dataset, Records
from feinschliff.errors import command
from feinschliff.evaluate import PRIMARY, statistics
from feinschliff.evaluate.requirements import asks_verdict

if TYPE_CHECKING:
    from feinschliff.bundle import Model
    from feinschliff.encode import Encoded


def evaluate(
    config: RunConfig,
    dataset: Dataset,
    model: Model,
    encoded: Mapping[str, Encoded],
    contenders: list[Any],
    fitted: Any,
    folder: Path,
) -> tuple[Any, Any]:
    """Return the content of `result.json`, as far as it is known now, and the predictions on test."""
    from feinschliff.evaluate import intervals
    from feinschliff.evaluate.scaling import uncalibrated
    from feinschliff.report import SCHEMA, certainty, collect
    from feinschliff.train.novelty import learn_novelty
    from feinschliff.train.profile import profile

    task, settings = registry.load("tasks", dataset.task), config.evaluate
    learner, progress = model.learner, fitted.progress

    rules = model.spec.decision

    def predict(name: str, records: Records, logits: np.ndarray, rules: Mapping[str, Any]) -> Any:
        return task.decode(logits, encoded[name], dataset.labels, records.texts, rules)

    model.novelty = learn_novelty(learner, dataset.train, encoded["train"], encoded["dev"])
    if model.novelty is None:
        logits = learner.logits(encoded["test"])
        predictions = predict("test", dataset.test, logits, rules)
    else:
        logits, vectors = learner.logits_and_vectors(encoded["test"])
        predictions = predict("test", dataset.test, logits, rules)
        predictions = dataclasses.replace(predictions, novelty=model.novelty.of(vectors))
    on_dev = predict("dev", dataset.dev, learner.logits(encoded["dev"]), rules)
    model.profile = profile(model.tokenizer, dataset.train, encoded["train"], on_dev)
    dev = intervals(
        statistics(dataset.kind, dataset.dev.targets, on_dev, dataset.dev.groups),
        settings.bootstrap_samples,
        settings.confidence,
        config.seed,
    )
    tuned = collect.Contender("fine-tuned", "Fine-tuned", predictions, progress.seconds)
    systems, comparisons = collect.system_facts(
        [tuned, *contenders], dataset.test, settings, PRIMARY[dataset.kind], config.seed
    )
    scores = systems[0]["metrics"]
    source = config.data.train or "data"
    result = {
        "schema": SCHEMA,
        "feinschliff": __version__,
        "title": config.report.title or Path(source).stem,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command(
            "train", "--config", f"{config.output_dir}/config.yaml", "--output-dir", "NEW_FOLDER"
        ),
        "language": config.report.language,
        "seed": config.seed,
        "task": dataset.task,
        "primary_metric": PRIMARY[dataset.kind],
        "model": collect.model_facts(
            config.model.source, folder, learner.model, fitted.trainable_parameters, encoded["test"].limit
        ),
        "data": collect.data_facts(dataset, encoded),
        "metrics": {"dev": {name: value.as_dict() for name, value in dev.items()}, "test": scores},
        "systems": systems,
        "comparisons": comparisons,
        "training": {
            "curve": progress.curve,
            "best_step": progress.best_step,
            "stopped": fitted.stopped,
            "settings": config.train.model_dump(mode="json"),
        },
        **collect.detail_facts(dataset.test, predictions, settings.confidence, config.report.max_mistakes),
        "calibration": certainty.calibration_facts(
            dataset.test,
            predict("test", dataset.test, uncalibrated(logits, rules), {}),
            predictions,
            rules,
        ),
        "decisions": certainty.decision_facts(dataset.test, predictions, rules, settings, config.seed),
        "requirements": collect.requirement_facts(settings.require, scores),
        "cost": {
            "train_seconds": progress.seconds,
            "tokens": progress.tokens,
            "tokens_per_second": progress.tokens / max(progress.seconds, 1e-9),
            "peak_memory_bytes": collect.peak_memory_bytes(),
            "energy_kwh": None,
        },
        "environment": collect.environment_facts(learner.device, config.train.precision),
        "config": config.model_dump(mode="json"),
    }
    if asks_verdict(settings.require):
        result["requirements"].append(collect.verdict_facts(result))
    return result, predictions
