"""Hide tokens of a text so that a model learns to find them.

Source: Devlin et al., "BERT", NAACL 2019, section 3.1 (of the chosen tokens 80 % become the mask, 10 %
another token, 10 % stay); Wettig et al., "Should You Mask 15% in Masked Language Modeling?", EACL 2023,
for larger shares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

BECOME_MASK, BECOME_OTHER = 0.8, 0.1


@dataclass
class Masking:
    """What may be hidden, and how.

    Attributes:
        share: Share of the tokens that are chosen.
        mask_id: Id of the mask token.
        special: bool [V], ids that are never chosen.
        inside: bool [V], ids that go on with the word before them; None hides single tokens.
        ids: int64 [K], tokens that may stand in for another.
    """

    share: float
    mask_id: int
    special: torch.Tensor
    inside: torch.Tensor | None
    ids: torch.Tensor

    def choose(self, input_ids: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """Return bool [B, L], the tokens to hide; at least one in every text that has any."""
        allowed = ~self.special[input_ids]
        dice = torch.rand(input_ids.shape, generator=generator, device=input_ids.device)
        if self.inside is not None:
            starts = allowed & ~self.inside[input_ids]
            starts[:, 0] = True
            starts |= allowed & (~allowed).roll(1, dims=1)
            dice = dice.gather(1, word_heads(starts))
        dice = dice.masked_fill(~allowed, 2.0)
        lowest = dice.min(dim=1, keepdim=True).values
        return allowed & ((dice < self.share) | (dice == lowest))

    def hide(
        self, input_ids: torch.Tensor, chosen: torch.Tensor, generator: torch.Generator | None = None
    ) -> torch.Tensor:
        """Return the ids with the chosen tokens hidden: int64 [B, L]."""
        options: dict[str, Any] = {"generator": generator, "device": input_ids.device}
        fate = torch.rand(input_ids.shape, **options)
        other = self.ids[torch.randint(len(self.ids), input_ids.shape, **options)]
        found = torch.where(chosen & (fate < BECOME_MASK), self.mask_id, input_ids)
        is_other = chosen & (fate >= BECOME_MASK) & (fate < BECOME_MASK + BECOME_OTHER)
        return torch.where(is_other, other, found)


def word_heads(starts: torch.Tensor) -> torch.Tensor:
    """Return int64 [B, L], the position at which each token's word starts.

    >>> word_heads(torch.tensor([[True, False, False, True, False]])).tolist()
    [[0, 0, 0, 3, 3]]
    """
    places = torch.arange(starts.shape[1], device=starts.device).expand(starts.shape)
    return torch.where(starts, places, 0).cummax(dim=1).values


def masking(
    tokenizer: Any, share: float, whole_words: bool, ids: np.ndarray, size: int, device: torch.device
) -> Masking:
    """Return how to hide tokens of a tokenizer.

    Args:
        ids: int [K], tokens that occur.
        size: Rows of the model's embeddings.
    """
    special = np.zeros(size, bool)
    special[[i for i in tokenizer.all_special_ids if i < size]] = True
    inside = torch.from_numpy(continuations(tokenizer, size)).to(device) if whole_words else None
    ordinary = np.asarray(ids, np.int64)
    ordinary = ordinary[~special[ordinary]]
    return Masking(
        share,
        tokenizer.mask_token_id,
        torch.from_numpy(special).to(device),
        inside,
        torch.from_numpy(ordinary).to(device),
    )


def continuations(tokenizer: Any, size: int) -> np.ndarray:
    """Return bool [size]: the tokens that go on with a word, by the conventions of the three families.

    WordPiece marks them (`##ing`); SentencePiece and byte-level BPE mark the others (`\\u2581word`, `Ġword`).
    """
    tokens = tokenizer.get_vocab()
    found = np.zeros(size, bool)
    names = list(tokens)
    marks = {mark: sum(name.startswith(mark) for name in names) for mark in ("##", "\u2581", "Ġ")}
    mark = max(marks, key=lambda m: marks[m])
    added = set(tokenizer.get_added_vocab())
    for name, number in tokens.items():
        if number < size and name not in added and marks[mark]:
            found[number] = name.startswith(mark) == (mark == "##")
    return found
