"""What goes beyond scores, as realistic parts of a result."""

from __future__ import annotations

from typing import Any


def evidence() -> dict[str, Any]:
    """Return the parts on explanations and labels of a sentiment model."""
    return {"explanations": explanations(), "label_errors": label_errors(), "robustness": robustness()}


def robustness() -> dict[str, Any]:
    """Return changes that do harm, none, and that change nothing."""
    own = {"metric": "macro_f1"}
    return {
        "texts": 300,
        "value": 0.84,
        **own,
        "changes": [
            {
                "change": "typos",
                "altered": 0.9,
                "same": 0.93,
                "value": 0.8,
                "difference": {"value": -0.04, "low": -0.065, "high": -0.012},
                **own,
            },
            {"change": "lower", "altered": 0.0},
        ],
    }


def label_errors() -> dict[str, Any]:
    """Return labels that look wrong."""
    row = {
        "place": "reviews.csv:12",
        "id": "11",
        "split": "train",
        "text": "Not bad at all, and I would go again.",
        "label": "negative",
        "suggestion": "positive",
        "probability": 0.03,
    }
    return {
        "shares": {"train": 0.021, "test": 0.012},
        "counts": {"train": 90, "test": 13},
        "rows": [row, row | {"place": "reviews.csv:77", "split": "test", "probability": 0.08}],
    }


def explanations() -> dict[str, Any]:
    """Return explanations that hold."""
    words = {"negative": ("dull",), "positive": ("best", "moving")}
    return {
        "texts": 60,
        "gap": 0.012,
        "typical": [
            {
                "label": label,
                "texts": 30,
                "words": [{"word": w, "weight": 3.2 - i, "texts": 2 + i} for i, w in enumerate(own)],
            }
            for label, own in words.items()
        ],
        "deletion": {
            "shares": [0.1, 0.5],
            "by_weight": [0.31, 0.49],
            "at_random": [0.07, 0.2],
            "gain": {"value": 0.278, "low": 0.224, "high": 0.331},
            "texts": 60,
        },
    }
