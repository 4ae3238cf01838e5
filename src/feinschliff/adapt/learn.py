"""Let a model learn from raw text with an objective, and measure it before and after."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from feinschliff.adapt.measure import Losses
from feinschliff.adapt.prepare import Work
from feinschliff.config import RunConfig, TrainConfig
from feinschliff.encode import Encoded
from feinschliff.errors import ConfigError
from feinschliff.models.language_model import start_head
from feinschliff.models.layers import head_names, still
from feinschliff.models.learner import Learner, used_ids
from feinschliff.models.precision import resolve_device
from feinschliff.objectives._parts import Parts
from feinschliff.train.events import Listener, Notice, Stage, ignore
from feinschliff.train.fit import Fitted, fit
from feinschliff.train.processes import processes

HEAD_RATE = 5e-3
"""Peak learning rate of a new head while the backbone stays as it is."""
METRIC = "log_likelihood"


@dataclass(frozen=True)
class Learnt:
    """What came of it; the network was changed in place.

    Attributes:
        before, after: Losses by the name of the measured texts.
        pieces: Word pieces among which the model chose when it was measured.
    """

    fitted: Fitted
    before: dict[str, Losses]
    after: dict[str, Losses]
    pieces: int


def learn(work: Work, identity: str, checkpoints: Path | None = None, listen: Listener = ignore) -> Learnt:
    """Train `work.network` in place; where several processes have joined, all call this.

    Args:
        identity: Fingerprint of the texts; a checkpoint of others is refused.
        checkpoints: Folder to save to and to resume from, which only the first process does.

    Returns:
        How it went; only the first process measures.

    Raises:
        RunInterrupted: see `fit`; what was learnt so far is in the checkpoints.
    """
    config, objective, network, train = work.config, work.objective, work.network, work.train
    first = processes().is_first
    device = resolve_device(config.train.device)
    precision = config.train.precision
    network.to(device)
    tokenizer, parts = work.tokenizer, work.measured
    rows = network.get_input_embeddings().weight.shape[0]
    special = [i for i in tokenizer.all_special_ids if i < rows]  # some stand for what is no text
    ids = np.union1d(used_ids(tokenizer.pad_token_id, train, *parts.values()), special)
    if work.head_is_new:
        start_head(network, np.bincount(train.input_ids))
    with objective.vocabulary(network, ids) as place:
        learner = objective.learner(Parts(network, tokenizer, config, device, precision, ids, place))

        def losses(*names: str) -> dict[str, Losses]:
            return {n: Losses(*objective.measure(learner, parts[n], config.seed)) for n in names if first}

        def look(learner: Learner) -> dict[str, float]:
            loss = losses("dev")["dev"].mean
            return {"perplexity": float(np.exp(loss)), "loss": loss, METRIC: -loss}

        if learner.WHOLE_BATCHES and processes().size > 1:
            raise ConfigError(
                "its loss is one of whole batches, which several processes would part",
                where="adapt.objective",
                hint="Use one process",
            )

        def run(part: str, settings: TrainConfig) -> Fitted:
            if learner.WHOLE_BATCHES:
                assert settings.batch_size
                assert settings.micro_batch_tokens
                at_once = max(settings.micro_batch_tokens, settings.batch_size * train.limit)
                settings = settings.model_copy(update={"micro_batch_tokens": at_once})
            targets = np.zeros(train.num_records, np.float32)
            return fit(
                learner,
                train,
                targets,
                _sum,
                look,
                settings,
                metric=METRIC,
                seed=config.seed,
                dev=parts["dev"],
                identity=identity,
                checkpoints=checkpoints and checkpoints / part,
                listen=listen,
            )

        if work.head_is_new:
            listen(Stage("train", "the new head, for a start"))
            with still(network.base_model.parameters()):  # and what the head shares with it
                run("head", _head_settings(config, train))
        before = losses(*parts)
        begun = {n: round(each.mean, 4) for n, each in before.items()}
        listen(Notice(f"Loss before: {', '.join(f'{v} on {n}' for n, v in begun.items())}."))
        listen(Stage("train", f"{train.num_records:,} texts of up to {train.limit} tokens"))
        with _head_still(network, config, work.head_is_new):
            fitted = run("model", config.train)
        listen(Stage("evaluate"))
        after = losses(*parts)
        if first and after["dev"].mean >= before["dev"].mean:
            listen(Notice("The loss on held-out documents did not fall: nothing was gained.", "warning"))
    return Learnt(fitted, before, after, len(ids))


def _head_still(network: Any, config: RunConfig, head_is_new: bool) -> AbstractContextManager[None]:
    """With adapters, a pretrained head of its own stays as it is: it is as large as the embeddings."""
    if config.train.method == "full" or head_is_new:
        return nullcontext()
    head = head_names(network)
    return still(p for name, p in network.named_parameters() if name in head)


def _sum(losses: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return losses.sum()


def _head_settings(config: RunConfig, train: Encoded) -> Any:
    batch = config.train.batch_size
    assert batch
    per_epoch = -(-train.num_records // batch)
    changes = {
        "method": "full",
        "epochs": config.adapt.head_steps / per_epoch,
        "learning_rate": HEAD_RATE,
        "head_learning_rate": HEAD_RATE,
        "freeze_layers": 0,
        "evaluations_per_epoch": 1,
    }
    return config.train.model_copy(update=changes)
