"""How a tokenizer splits the words of a domain, and words of the domain's own in its vocabulary."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from feinschliff.encode.splitting import costly, pieces_of
from feinschliff.errors import ConfigError

WORD = re.compile(r"[^\W\d_]+")
"""Letters alone: every tokenizer takes `company's` and `long-term` apart."""
MOST_CHARACTERS = 20_000_000
"""Characters of the texts in which words are counted, taken evenly."""
FREQUENT = 5
"""A word counts as frequent from this number of occurrences on."""
SHOWN = 20


def count_words(texts: Sequence[str]) -> Counter[str]:
    """Count the words as they are written."""
    found: Counter[str] = Counter()
    step = max(1, round(sum(map(len, texts)) / MOST_CHARACTERS))
    for text in texts[::step]:
        found.update(WORD.findall(text))
    return found


def facts(tokenizer: Any, words: Counter[str]) -> dict[str, Any]:
    """Say how a tokenizer splits words.

    Returns:
        `pieces_per_word` of running words; `whole_share`, the share of them that is one piece;
        `unknown_share` of their pieces; `split`: the frequent words whose splitting costs most, as {"word",
        "count", "pieces"}.
    """
    pieces = pieces_of(tokenizer, list(words))
    running = words.total()
    total = sum(len(pieces[word]) * count for word, count in words.items())
    unknown = sum(pieces[word].count(tokenizer.unk_token_id) * count for word, count in words.items())
    whole = sum(count for word, count in words.items() if len(pieces[word]) == 1)
    return {
        "words": running,
        "pieces_per_word": total / running if running else None,
        "whole_share": whole / running if running else None,
        "unknown_share": unknown / total if total else None,
        "split": [
            {"word": word, "count": words[word], "pieces": tokenizer.convert_ids_to_tokens(pieces[word])}
            for word in costly(words, pieces, FREQUENT)[:SHOWN]
        ],
    }


def add_words(network: Any, tokenizer: Any, words: Counter[str], number: int) -> list[str]:
    """Give the words whose splitting costs most a token of their own; tokenizer and network are changed.

    The vector of a new token, and of an untied output layer, begins as the mean of those of its old pieces.

    Args:
        network: A transformers model with all rows of its embeddings.
        words: Words of the domain with their counts.
        number: Tokens to add.

    Returns:
        The words added, most worthwhile first.

    Raises:
        ConfigError: fewer words are split than are to be added.
    """
    pieces = pieces_of(tokenizer, list(words))
    chosen = _distinct(tokenizer, costly(words, pieces, FREQUENT))
    added = [word for _, word in zip(range(number), chosen, strict=False)]
    if len(added) < number:
        raise ConfigError(
            f"only {len(added):,} frequent words are split by this tokenizer",
            where="adapt.add_words",
            allowed=f"At most {len(added)}",
        )
    from tokenizers import AddedToken

    # other families than WordPiece keep the blank before a word in its token
    blank = type(tokenizer.backend_tokenizer.model).__name__ != "WordPiece"
    tokens = [AddedToken(word, single_word=True, lstrip=blank, normalized=True) for word in added]
    old = pieces_of(tokenizer, added).values()  # as normalised: "Licensee" may be "licensee" now
    tokenizer.add_tokens(tokens)
    rows = [tokenizer.convert_tokens_to_ids(word) for word in added]
    network.resize_token_embeddings(max(len(tokenizer), network.config.vocab_size), mean_resizing=False)
    layers = [network.get_input_embeddings(), network.get_output_embeddings()]
    tables = {id(layer.weight): layer.weight for layer in layers if layer is not None}
    with torch.no_grad():
        for table in tables.values():
            means = torch.stack([table[ids].mean(0) for ids in old])
            table[rows] = means
    return added


def _distinct(tokenizer: Any, words: Sequence[str]) -> Iterator[str]:
    """Yield words as the tokenizer normalises them, each form once."""
    normalizer = tokenizer.backend_tokenizer.normalizer
    seen = set()
    for word in words:
        form = normalizer.normalize_str(word).strip(" \u2581") if normalizer else word
        if form and form not in seen and WORD.fullmatch(form):
            seen.add(form)
            yield form
