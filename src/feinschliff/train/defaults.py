"""Settings chosen by the size of the model and of the data; see docs/experiments.md for the measurements."""

from __future__ import annotations

from typing import Any

from feinschliff.config import TrainConfig
from feinschliff.models.precision import resolve_device

SMALL_PARAMETERS = 40_000_000
"""Backbones without embeddings up to this size count as small."""

FEW_LABELS = 10
"""Up to so many labels of a text are told apart with small changes to a sentence encoder."""

HEAD_RATE = 1e-3
"""Of the new head, whatever the size of the model: at a tenth, many labels of few texts are not learnt."""

BATCH_SIZES = {"text": 32, "token": 16}
TOKEN_DROPOUT = 0.1
"""Where words are labelled."""

MOST_TOKENS, LEAST_TOKENS = 4096, 1024
"""Tokens computed at once, of MiniLM and of models much larger; what is kept of each for the way back grows
with layers and width, of which the number of weights grows with the square."""
MINILM_PARAMETERS = 10_700_000


def resolve(
    settings: TrainConfig, backbone_parameters: int, num_records: int, num_labels: int, unit: str = "text"
) -> TrainConfig:
    """Fill the settings that are None.

    Args:
        settings: As configured.
        backbone_parameters: Weights of the backbone without its embeddings.
        num_records: Training records.
        num_labels: Labels or entity types; 0 for regression.
        unit: What a task labels: `text` or `token`.
    """
    small = backbone_parameters <= SMALL_PARAMETERS
    many_labels = unit == "text" and num_labels > FEW_LABELS
    lora = settings.method == "lora"
    rate = settings.learning_rate or (_lora_rate(small, unit) if lora else _rate(small, many_labels))
    chosen = {
        "learning_rate": rate,
        "head_learning_rate": settings.head_learning_rate or max(rate, HEAD_RATE),
        "epochs": settings.epochs or _epochs(num_records, num_labels, unit),
        "batch_size": settings.batch_size or BATCH_SIZES[unit],
        "micro_batch_tokens": micro_batch_tokens(settings, backbone_parameters),
        "layer_decay": settings.layer_decay or (1.0 if small else 0.9),
        "dropout": dropout(settings, unit),
    }
    return settings.model_copy(update=chosen)


CHOSEN = (
    "learning_rate",
    "head_learning_rate",
    "epochs",
    "batch_size",
    "micro_batch_tokens",
    "layer_decay",
    "dropout",
)
"""What `resolve` fills."""


def left_open(settings: TrainConfig, *facts: Any) -> TrainConfig:
    """Return the settings with None where they are what `resolve` chooses by itself.

    A run's `config.yaml` holds every value. Parts of the data that are trained for comparison have values of
    their own, also when the run is repeated from that file.

    Args:
        facts: As `resolve` takes them after the settings.
    """
    automatic = resolve(settings.model_copy(update=dict.fromkeys(CHOSEN)), *facts)
    same = [name for name in CHOSEN if getattr(settings, name) == getattr(automatic, name)]
    return settings.model_copy(update=dict.fromkeys(same))


def backbone_parameters(network: Any) -> int:
    """Return the number of weights of a network's backbone, without its embeddings."""
    found = sum(p.numel() for p in network.base_model.parameters())
    return found - network.get_input_embeddings().weight.numel()


def dropout(settings: TrainConfig, unit: str) -> float:
    """Return the dropout: names are learnt by heart without it, what whole texts say is not."""
    if settings.dropout is not None:
        return settings.dropout
    return TOKEN_DROPOUT if unit == "token" else 0.0


def micro_batch_tokens(settings: TrainConfig, backbone_parameters: int) -> int:
    """Return how many tokens are computed at once: on a CPU fewer of a larger model, for equal memory."""
    if settings.micro_batch_tokens:
        return settings.micro_batch_tokens
    if resolve_device(settings.device).type != "cpu":
        return MOST_TOKENS
    share = min(1.0, (MINILM_PARAMETERS / max(1, backbone_parameters)) ** 0.5)
    return max(LEAST_TOKENS, round(MOST_TOKENS * share / 64) * 64)


def _lora_rate(small: bool, unit: str) -> float:
    if not small:
        return 2e-4
    return 1e-3 if unit == "text" else 5e-4


def _rate(small: bool, many_labels: bool) -> float:
    if not small:
        return 5e-5
    return 2e-4 if many_labels else 1e-4


def _epochs(num_records: int, num_labels: int, unit: str) -> float:
    """Return 3 passes, up to 20 where the data is so small that they would be too few steps to learn from.

    Two classes are learnt in some 75 steps of 32 records and overfitted in 150; each further class needs
    about three more. Tags of words gain for longer: 820 such steps for six types of entities.
    """
    steps = 700 + 20 * num_labels if unit == "token" else 70 + 3 * num_labels
    return float(min(20, max(3, round(steps * 32 / max(1, num_records)))))
