"""Fit a model: the loop with its consumers, which keep the best weights, save, stop and tell."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator

from feinschliff.config import TrainConfig
from feinschliff.encode import Encoded
from feinschliff.errors import RunInterrupted
from feinschliff.models.vocabulary import ActiveVocabulary
from feinschliff.train import checkpoint
from feinschliff.train.events import Listener, Notice, ignore
from feinschliff.train.learner import Learner, used_ids
from feinschliff.train.loop import Progress, Work, steps
from feinschliff.train.optimiser import build_optimiser, freeze

WORTH_SAVING_SECONDS = 60
"""Trainings longer than this leave a checkpoint until the run is complete."""


@dataclass(frozen=True)
class Fitted:
    """What a fit gives back; the model itself was changed in place and holds the best weights."""

    progress: Progress
    stopped: str
    trainable_parameters: int


def fit(
    learner: Learner,
    train: Encoded,
    targets: np.ndarray,
    look: Callable[[Learner], dict[str, float]],
    settings: TrainConfig,
    *,
    metric: str,
    seed: int,
    dev: Encoded,
    max_windows: int = 8,
    class_weights: np.ndarray | None = None,
    checkpoints: Path | None = None,
    listen: Listener = ignore,
) -> Fitted:
    """Tune `learner.model` and leave the best weights in it.

    Args:
        learner: Model and device. Its embeddings are reduced to the rows in use meanwhile.
        train, targets: Training records and their targets.
        look: Scores on dev, `loss` and `metric` among them.
        settings: Fully resolved.
        metric: Score on dev that decides which weights are best; ties go to the lower loss.
        seed: Of the order of the data and of dropout.
        dev: Records `look` reads; their tokens stay in the active vocabulary.
        checkpoints: Folder to save to and to resume from; None saves nothing.

    Raises:
        RunInterrupted: SIGINT or SIGTERM came; a checkpoint was written if there is a folder for it.
    """
    model = learner.model.to(learner.device)
    pad_id = learner.pad_id
    vocabulary = ActiveVocabulary(model, used_ids(train, dev), pad_id)
    learner.renumber, learner.pad_id = vocabulary.renumber, vocabulary.pad_id
    freeze(model, settings.freeze_layers)
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    accelerator = _accelerator(learner)
    optimiser = accelerator.prepare(build_optimiser(model, settings))
    weights = None if class_weights is None else torch.from_numpy(class_weights).float().to(learner.device)
    work = Work(learner, optimiser, accelerator, train, targets, settings, seed, max_windows, weights)
    try:
        progress, best, stopped = _consume(work, look, metric, checkpoints, listen)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if name in best:
                    parameter.copy_(best[name])
    finally:
        vocabulary.restore()
        learner.renumber, learner.pad_id = None, pad_id
        model.requires_grad_(True)
    return Fitted(progress, stopped, trainable)


def _consume(
    work: Work,
    look: Callable[[Learner], dict[str, float]],
    metric: str,
    checkpoints: Path | None,
    listen: Listener,
) -> tuple[Progress, dict[str, torch.Tensor], str]:
    settings, model = work.settings, work.learner.model
    progress, best = Progress(), {}
    if checkpoints and (found := checkpoint.load(checkpoints, model, work.optimiser)):
        progress, best, skipped = found
        for sentence in skipped:
            listen(Notice(sentence, "warning"))
        listen(Notice(f"Resumed at step {progress.step} of {work.num_steps}."))
    every = max(1, round(work.steps_per_epoch / settings.evaluations_per_epoch))
    saved = time.monotonic()
    if progress.looks_without_gain >= settings.patience:
        return progress, best, "patience"
    stopped = "finished"
    with _interruptible() as interrupted:
        for step in steps(work, progress):
            if step.step % every == 0 or step.step == work.num_steps:
                scores = look(work.learner)
                key = scores[metric] - 1e-6 * scores["loss"]
                gained = key > progress.best
                if gained:
                    progress.best, progress.best_step, progress.looks_without_gain = key, step.step, 0
                    best = {n: p.detach().clone() for n, p in model.named_parameters() if p.requires_grad}
                else:
                    progress.looks_without_gain += 1
                step = replace(step, dev=scores, best=gained)
            if step.dev or step.step % max(1, work.num_steps // 100) == 0:
                progress.curve.append(_point(step, metric))
            listen(step)
            done = step.step == work.num_steps
            due = time.monotonic() - saved > settings.checkpoint_minutes * 60
            if checkpoints and not done and (interrupted() or due):
                checkpoint.save(checkpoints, model, work.optimiser, progress, best)
                saved = time.monotonic()
            if interrupted() and not done:
                raise RunInterrupted(
                    f"interrupted at step {step.step} of {work.num_steps}"
                    + ("; a checkpoint was written" if checkpoints else ""),
                    hint=f"Go on with: feinschliff train --resume {checkpoints.parent}"
                    if checkpoints
                    else None,
                )
            if progress.looks_without_gain >= settings.patience and not done:
                stopped = "patience"
                break
    if checkpoints and progress.seconds > WORTH_SAVING_SECONDS:
        checkpoint.save(checkpoints, model, work.optimiser, progress, best)
    return progress, best, stopped


def _point(step: Any, metric: str) -> dict[str, Any]:
    point = {
        "step": step.step,
        "epoch": step.epoch,
        "loss": step.loss,
        "learning_rate": step.learning_rate,
        "seconds": step.seconds,
    }
    if step.dev:
        point |= {"dev_loss": step.dev["loss"], "dev_metric": step.dev[metric]}
    return point


def _accelerator(learner: Learner) -> Accelerator:
    from accelerate.state import AcceleratorState, PartialState

    AcceleratorState._reset_state(reset_partial_state=True)
    assert PartialState._shared_state == {}
    half = learner.precision == "float16"
    return Accelerator(cpu=learner.device.type == "cpu", mixed_precision="fp16" if half else "no")


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Turn the first SIGINT or SIGTERM into a flag; the second acts as usual."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, frame: Any) -> None:
        asked.set()
        for each, handler in before.items():
            signal.signal(each, handler)

    for number in before:
        signal.signal(number, ask)
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
