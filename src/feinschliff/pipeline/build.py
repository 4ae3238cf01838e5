"""A model made ready to be tuned on a dataset, with every setting resolved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feinschliff import registry
from feinschliff.config import RunConfig
from feinschliff.data import Dataset
from feinschliff.errors import ConfigError, ModelError, counted
from feinschliff.train.events import Listener, Notice

if TYPE_CHECKING:
    from feinschliff.bundle import Model
    from feinschliff.encode import Encoded


NONE_STAYS = ("text_pair", "group", "split")
"""Columns whose setting says `none` where there is to be no such column."""
LOST_TO_WIDE_WORDS = 0.002
"""Of the entities in train, the share that may end inside a wide word."""


def build_model(config: RunConfig, dataset: Dataset, folder: Path) -> Model:
    """Load the pretrained model with a new head for the task."""
    from feinschliff.bundle import Model, Spec
    from feinschliff.encode import LINE_BREAK, Reading, is_separated
    from feinschliff.models import load as loading
    from feinschliff.models.learner import check_reading, fault_of_precision
    from feinschliff.train.calibrate import require_scalable
    from feinschliff.train.optimiser import require_trainable
    from feinschliff.train.unpadding import agrees, pays

    if dataset.task not in registry.names("tasks"):
        raise ConfigError(
            f"the data is for the task '{dataset.task}', which cannot be trained",
            where="task",
            allowed=f"There are: {', '.join(registry.names('tasks'))}",
        )
    tokenizer = loading.load_tokenizer(folder)
    settings = config.model
    length = loading.max_length(loading.load_config(folder), tokenizer, settings.max_length_tokens)
    reading = Reading(
        length,
        settings.long_text,
        settings.window_overlap_tokens,
        dataset.columns.text_pair is not None,
        settings.label_pieces,
        words_of(dataset) if settings.words == "auto" else settings.words,
        LINE_BREAK if dataset.columns.text_pair and not is_separated(tokenizer) else "",
    )
    network = renewer(config, dataset, folder, tokenizer)(config.seed)
    loading.match_inputs(tokenizer, network)
    packages = ("torch", "transformers", "tokenizers")
    columns = {
        role: getattr(dataset.columns, role) for role in ("text", "text_pair", "label", "group", "split")
    }
    spec = Spec(
        task=dataset.task,
        labels=dataset.labels,
        reading=reading,
        base_model=config.model.source,
        fingerprint=dataset.fingerprint,
        columns={role: name for role, name in columns.items() if name},
        versions={name: version(name) for name in packages},
    )
    model = Model(network, tokenizer, spec, config.train.device, config.train.precision)
    if dataset.kind != "regression":
        require_scalable(network, config.decide.calibration)
    require_trainable(network, config.train)
    short = model.encode(["one"], ["two"] if reading.pairs else None)
    check_reading(model.learner, short)
    if (fault := fault_of_precision(model.learner, short)) is not None:
        if config.train.precision != "auto":
            raise ModelError(
                f"its architecture '{network.config.model_type}' cannot compute in {model.learner.precision} "
                f"({fault})",
                where="train.precision",
                hint="Write --set train.precision=float32",
            )
        model.learner.precision = "float32"
    if pays(model.learner):
        texts = ["one", "one two three"]
        few = model.encode(texts, texts if reading.pairs else None)
        model.learner.unpadded = agrees(model.learner, few)
    return model


def words_of(dataset: Dataset) -> str:
    """Return which words to label: wide ones, unless entities of train end within them."""
    from feinschliff.encode import num_expressed

    if registry.load("tasks", dataset.task).UNIT != "token":
        return "narrow"
    texts, spans = dataset.train.texts, dataset.train.targets
    wide, narrow = (num_expressed(texts, spans, words) for words in ("wide", "narrow"))
    return "wide" if narrow - wide <= LOST_TO_WIDE_WORDS * narrow else "narrow"


def renewer(
    config: RunConfig, dataset: Dataset, folder: Path, tokenizer: Any, pretrained: bool = True
) -> Callable[[int], Any]:
    """Return a function that loads the network with a new head, or all weights, drawn by a seed."""
    from feinschliff.models import load as loading
    from feinschliff.train.defaults import dropout

    task = registry.load("tasks", dataset.task)

    def renew(seed: int) -> Any:
        return loading.load_model(
            folder,
            task.AUTO_CLASS,
            dropout=dropout(config.train, task.UNIT),
            seed=seed,
            pretrained=pretrained,
            pad_token_id=tokenizer.pad_token_id,
            **task.head(dataset.labels),
        )

    return renew


def without_effect(config: RunConfig, task: Any) -> Iterator[str]:
    """Yield what to say of each setting that was changed and does nothing here.

    Args:
        task: Its module.
    """
    idle = {
        "train.lora_rank": "without train.method=lora" if config.train.method != "lora" else None,
        "model.words": "on whole texts" if task.UNIT == "text" else None,
        "model.label_pieces": "on whole texts" if task.UNIT == "text" else None,
        "decide.calibration": "on numbers" if task.KIND == "regression" else None,
    }
    for name, why in idle.items():
        section, _, key = name.partition(".")
        settings = getattr(config, section)
        if why and getattr(settings, key) != type(settings).model_fields[key].default:
            yield f"{name} has no effect {why}."


def encode_splits(
    model: Model, dataset: Dataset, max_train_windows: int, listen: Listener
) -> dict[str, Encoded]:
    """Tokenise train, dev and test, and say which texts are longer than the model reads at once."""
    parts = {"train": dataset.train, "dev": dataset.dev, "test": dataset.test}
    encoded = {name: model.encode(records.texts, records.pairs) for name, records in parts.items()}
    limit = model.spec.reading.max_length_tokens
    cut = sum(e.cut for e in encoded.values())
    windowed = sum(e.windowed for e in encoded.values())
    if cut:
        listen(Notice(f"{_long(cut)} longer than {limit} tokens, cut there.", "warning"))
    if windowed:
        listen(Notice(f"{_long(windowed)} longer than {limit} tokens, read in overlapping windows."))
    if many := encoded["train"].num_over(max_train_windows):
        listen(
            Notice(
                f"{_long(many, ' of train')} longer than {max_train_windows} windows; each step reads "
                f"{max_train_windows} of them, drawn at random (model.max_train_windows)."
            )
        )
    return encoded


def resolve_config(config: RunConfig, model: Model, dataset: Dataset, folder: Path) -> RunConfig:
    """Return the configuration with every choice made, so that it repeats the run."""
    from feinschliff.models.locate import PACKAGED, commit
    from feinschliff.train.defaults import resolve
    from feinschliff.train.sharding import asked

    source = config.model.source
    unit = model.learner.task.UNIT
    data = config.data.model_copy(
        update={
            **{k: _absolute(getattr(config.data, k)) for k in ("train", "dev", "test")},
            **{k: getattr(dataset.columns, k) for k in ("text", "label", "id")},
            **{k: getattr(dataset.columns, k) or getattr(config.data, k) for k in NONE_STAYS},
        }
    )
    return config.model_copy(
        update={
            "task": dataset.task,
            "data": data,
            "model": config.model.model_copy(
                update={
                    "max_length_tokens": model.spec.reading.max_length_tokens,
                    "words": config.model.words if unit == "text" else model.spec.reading.words,
                    "source": source if source in PACKAGED else _absolute(source),
                    "revision": commit(folder) or config.model.revision,
                }
            ),
            "train": resolve(
                config.train.model_copy(
                    update={"precision": model.learner.precision, "sharding": asked(config.train)}
                ),
                *dimensions(model, dataset),
            ),
        }
    )


def dimensions(model: Model, dataset: Dataset) -> tuple[int, int, int, str]:
    """Return what the settings of training are chosen by, see `train.defaults.resolve`."""
    from feinschliff.train.defaults import backbone_parameters

    learner = model.learner
    return (
        backbone_parameters(learner.model),
        len(dataset.train),
        len(dataset.labels),
        learner.task.UNIT,
    )


def _absolute(source: str | None) -> str | None:
    return str(Path(source).absolute()) if source and source != "-" and Path(source).exists() else source


def _long(count: int, of: str = "") -> str:
    return counted(count, f"text{of} is", f"texts{of} are")
