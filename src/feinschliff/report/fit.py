"""How well a tokenizer fits the language of the data, and the test split that of train."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from typing import Any

from feinschliff.data import Dataset, Records
from feinschliff.encode.splitting import costly, pieces_of

MAX_TEXTS = 5000
"""Texts of a split whose words are cut into pieces, from all parts of it."""
MOST_SPLIT = 12
FREQUENT = 3
"""A word counts as frequent from this number of occurrences on."""
WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")


def adaptation_facts(tokenizer: Any, dataset: Dataset) -> dict[str, Any]:
    """Return the `adaptation` part.

    Returns:
        `tokens_per_word`: pieces for each running word of train; `unknown_share`: unknown ones of them;
        `test_tokens_per_word`; `new_words_share`: running words of test that train does not hold;
        `split_words`: the frequent words whose splitting costs most, as {"word", "count", "pieces"}.
    """
    train, test = _words(dataset.train), _words(dataset.test)
    counts, known = _in_all(dataset.train, train.keys(), {word.lower() for word in test})
    pieces = pieces_of(tokenizer, sorted(train.keys() | test.keys()))
    unknown = tokenizer.unk_token_id
    running = sum(len(pieces[word]) * count for word, count in train.items())
    lost = sum(pieces[word].count(unknown) * count for word, count in train.items())
    new = sum(count for word, count in test.items() if word.lower() not in known)
    return {
        "tokens_per_word": _share(running, train.total()),
        "test_tokens_per_word": _share(sum(len(pieces[w]) * c for w, c in test.items()), test.total()),
        "unknown_share": _share(lost, running),
        "new_words_share": _share(new, test.total()),
        "split_words": [
            {"word": word, "count": counts[word], "pieces": tokenizer.convert_ids_to_tokens(pieces[word])}
            for word in costly(train, pieces, FREQUENT)[:MOST_SPLIT]
        ],
    }


def _words(records: Records) -> Counter[str]:
    found: Counter[str] = Counter()
    for texts in (records.texts, records.pairs or ()):
        for text in texts[:: -(-len(texts) // MAX_TEXTS) or 1]:
            found.update(WORD.findall(text))
    return found


def _in_all(
    records: Records, words: Collection[str], lower: Collection[str]
) -> tuple[Counter[str], set[str]]:
    """Return how often each of the words stands in all texts, and which of those in lower case do."""
    counts: Counter[str] = Counter()
    known = set()
    for texts in (records.texts, records.pairs or ()):
        for text in texts:
            for word in WORD.findall(text):
                if word in words:
                    counts[word] += 1
                if (small := word.lower()) in lower:
                    known.add(small)
    return counts, known


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
