"""Tune a loaded model for a task: targets, objective, looks at dev, and the decision rules fitted there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from feinschliff import registry
from feinschliff.config import RunConfig, TrainConfig
from feinschliff.data import Dataset
from feinschliff.data.fingerprint import order_of
from feinschliff.encode import Encoded
from feinschliff.evaluate import PRIMARY, fit_rules, metrics, standard_error, statistics
from feinschliff.evaluate.goals import notes
from feinschliff.models.layers import output_layer
from feinschliff.models.learner import Learner
from feinschliff.train.calibrate import calibrate
from feinschliff.train.events import Listener, Notice, ignore
from feinschliff.train.fit import STANDARD_ERROR, Fitted, fit
from feinschliff.train.processes import processes

SEEN_FIRST = 256
"""Texts of train an output layer may be prepared with."""


def tune(
    config: RunConfig,
    dataset: Dataset,
    learner: Learner,
    encoded: Mapping[str, Encoded],
    checkpoints: Path | None = None,
    listen: Listener = ignore,
    base: str = "",
) -> tuple[Fitted, dict[str, Any]]:
    """Tune `learner.model` in place.

    Args:
        config: With the settings of training resolved.
        dataset: Its train part is learnt, its dev part chooses the best weights and the decision rules.
        encoded: `train` and `dev`, encoded.
        checkpoints: Folder to save to and to resume from.
        base: Digest of the pretrained weights; a checkpoint of others is refused.

    Returns:
        How the training went, and the task's decision rules, which only the first of several processes fits.

    Raises:
        RunInterrupted: see `fit`.
    """
    task, labels = registry.load("tasks", dataset.task), dataset.labels
    train, dev = encoded["train"], encoded["dev"]
    targets = task.targets(dataset.train, labels, train)
    dev_targets = task.targets(dataset.dev, labels, dev)
    dev_texts, dev_truth = dataset.dev.texts, dataset.dev.targets
    for note in task.notes(dataset.train, targets, train, labels):
        listen(Notice(note, "warning"))
    output = output_layer(learner.model, learner.model.config.num_labels)
    plain = task.objective(targets, output.out_features, TrainConfig())

    def look(learner: Learner) -> dict[str, float]:
        logits = learner.logits(dev)
        is_class = dev_targets.dtype.kind == "i"
        known = dev_targets != -100 if is_class else np.ones(len(dev_targets), bool)
        loss = plain(torch.from_numpy(logits[known]), torch.from_numpy(dev_targets[known]))
        decision = task.decision(logits, dev_targets, dev, labels)
        found = task.decode(logits, dev, labels, dev_texts, decision)
        stats = statistics(dataset.kind, dev_truth, found)
        error = standard_error(stats, PRIMARY[dataset.kind], seed=config.seed)
        return {**metrics(stats), "loss": float(loss) / max(1, int(known.sum())), STANDARD_ERROR: error}

    finish = begin(learner, train, targets)
    try:
        fitted = fit(
            learner,
            train,
            targets,
            task.objective(targets, output.out_features, config.train),
            look,
            config.train,
            metric=PRIMARY[dataset.kind],
            seed=config.seed,
            dev=dev,
            max_windows=config.model.max_train_windows,
            identity=identity_of(dataset, base),
            checkpoints=checkpoints,
            listen=listen,
        )
    finally:
        finish()
    rules = settle(config, dataset, learner, dev, listen) if processes().is_first else {}
    return fitted, rules


def identity_of(dataset: Dataset, base: str) -> str:
    """Return what the checkpoints of a training belong to: its data, their order, and the base model."""
    return dataset.fingerprint + order_of(dataset.train) + base


def begin(learner: Learner, train: Encoded, targets: np.ndarray) -> Callable[[], None]:
    """Prepare the output layer of a model for training; see `begin` in `tasks`.

    Args:
        train, targets: What will be learnt.
    """
    output = output_layer(learner.model, learner.model.config.num_labels)

    def vectors() -> np.ndarray:
        learner.model.to(learner.device)
        some = np.unique(np.linspace(0, train.num_records - 1, SEEN_FIRST).astype(int))
        return learner.logits_and_vectors(train.take(some))[1]

    return learner.task.begin(output, targets, vectors)


def settle(
    config: RunConfig, dataset: Dataset, learner: Learner, dev: Encoded, listen: Listener = ignore
) -> dict[str, Any]:
    """Calibrate a tuned model on dev, its weights changed in place, and return its decision rules."""
    task, labels = learner.task, dataset.labels
    rules: dict[str, Any] = {}
    targets = task.targets(dataset.dev, labels, dev)
    logits = learner.exact().logits(dev)
    if dataset.kind != "regression":
        scaling = calibrate(learner.model, logits, targets, config.decide.calibration, task.UNIT)
        logits, rules = scaling.apply(logits), {"calibration": scaling.as_dict()}
    rules |= task.decision(logits, targets, dev, labels)
    found = task.decode(logits, dev, labels, dataset.dev.texts, rules)
    thresholds = rules.get("thresholds")
    rules |= fit_rules(found, dataset.dev.targets, config.decide, _unseen(dataset), thresholds)
    for note in notes(rules):
        listen(Notice(note, "warning"))
    return rules


def _unseen(dataset: Dataset) -> float:
    """Return the share of texts, of train and dev, whose label dev holds no text of."""
    if dataset.kind != "classification":
        return 0.0
    known = set(dataset.dev.targets)
    unseen = sum(target not in known for target in dataset.train.targets)
    return unseen / (len(dataset.train) + len(dataset.dev))
