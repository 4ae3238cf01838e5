"""How a model reads text: the settings that training and prediction must share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from feinschliff.encode.tokenise import Encoded, tokenise


@dataclass(frozen=True)
class Reading:
    """The settings of `tokenise`, stored with the model.

    Attributes:
        max_length_tokens: Tokens of a window.
        long_text: `windows` or `truncate`.
        window_overlap_tokens: Tokens shared by neighbouring windows.
        pairs: Whether records are pairs of texts.
        label_pieces: Tokens that carry a word's label, `first` or `all`.
        words: What counts as a word, `narrow` or `wide`, see `words`.
        between: What stands between the texts of a pair where the tokenizer puts nothing there.
    """

    max_length_tokens: Annotated[int, Field(ge=1)]
    long_text: str = "windows"
    window_overlap_tokens: Annotated[int, Field(ge=0)] = 32
    pairs: bool = False
    label_pieces: str = "first"
    words: str = "narrow"
    between: str = ""

    def encode(
        self, tokenizer: Any, texts: Sequence[str], pairs: Sequence[str] | None = None, *, units: bool = False
    ) -> Encoded:
        """Tokenise texts, or pairs of texts, as the model reads them; `units` for tasks that label words."""
        return tokenise(
            tokenizer,
            texts,
            pairs if self.pairs else None,
            max_length_tokens=self.max_length_tokens,
            windows=self.long_text == "windows",
            overlap_tokens=self.window_overlap_tokens,
            label_pieces=self.label_pieces if units else None,
            words=self.words,
            between=self.between,
        )
