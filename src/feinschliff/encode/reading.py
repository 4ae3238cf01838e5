"""How a model reads text: the settings that training and prediction must share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from feinschliff.encode.tokenise import Encoded, tokenise


@dataclass(frozen=True)
class Reading:
    """The settings of `tokenise`, stored with the model.

    Attributes:
        max_length_tokens: Tokens of a window.
        long_text: `windows` or `truncate`.
        window_overlap_tokens: Tokens shared by neighbouring windows.
        pairs: Whether records are pairs of texts.
    """

    max_length_tokens: int
    long_text: str = "windows"
    window_overlap_tokens: int = 32
    pairs: bool = False

    def encode(
        self, tokenizer: Any, texts: Sequence[str], pairs: Sequence[str] | None = None, *, offsets: bool = False
    ) -> Encoded:
        """Tokenise texts, or pairs of texts, the way this model reads them."""
        return tokenise(
            tokenizer,
            texts,
            pairs if self.pairs else None,
            max_length_tokens=self.max_length_tokens,
            windows=self.long_text == "windows",
            overlap_tokens=self.window_overlap_tokens,
            offsets=offsets,
        )
