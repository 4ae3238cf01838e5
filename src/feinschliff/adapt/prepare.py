"""Texts, model and objective of an adaptation, the same in every process that takes part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from feinschliff import registry
from feinschliff.adapt.corpus import Corpus, gather
from feinschliff.adapt.defaults import choose_objective, resolve
from feinschliff.adapt.general import general_texts, mixed
from feinschliff.adapt.vocabulary import add_words, count_words, facts
from feinschliff.config import RunConfig
from feinschliff.encode import Encoded
from feinschliff.encode.blocks import document_blocks, train_blocks
from feinschliff.models import load as loading
from feinschliff.models.locate import locate
from feinschliff.models.precision import resolve_device, resolve_precision
from feinschliff.train.defaults import backbone_parameters

MOST_WINDOWS = {"dev": 2, "test": 4, "general": 4}
"""Windows of a document that are measured, evenly spread."""


@dataclass(frozen=True)
class Work:
    """What is learnt by what from what.

    Attributes:
        config: Resolved.
        folder: Of the model as it was.
        network: Changed in place while it learns.
        head_is_new: The head has to be tuned by itself first.
        train: Blocks that are learnt from.
        measured: Documents measured before and after; `dev` among them decides when to stop.
        counts: Words of the domain.
        split: What the tokenizer makes of them, for the report.
    """

    config: RunConfig
    folder: Path
    objective: ModuleType
    network: Any
    tokenizer: Any
    head_is_new: bool
    train: Encoded
    measured: dict[str, Encoded]
    counts: Counter[str]
    split: dict[str, Any]


def read_texts(
    config: RunConfig, corpus: Sequence[Any] | None, apart: Mapping[str, str] | None = None
) -> tuple[Corpus, list[str], list[str]]:
    """Return the domain's texts, the general ones to measure, and those to mix in.

    Args:
        apart: Texts that must not be learnt from, with their places.

    Raises:
        ConfigError: nothing is named, or a column cannot be found.
        DataError: too little text.
    """
    texts = gather(config.adapt.corpus if corpus is None else corpus, config, apart)
    return texts, *general_texts(config, texts.train)


def prepare(config: RunConfig, texts: Corpus, watched: Sequence[str], extra: Sequence[str]) -> Work:
    """Load the model with what its objective needs, and cut the texts into blocks for it.

    Args:
        watched, extra: General texts to measure, and to mix in.

    Raises:
        ModelError: the model cannot learn by the objective.
    """
    folder = locate(config.model.source, config.model.revision)
    tokenizer = loading.load_tokenizer(folder)
    name = choose_objective(config.adapt.objective, folder, tokenizer)
    objective = registry.load("objectives", name)
    network, head_is_new = objective.load(folder, tokenizer, config.train.dropout or 0.0, config.seed)
    loading.match_inputs(tokenizer, network)
    precision = resolve_precision(config.train.precision, resolve_device(config.train.device))
    settings = config.train.model_copy(update={"precision": precision})
    config = config.model_copy(
        update={
            "train": resolve(settings, backbone_parameters(network), head_is_new),
            "adapt": config.adapt.model_copy(update={"objective": name}),
        }
    )
    counts = count_words(texts.train)
    split = facts(tokenizer, counts) | {"added": []}
    if config.adapt.add_words:
        split["added"] = add_words(network, tokenizer, counts, config.adapt.add_words)
        split["after"] = {k: v for k, v in facts(tokenizer, counts).items() if k != "split"}
    limit = loading.max_length(loading.load_config(folder), tokenizer, None)
    length = min(config.adapt.block_tokens, limit)
    learnt = mixed(texts.train, extra, config.adapt.mix_share, config.seed)
    parts = {"dev": texts.dev, "test": texts.test} | ({"general": list(watched)} if watched else {})
    return Work(
        config,
        folder,
        objective,
        network,
        tokenizer,
        head_is_new,
        train_blocks(tokenizer, learnt, length),
        {n: document_blocks(tokenizer, p, length, MOST_WINDOWS[n]) for n, p in parts.items()},
        counts,
        split,
    )
