"""Load a pretrained model without surprises.

Only safetensors are loaded, no code comes with a model, and a checkpoint that lacks weights of the backbone
is refused rather than filled with random numbers.
"""

from __future__ import annotations

import inspect
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from feinschliff.errors import ConfigError, ModelError, first_line

MAX_DEFAULT_LENGTH = 512
COUNTED_FROM_PADDING = frozenset(
    [
        "camembert",
        "data2vec-text",
        "esm",
        "ibert",
        "longformer",
        "luke",
        "mpnet",
        "roberta",
        "roberta-prelayernorm",
        "xlm-roberta",
        "xlm-roberta-xl",
        "xmod",
    ]
)
"""Architectures that count positions from the padding id on, and so have fewer than their config says."""
LANGUAGE_HEADS = (
    "cls.predictions.",
    "lm_head.",
    "lm_predictions.",
    "vocab_transform.",
    "generator_",
    "predictions.",
    "decoder.",
)
"""How the weights of language-model heads begin: BERT; RoBERTa, MPNet and decoders; DeBERTa; DistilBERT;
ELECTRA; ALBERT; ModernBERT."""
_ONE_AT_A_TIME = threading.RLock()


def load_tokenizer(folder: Path) -> Any:
    """Load the fast tokenizer of a model folder.

    Raises:
        ModelError: it has none.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        if type(error) is not Exception and not isinstance(error, _damaged(ImportError)):  # tokenizers' own
            raise
        raise ModelError(f"its tokenizer cannot be loaded: {first_line(error)}", where=str(folder)) from None
    if not tokenizer.is_fast:
        raise ModelError("it has no fast tokenizer (tokenizer.json)", where=str(folder))
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    if tokenizer.pad_token_id is None:
        raise ModelError("its tokenizer has neither a padding nor an end token", where=str(folder))
    tokenizer.padding_side = tokenizer.truncation_side = "right"
    return tokenizer


def _damaged(*more: type[Exception]) -> tuple[type[Exception], ...]:
    """Return what transformers raise over files that hold something else than they should, and `more`."""
    from huggingface_hub.errors import StrictDataclassError

    return OSError, ValueError, KeyError, TypeError, AttributeError, StrictDataclassError, *more


def has_language_head(folder: Path) -> bool:
    """Return whether a checkpoint holds weights of a language-model head, by their usual names."""
    from safetensors import safe_open

    names: set[str] = set()
    for file in folder.glob("*.safetensors"):
        with safe_open(file, "pt") as stored:
            names.update(stored.keys())
    return any(name.startswith(LANGUAGE_HEADS) for name in names)


def match_inputs(tokenizer: Any, model: Any) -> None:
    """Keep the tokenizer from making segment ids that the model has no embeddings for."""
    reads = "token_type_ids" in inspect.signature(model.forward).parameters
    if not reads or getattr(model.config, "type_vocab_size", 2) < 2:
        names = [name for name in tokenizer.model_input_names if name != "token_type_ids"]
        tokenizer.model_input_names = names
        tokenizer.init_kwargs["model_input_names"] = names  # what is saved


def load_config(folder: Path) -> Any:
    """Load the configuration of a model folder.

    Raises:
        ModelError: unreadable, or an architecture that transformers does not have.
    """
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except _damaged() as error:
        kind = _read_json(folder / "config.json").get("model_type", "?")
        raise ModelError(
            f"its architecture '{kind}' cannot be loaded: {first_line(error)}",
            where=str(folder),
            hint="Code that comes with a model is never run; choose an architecture that transformers has",
        ) from None
    if hasattr(config, "text_config") and not hasattr(config, "vocab_size"):
        raise ModelError(
            f"its architecture '{config.model_type}' reads more than text, and only models of text are tuned",
            where=str(folder),
            hint="Choose one of text alone: feinschliff models",
        )
    return config


def load_model(
    folder: Path,
    auto_class: str,
    *,
    dropout: float | None = None,
    seed: int = 0,
    pretrained: bool = True,
    complete: bool = False,
    **config_values: Any,
) -> Any:
    """Load a model with the head of a task, in float32.

    Args:
        folder: Its files.
        auto_class: Name of a transformers Auto class, such as `AutoModelForSequenceClassification`.
        dropout: Probability of dropout, see `set_dropout`; the checkpoint's own if None.
        seed: For the new head's weights.
        pretrained: False gives the same architecture with random weights.
        complete: The head's weights must be in the checkpoint too.
        config_values: Changes to the configuration, such as `id2label`. With the labels of the checkpoint its
            output layer is kept; with others, or for a number, it is new.

    Raises:
        ModelError: weights of the backbone are missing, the architecture has no such head, or the padding
            token is none of the model's.
    """
    import torch
    import transformers
    from safetensors import SafetensorError

    config = load_config(folder)
    padding = config_values.get("pad_token_id")
    if padding is not None and padding >= config.vocab_size:
        raise ModelError(
            f"its tokenizer pads with token {padding}, and the model knows {config.vocab_size:,} tokens",
            where=str(folder),
            hint="Take the padding token out of the tokenizer, or resize the model's embeddings",
        )
    labels = list((config.id2label or {}).values())
    for name, value in config_values.items():
        setattr(config, name, value)
    if dropout is not None:
        set_dropout(config, dropout)
    auto = getattr(transformers, auto_class)
    torch.manual_seed(seed)
    if not pretrained:
        return quietly(lambda: auto.from_config(config).float())
    try:
        model, info = quietly(
            lambda: auto.from_pretrained(
                folder,
                config=config,
                dtype=torch.float32,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
            )
        )
    except _damaged(RuntimeError, ImportError, SafetensorError) as error:
        raise ModelError(
            f"cannot be loaded as {auto_class}: {first_line(error)}", where=str(folder)
        ) from None
    _check_complete(model, info, folder, complete)
    is_number = config_values.get("num_labels") == 1
    if not complete and (is_number or labels != list((config.id2label or {}).values())):
        _renew_output(model, seed)
    return model


def set_dropout(config: Any, value: float) -> None:
    """Set the dropout probabilities a configuration has: `value`, and 0 for the weights of attention.

    Dropout of these keeps attention off its fast paths, see docs/experiments.md.
    """
    for name in list(vars(config)):
        old = getattr(config, name)
        if (
            ("dropout" in name or name.endswith("pdrop"))
            and isinstance(old, int | float | None)
            and not isinstance(old, bool)
        ):
            setattr(config, name, 0.0 if "attention" in name or "attn" in name else value)


def max_length(config: Any, tokenizer: Any, wanted: int | None) -> int:
    """Return the window length in tokens: `wanted`, within what the model can read.

    Raises:
        ConfigError: more was wanted than the model has positions.
    """
    positions = getattr(config, "max_position_embeddings", None)
    if positions and config.model_type in COUNTED_FROM_PADDING:
        positions -= tokenizer.pad_token_id + 1
    limits = [v for v in (positions, tokenizer.model_max_length) if isinstance(v, int) and 0 < v < 1_000_000]
    limit = min(limits, default=MAX_DEFAULT_LENGTH)
    if wanted is None:
        return min(limit, MAX_DEFAULT_LENGTH)
    if positions and wanted > positions:
        raise ConfigError(
            f"{wanted} is more than the model's {positions} positions",
            where="model.max_length_tokens",
            allowed=f"At most {positions}",
        )
    return wanted


def _renew_output(model: Any, seed: int) -> None:
    """Forget which output meant which label in a model that was tuned for other labels before."""
    import torch

    from feinschliff.models.layers import output_layer

    output = output_layer(model, model.config.num_labels)
    torch.manual_seed(seed)
    with torch.no_grad():
        output.weight.normal_(0.0, getattr(model.config, "initializer_range", 0.02))
        if output.bias is not None:
            output.bias.zero_()


def quietly(work: Callable[[], Any]) -> Any:
    """Load or save without transformers' own bars and tables; what matters in them is checked here.

    One at a time: transformers changes settings of torch for the whole process while it loads.
    """
    from transformers.utils import logging

    with _ONE_AT_A_TIME:
        bars, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
        logging.disable_progress_bar()
        logging.set_verbosity_error()
        try:
            return work()
        finally:
            logging.set_verbosity(level)
            if bars:
                logging.enable_progress_bar()


def _check_complete(model: Any, info: Any, folder: Path, complete: bool) -> None:
    from feinschliff.models.layers import head_names

    missing = set(info["missing_keys"]) | {m[0] for m in info["mismatched_keys"]}
    lost = sorted(missing if complete else missing - head_names(model))
    names = {n for n, _ in model.named_parameters()}
    lost = [n for n in lost if n in names]
    if lost:
        raise ModelError(
            f"the checkpoint lacks {len(lost)} weights, such as {lost[0]}",
            where=str(folder),
            hint="The folder is damaged, or made for another architecture than its config.json says",
        )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return tree if isinstance(tree, dict) else {}
