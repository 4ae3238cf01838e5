"""Fit a model: the loop with its consumers, which keep the best weights, save, stop and tell."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import GradientAccumulationPlugin

from feinschliff.config import TrainConfig
from feinschliff.encode import Encoded
from feinschliff.errors import ProcessLost, ResourceError, RunInterrupted
from feinschliff.models.adapters import Adapter, adapters
from feinschliff.models.learner import Learner, used_ids
from feinschliff.models.vocabulary import active_vocabulary
from feinschliff.train import checkpoint
from feinschliff.train.events import Listener, Notice, ignore
from feinschliff.train.loop import Progress, Work, check_finite, steps
from feinschliff.train.memory import give_back
from feinschliff.train.optimiser import build_optimiser, frozen
from feinschliff.train.processes import processes
from feinschliff.train.reuse import FrozenLayers, frozen_depth
from feinschliff.train.sharding import sharded

WORTH_SAVING_SECONDS = 60
"""Trainings longer than this, or with `keep_checkpoints`, leave a checkpoint until the run is complete."""

MEMORY_RAN_OUT = (
    "Memory ran out: batches are computed in smaller parts from now on, with the same result. "
    "A smaller train.micro_batch_tokens avoids the attempts."
)

STANDARD_ERROR = "standard_error"
"""Among the scores of a look at dev: how far the metric is by chance from what more texts would show."""
TOLERANCE = 0.5
"""Standard errors by which later weights may be worse than the best and are kept."""

_ACCELERATE = threading.Lock()


@dataclass(frozen=True)
class Fitted:
    """What a fit gives back; the model itself was changed in place and holds the best weights."""

    progress: Progress
    stopped: str
    trainable_parameters: int
    adapter: Adapter | None = None


def fit(
    learner: Learner,
    train: Encoded,
    targets: np.ndarray,
    objective: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    look: Callable[[Learner], dict[str, float]],
    settings: TrainConfig,
    *,
    metric: str,
    seed: int,
    dev: Encoded,
    max_windows: int = 8,
    identity: str = "",
    checkpoints: Path | None = None,
    listen: Listener = ignore,
    factor: Callable[[int], float] | None = None,
) -> Fitted:
    """Tune `learner.model` and leave the best weights in it.

    Where several processes have joined (`processes.together`), all call this and share the work.

    Args:
        learner: Model and device. Its embeddings are reduced to the rows in use meanwhile.
        train, targets: Training records and their targets.
        objective: Sum of losses from logits and targets, see the task.
        look: Scores on dev, `loss` and `metric` among them, and `STANDARD_ERROR` where the metric has one.
        settings: Fully resolved.
        metric: Score on dev that decides which weights are kept: the latest that are not worse than the best
            by more than half a standard error; without one the best, and of equals those of the lower loss.
        seed: Of the order of the data and of dropout.
        dev: Records `look` reads; their tokens stay in the active vocabulary.
        identity: Fingerprint of the data; a checkpoint of other data is refused.
        checkpoints: Folder to save to and to resume from, which only the first process does; None saves
            nothing.
        factor: On the learning rate by steps done; that of `settings` if not given.

    Raises:
        ConfigError: `freeze_layers` is more than there are; a checkpoint is of another run.
        FeinschliffError: a loss is not a finite number.
        ProcessLost: another process is gone; a checkpoint was written likewise, unless the model was shared
            out, whose shares are gone with it.
        RunInterrupted: SIGINT, SIGTERM or SIGHUP came; a checkpoint was written if there is a folder for it.
    """
    crew, device = processes(), learner.device
    sharing = settings.sharding == "full" and crew.size > 1
    model = learner.model.to("cpu" if sharing else device)
    rows = model.get_input_embeddings().weight.numel()
    with (
        active_vocabulary(model, used_ids(learner.pad_id, train, dev)),
        frozen(model, settings.freeze_layers),
        _lora(model, settings, seed) as kept,
    ):
        trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
        used = model.get_input_embeddings().weight
        trainable += (rows - used.numel()) * used.requires_grad  # those that do not occur stay as they are
        crew.broadcast_weights(model)
        with sharded(learner) if sharing else nullcontext(learner) as trained:

            def work() -> Work:
                accelerator = _accelerator(trained)
                optimiser = build_optimiser(trained.model, settings)
                return Work(
                    trained,
                    accelerator.prepare_optimizer(optimiser, device_placement=False),
                    accelerator,
                    train,
                    targets,
                    objective,
                    settings,
                    seed,
                    max_windows,
                    crew,
                    None if sharing else _frozen_layers(trained, train, settings, listen),
                    factor,
                )

            progress, best, stopped = _consume(work(), look, metric, identity, checkpoints, listen)
            with torch.no_grad():
                for name, parameter in trained.model.named_parameters():
                    if name in best:
                        parameter.copy_(best.pop(name))
        give_back()
    model.to(device)
    return Fitted(progress, stopped, trainable, kept[0] if kept else None)


def _frozen_layers(
    learner: Learner, train: Encoded, settings: TrainConfig, listen: Listener
) -> FrozenLayers | None:
    assert settings.epochs
    depth = frozen_depth(learner, settings.freeze_layers, settings.epochs)
    if not depth:
        return None
    try:
        frozen_layers = FrozenLayers(learner, train, depth)
    except ResourceError as error:
        listen(Notice(f"{error} They are computed in every pass.", "warning"))
        return None
    return frozen_layers if frozen_layers.is_constant() else None


def _lora(model: Any, settings: TrainConfig, seed: int) -> AbstractContextManager[list[Adapter]]:
    if settings.method == "full":
        return nullcontext([])
    return adapters(model, settings.lora_rank, from_layer=settings.freeze_layers, seed=seed)


def _consume(
    work: Work,
    look: Callable[[Learner], dict[str, float]],
    metric: str,
    identity: str,
    checkpoints: Path | None,
    listen: Listener,
) -> tuple[Progress, dict[str, torch.Tensor], str]:
    settings, model, crew = work.settings, work.learner.model, work.processes
    progress, best = _begin(work, identity, checkpoints, listen)
    scaler = work.accelerator.scaler
    if scaler and progress.scaler:
        scaler.load_state_dict(progress.scaler)
    every = max(1, round(work.steps_per_epoch / settings.evaluations_per_epoch))

    def keep() -> None:
        folder = checkpoints if crew.is_first else None
        if folder or work.sharded:
            progress.scaler = scaler.state_dict() if scaler else {}
            checkpoint.save(folder, model, work.optimiser, progress, best)

    saved, told = time.monotonic(), bool(progress.micro_batch_tokens)
    more = steps(work, progress) if progress.looks_without_gain < settings.patience else ()
    as_last_resort = nullcontext() if work.sharded else _kept_if_lost(keep)
    with _interruptible(insist=crew.size == 1) as interrupted, as_last_resort:
        for step in more:
            done = step.step == work.num_steps
            if progress.micro_batch_tokens and not told:
                told = True
                listen(Notice(MEMORY_RAN_OUT, "warning"))
            if step.step % every == 0 or done:
                scores = crew.broadcast(look(work.learner) if crew.is_first or work.sharded else None)
                if gained := _note(progress, step.step, scores, metric):
                    best = {n: p.detach().clone() for n, p in model.named_parameters() if p.requires_grad}
                step = replace(step, dev=scores, best=gained)
            if step.dev or step.step % max(1, work.num_steps // 100) == 0:
                progress.curve.append(_point(step, metric))
            listen(step)
            due = crew.is_first and time.monotonic() - saved > settings.checkpoint_minutes * 60
            stop, keep_now = crew.sum([interrupted(), due])
            if stop:
                keep()
                raise RunInterrupted(
                    f"interrupted at step {step.step} of {work.num_steps}"
                    + ("; a checkpoint was written" if checkpoints else "")
                )
            if progress.looks_without_gain >= settings.patience or done:
                break
            if keep_now:
                keep()
                saved = time.monotonic()
    if settings.keep_checkpoints or crew.broadcast(progress.seconds) > WORTH_SAVING_SECONDS:
        keep()
    return progress, best, "finished" if progress.step == work.num_steps else "patience"


def _begin(
    work: Work, identity: str, checkpoints: Path | None, listen: Listener
) -> tuple[Progress, dict[str, torch.Tensor]]:
    """Go on from the first process's checkpoint, in all processes; return progress and the best weights."""
    crew, model = work.processes, work.learner.model
    progress, tensors = Progress(identity), dict[str, torch.Tensor]()
    if checkpoints and crew.is_first:
        progress, tensors, damaged = checkpoint.load(checkpoints, model, identity)
        for sentence in damaged:
            listen(Notice(sentence, "warning"))
        if progress.step:
            listen(Notice(f"Resumed at step {progress.step} of {work.num_steps}."))
    progress = crew.broadcast(progress)
    return progress, checkpoint.restore(model, work.optimiser, crew.broadcast_tensors(tensors))


@contextmanager
def _kept_if_lost(keep: Callable[[], None]) -> Iterator[None]:
    """Write a checkpoint when another process is gone: a step that it did not finish has changed nothing."""
    try:
        yield
    except ProcessLost:
        keep()
        raise


def _note(progress: Progress, step: int, scores: dict[str, float], metric: str) -> bool:
    """Enter a look at dev into `progress`; return whether its weights are to be kept.

    A score on a few texts is mostly chance, and the best of many scores is the luckiest. Later weights have
    learnt longer, at a falling rate; so they must be worse by more than `TOLERANCE` standard errors to be
    dropped. With one, and in favour of the simpler model, the rule is that of Breiman et al., "Classification
    and Regression Trees", 1984, section 3.4.3. What it gains is in docs/experiments.md.

    Where the loss on dev, which says more than a score does, still falls, patience is not used up.

    Raises:
        FeinschliffError: the loss on dev is not a finite number.
    """
    check_finite(scores["loss"], "loss on dev", step)
    key = scores[metric] - 1e-6 * scores["loss"]
    enough = progress.best - TOLERANCE * scores.get(STANDARD_ERROR, 0.0)
    falls = scores["loss"] < progress.least_loss
    progress.least_loss = min(scores["loss"], progress.least_loss)
    if progress.best_step and not key > enough:  # a score may be undefined, which is never better
        progress.looks_without_gain = 0 if falls else progress.looks_without_gain + 1
        return False
    progress.best = max(progress.best, -math.inf if math.isnan(key) else key)
    progress.best_step, progress.looks_without_gain = step, 0
    return True


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
    """Return an accelerator for the learner's device.

    Accelerate keeps one state per process and refuses to change it; it is made anew when a later run computes
    on another kind of device or in another precision.
    """
    from accelerate.state import AcceleratorState

    cpu = learner.device.type == "cpu"
    mixed = "fp16" if learner.precision == "float16" else "no"
    with _ACCELERATE:
        state = AcceleratorState._shared_state
        if state and (state.get("_cpu"), state.get("_mixed_precision")) != (cpu, mixed):
            AcceleratorState._reset_state(reset_partial_state=True)
        whole = GradientAccumulationPlugin(num_steps=1)  # ours, whatever `accelerate launch` was told
        return Accelerator(cpu=cpu, mixed_precision=mixed, gradient_accumulation_plugin=whole)


@contextmanager
def _interruptible(insist: bool = True) -> Iterator[Callable[[], bool]]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into a flag; the second acts as usual.

    SIGHUP stays ignored where it is, as under `nohup`.

    Args:
        insist: False where a launcher repeats the signal by itself: then every one only raises the flag.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}

    def ask(number: int, frame: Any) -> None:
        asked.set()
        for each, handler in before.items() if insist else ():
            signal.signal(each, handler)

    for number in before:
        signal.signal(number, ask)
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
