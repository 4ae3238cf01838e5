"""Settings of an adaptation chosen by the kind and size of the model; see docs/experiments.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from feinschliff.config import TrainConfig
from feinschliff.models.load import has_language_head
from feinschliff.train.defaults import SMALL_PARAMETERS, micro_batch_tokens


def choose_objective(asked: str, folder: Path, tokenizer: Any) -> str:
    """Return the objective by the kind of model, where `auto` leaves the choice.

    A model without a mask token is a decoder. One that comes with its language-model head goes on as it was
    pretrained; one that lost its head was made a sentence encoder since, and is anchored to its vectors.
    """
    if asked != "auto":
        return asked
    if tokenizer.mask_token_id is None:
        return "causal"
    return "mlm" if has_language_head(folder) else "anchored"


def resolve(settings: TrainConfig, backbone_parameters: int, head_is_new: bool) -> TrainConfig:
    """Fill the settings that are None.

    Args:
        settings: As configured.
        backbone_parameters: Weights of the backbone without its embeddings.
        head_is_new: Whether the head has just been made and may learn faster than the backbone.
    """
    small = backbone_parameters <= SMALL_PARAMETERS
    rate = settings.learning_rate or (5e-4 if small or settings.method == "lora" else 5e-5)
    chosen: dict[str, Any] = {
        "learning_rate": rate,
        "head_learning_rate": settings.head_learning_rate or (max(rate, 1e-3) if head_is_new else rate),
        "epochs": settings.epochs or 1.0,
        "batch_size": settings.batch_size or 32,
        "micro_batch_tokens": micro_batch_tokens(settings, backbone_parameters),
        "layer_decay": settings.layer_decay or 1.0,
        "dropout": 0.0 if settings.dropout is None else settings.dropout,
    }
    return settings.model_copy(update=chosen)
