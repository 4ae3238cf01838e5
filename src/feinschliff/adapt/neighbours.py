"""Which words of a domain a model takes for alike, before and after.

The vector of a word is the mean of the model's hidden states over its occurrences in held-out texts, less the
mean over all words.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from feinschliff.adapt.vocabulary import WORD
from feinschliff.models.attention import choose_attention
from feinschliff.models.precision import autocast

MOST_BLOCKS = 240
"""Pieces of text that are read, spread over the texts."""
CHARACTERS = 500
"""Length of such a piece."""
LEAST_SEEN = 3
"""Occurrences from which on a word takes part."""
LETTERS = 4
"""Letters from which on a word takes part."""
TERM_LETTERS = 6
"""Letters from which on a word can be a term: shorter ones are mostly function words."""
TERMS, NEAREST = 8, 5
AT_ONCE = 16


def terms(words: Mapping[str, int], general: Mapping[str, int], known: Sequence[str]) -> list[str]:
    """Return words that are typical of a domain, by Dunning's log-likelihood ratio against general texts.

    Args:
        words, general: Counts of lower-case words of the domain and of general texts.
        known: Lower-case words to choose from.

    Source: Dunning, "Accurate Methods for the Statistics of Surprise and Coincidence", Computational
    Linguistics 19, 1993.
    """
    mine, theirs = sum(words.values()), max(1, sum(general.values()))

    def typical(word: str) -> float:
        a, b = words.get(word, 0), general.get(word, 0)
        share = (a + b) / (mine + theirs)
        score = a * math.log(a / (mine * share)) if a else 0.0
        score += b * math.log(b / (theirs * share)) if b else 0.0
        return score if a / mine > b / theirs else -score

    long = [word for word in known if len(word) >= TERM_LETTERS] or known
    return sorted(long, key=lambda word: (-typical(word), word))[:TERMS]


class Words:
    """Vectors of the words of some texts.

    Args:
        texts: Texts the model has not learnt from.
        limit: Tokens of a piece that are read at most.
    """

    def __init__(self, texts: Sequence[str], limit: int):
        self.limit = limit
        pieces = [t[i : i + CHARACTERS] for t in texts for i in range(0, max(1, len(t) - 50), CHARACTERS)]
        keep = np.unique(np.linspace(0, len(pieces) - 1, min(MOST_BLOCKS, len(pieces))).astype(int))
        self.pieces = [pieces[i] for i in keep]
        counts = Counter(word.lower() for piece in self.pieces for word in WORD.findall(piece))
        self.names = sorted(w for w, n in counts.items() if n >= LEAST_SEEN and len(w) >= LETTERS)

    def vectors(self, backbone: Any, tokenizer: Any, device: torch.device, precision: str) -> np.ndarray:
        """Return float32 [W, H], of length one, in the order of `names`."""
        number = {word: i for i, word in enumerate(self.names)}
        width = backbone.config.hidden_size
        sums, counts = np.zeros((len(number), width)), np.zeros(len(number))
        backbone.eval()
        for begin in range(0, len(self.pieces), AT_ONCE):
            texts = self.pieces[begin : begin + AT_ONCE]
            read = tokenizer(
                texts,
                padding=True,
                truncation=True,
                max_length=self.limit,
                return_offsets_mapping=True,
                return_tensors="pt",
            )
            choose_attention(backbone, device.type, read["input_ids"].shape[1])
            with torch.inference_mode(), autocast(device, precision):
                hidden = backbone(
                    input_ids=read["input_ids"].to(device), attention_mask=read["attention_mask"].to(device)
                ).last_hidden_state
            states = hidden.float().cpu().numpy()
            for text, row, offsets in zip(texts, states, read["offset_mapping"].numpy(), strict=True):
                for word, places in _places(text, offsets).items():
                    if word in number:
                        sums[number[word]] += row[places].sum(0)
                        counts[number[word]] += len(places)
        means = sums / np.maximum(counts, 1)[:, None]
        means -= means.mean(0)
        return (means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)).astype(np.float32)

    def nearest(self, vectors: np.ndarray, word: str) -> list[str]:
        """Return the words most like one of them."""
        own = self.names.index(word)
        order = np.argsort(-(vectors @ vectors[own]), kind="stable")
        return [self.names[i] for i in order if i != own][:NEAREST]


def _places(text: str, offsets: np.ndarray) -> dict[str, list[int]]:
    """Return the tokens of each word of a text, as offsets show them."""
    owner = np.full(len(text) + 1, -1)
    names: list[str] = []
    for found in WORD.finditer(text):
        owner[found.start() : found.end()] = len(names)
        names.append(found.group().lower())
    places: dict[str, list[int]] = defaultdict(list)
    for token, (_, end) in enumerate(offsets):
        if end and (word := owner[end - 1]) >= 0:
            places[names[word]].append(token)
    return places
