"""What goes beyond scores, as realistic parts of a result."""

from __future__ import annotations

from typing import Any


def evidence() -> dict[str, Any]:
    """Return the parts on explanations of a sentiment model."""
    return {"explanations": explanations()}


def explanations() -> dict[str, Any]:
    """Return explanations that hold."""
    words = {"negative": ("dull", "waste", "bad"), "positive": ("best", "moving", "charming")}
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
            "shares": [0.1, 0.2, 0.3, 0.4, 0.5],
            "by_weight": [0.31, 0.38, 0.44, 0.48, 0.49],
            "at_random": [0.07, 0.1, 0.16, 0.18, 0.2],
            "gain": {"value": 0.278, "low": 0.224, "high": 0.331},
            "texts": 60,
        },
    }
