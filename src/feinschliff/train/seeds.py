"""Train with several seeds: see how much is luck, and keep the best on dev or an average of weights.

Each seed draws its own head, order of the data and dropout; data and split stay the same. The average is a
greedy one: starting from the weights that are best on dev, those of the next best are averaged in as long as
dev does not get worse.

Source: M. Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves accuracy
without increasing inference time", ICML 2022, recipe 1.
"""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from feinschliff import registry
from feinschliff.config import DecideConfig, RunConfig
from feinschliff.data import Dataset, Records
from feinschliff.encode import Encoded
from feinschliff.evaluate import PRIMARY, Predictions, metrics, statistics
from feinschliff.files import flush, scratch
from feinschliff.models.learner import Learner
from feinschliff.train.checkpoint import reason
from feinschliff.train.events import Listener, Notice, Stage, ignore
from feinschliff.train.fit import Fitted
from feinschliff.train.loop import Progress
from feinschliff.train.processes import processes
from feinschliff.train.tune import identity_of, settle, tune

WEIGHTS = "weights.safetensors"
DONE = "fitted.json"
"""Written last: a seed's folder that holds it is a finished training."""


@dataclass(frozen=True)
class Trial:
    """The training with one seed.

    Attributes:
        dev: Scores on dev.
        test: Predictions for the test split; None when there is none.
        kept: Whether its weights are in the model.
    """

    seed: int
    fitted: Fitted
    dev: dict[str, float]
    test: Predictions | None
    kept: bool = False


def tune_seeds(
    config: RunConfig,
    dataset: Dataset,
    learner: Learner,
    encoded: Mapping[str, Encoded],
    renew: Callable[[int], Any],
    checkpoints: Path | None = None,
    listen: Listener = ignore,
    base: str = "",
) -> tuple[Fitted, dict[str, Any], list[Trial]]:
    """Tune `learner.model` in place with `train.seeds` seeds, `seed` the first; see `tune` for the rest.

    Args:
        renew: Returns the pretrained network with a new head drawn by a seed.
        checkpoints: Folder in which each seed has one of its own; finished seeds are not trained again.

    Returns:
        How the best seed's training went, with the seconds and tokens of all; the decision rules; the trials,
        none when there is but one seed.
    """
    if config.train.seeds == 1:
        return *tune(config, dataset, learner, encoded, checkpoints, listen, base), []
    seeds = range(config.seed, config.seed + config.train.seeds)
    if not processes().is_first:
        return *_assist(config, seeds, dataset, learner, encoded, renew), []
    with _folder(checkpoints) as root:
        fitted = {}
        for number, seed in enumerate(seeds, 1):
            listen(Stage("train", f"seed {seed}, {number} of {len(seeds)}"))
            fitted[seed] = _train(
                config, seed, dataset, learner, encoded, renew, root, checkpoints, listen, base
            )
        trials = []
        for seed in seeds:
            _put(learner, _weights(root, seed))
            decision, dev = _on_dev(dataset, learner, encoded["dev"])
            test = None
            if "test" in encoded:
                test = _predict(dataset, learner, encoded["test"], dataset.test, decision)
            trials.append(Trial(seed, fitted[seed], dev, test))
        primary = PRIMARY[dataset.kind]
        order = sorted(trials, key=lambda trial: _key(trial.dev, primary), reverse=True)
        members = _average(dataset, learner, encoded["dev"], root, order, primary)
        decision = settle(config, dataset, learner, encoded["dev"], listen)
    named = ", ".join(str(seed) for seed in members)
    listen(
        Notice(
            f"Kept the average of the weights of seeds {named}."
            if len(members) > 1
            else f"Kept seed {named}, the best on dev."
        )
    )
    if config.train.method == "lora":
        listen(Notice("Adapters of several seeds are merged into the model; none is kept by itself."))
    best = order[0].fitted
    whole = dataclasses.replace(
        best.progress,
        seconds=sum(f.progress.seconds for f in fitted.values()),
        tokens=sum(f.progress.tokens for f in fitted.values()),
    )
    kept = [dataclasses.replace(trial, kept=trial.seed in members) for trial in trials]
    return dataclasses.replace(best, progress=whole), decision, kept


def _train(
    config: RunConfig,
    seed: int,
    dataset: Dataset,
    learner: Learner,
    encoded: Mapping[str, Encoded],
    renew: Callable[[int], Any],
    root: Path,
    checkpoints: Path | None,
    listen: Listener,
    base: str,
) -> Fitted:
    """Train with one seed, and leave the weights in the seed's folder."""
    folder = root / f"seed-{seed}"
    done = _finished(folder, identity_of(dataset, base), listen)
    processes().broadcast(done)
    if done is not None:
        listen(Notice(f"Seed {seed} is already trained."))
        return done
    _put(learner, dict(renew(seed).named_parameters()))
    one = config.model_copy(update={"seed": seed, "decide": DecideConfig(calibration="none")})
    fitted, _ = tune(one, dataset, learner, encoded, folder if checkpoints else None, listen, base)
    fitted = dataclasses.replace(fitted, adapter=None)
    folder.mkdir(parents=True, exist_ok=True)
    weights = {n: p.detach().cpu().contiguous() for n, p in learner.model.named_parameters()}
    with _whole(folder / WEIGHTS) as part:
        save_file(weights, part)
    with _whole(folder / DONE) as part:
        part.write_text(json.dumps(dataclasses.asdict(fitted)), encoding="utf-8")
    for checkpoint in folder.glob("step-*"):
        shutil.rmtree(checkpoint)
    return fitted


def _assist(
    config: RunConfig,
    seeds: Sequence[int],
    dataset: Dataset,
    learner: Learner,
    encoded: Mapping[str, Encoded],
    renew: Callable[[int], Any],
) -> tuple[Fitted, dict[str, Any]]:
    """Help the first process with the trainings it still has to do; what follows them is its work alone."""
    for seed in seeds:
        if (fitted := processes().broadcast()) is not None:
            continue
        _put(learner, dict(renew(seed).named_parameters()))
        fitted, _ = tune(config.model_copy(update={"seed": seed}), dataset, learner, encoded)
    assert fitted
    return fitted, {}


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Give the name under which a file is written; it is on the disk when it takes its own."""
    part = path.with_name(f".{path.name}.part")
    yield part
    flush(part)
    part.replace(path)
    flush(path.parent)


def _finished(folder: Path, identity: str, listen: Listener) -> Fitted | None:
    """Return how the training in a seed's folder went, if it is finished, undamaged and of this data."""
    if not (folder / DONE).is_file():
        return None
    try:
        tree = json.loads((folder / DONE).read_text(encoding="utf-8"))
        fitted = Fitted(progress=Progress(**tree.pop("progress")), **tree)
        load_file(folder / WEIGHTS)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, SafetensorError) as error:
        listen(Notice(f"{folder.name} is damaged ({reason(error)}); it is trained again.", "warning"))
        return None
    return fitted if fitted.progress.identity == identity else None


def _average(
    dataset: Dataset,
    learner: Learner,
    dev: Encoded,
    root: Path,
    order: Sequence[Trial],
    primary: str,
) -> list[int]:
    """Average weights while dev does not get worse; return the seeds in the average.

    Args:
        order: The trials, best on dev first.
    """
    members, sums = [order[0].seed], _weights(root, order[0].seed)
    least = _key(order[0].dev, primary)
    for trial in order[1:]:
        more = {name: weight + sums[name] for name, weight in _weights(root, trial.seed).items()}
        _put(learner, more, 1 / (len(members) + 1))
        scores = _on_dev(dataset, learner, dev)[1]
        if _key(scores, primary) >= least:
            members.append(trial.seed)
            sums, least = more, _key(scores, primary)
    _put(learner, sums, 1 / len(members))
    return members


def _key(scores: Mapping[str, float], primary: str) -> tuple[float, float]:
    """Return what decides between weights: the primary metric, then the log loss."""
    value = scores.get(primary, math.nan)
    return (-math.inf if math.isnan(value) else value, -scores.get("log_loss", 0.0))


def _on_dev(dataset: Dataset, learner: Learner, dev: Encoded) -> tuple[dict[str, Any], dict[str, float]]:
    """Return the decision rules fitted on dev and the scores there."""
    task, logits = registry.load("tasks", dataset.task), learner.exact().logits(dev)
    targets = task.targets(dataset.dev, dataset.labels, dev)
    decision = task.decision(logits, targets, dev, dataset.labels)
    found = task.decode(logits, dev, dataset.labels, dataset.dev.texts, decision)
    return decision, metrics(statistics(dataset.kind, dataset.dev.targets, found))


def _predict(
    dataset: Dataset, learner: Learner, encoded: Encoded, records: Records, decision: Mapping[str, Any]
) -> Predictions:
    task = registry.load("tasks", dataset.task)
    return task.decode(learner.exact().logits(encoded), encoded, dataset.labels, records.texts, decision)


def _weights(root: Path, seed: int) -> dict[str, torch.Tensor]:
    return load_file(root / f"seed-{seed}" / WEIGHTS)


@torch.no_grad()
def _put(learner: Learner, weights: Mapping[str, torch.Tensor], factor: float = 1.0) -> None:
    """Copy weights, times a factor, into the model."""
    for name, parameter in learner.model.named_parameters():
        parameter.copy_(weights[name] * factor if factor != 1 else weights[name])


@contextmanager
def _folder(checkpoints: Path | None) -> Iterator[Path]:
    """Give the folder of the seeds; a temporary one for a run that keeps nothing."""
    if checkpoints:
        yield checkpoints
        return
    with scratch() as folder:
        yield folder
