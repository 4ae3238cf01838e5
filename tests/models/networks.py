"""Networks of the BERT family with random weights, without tokenizers."""

from typing import Any

import torch
import transformers

KINDS = {
    "bert": "Bert",
    "roberta": "Roberta",
    "xlm-roberta": "XLMRoberta",
    "electra": "Electra",
    "camembert": "Camembert",
}


def network(kind: str, head: str, **more: Any) -> Any:
    """Return a network of three layers and three labels, without dropout, that predicts."""
    values = {
        "vocab_size": 50,
        "hidden_size": 16,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 60,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "num_labels": 3,
    }
    torch.manual_seed(0)
    config = getattr(transformers, f"{KINDS[kind]}Config")(**values | more)
    return getattr(transformers, f"{KINDS[kind]}For{head}")(config).eval()
