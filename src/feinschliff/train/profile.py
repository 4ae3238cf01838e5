"""What the training data looks like, kept with the model so that incoming texts can be compared with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from feinschliff.encode import Encoded, tokens_of
from feinschliff.evaluate.drift import SAMPLE, Facts, Profile, of_answers, of_texts

if TYPE_CHECKING:
    from feinschliff.data import Records
    from feinschliff.evaluate import Predictions


def profile(tokenizer: Any, train: Records, encoded: Encoded, on_dev: Predictions) -> Profile:
    """Describe a sample of the training texts, and the answers to texts of dev.

    Answers to training texts would not do: of those a model is surer than of new ones.

    Args:
        tokenizer: That of the model.
        train: What it was trained on.
        encoded: The same, as tokens.
        on_dev: What it predicts for dev.
    """
    rng = np.random.default_rng(0)
    rows = np.sort(rng.permutation(len(train))[:SAMPLE])
    some = train.take(rows)
    ids, owner = tokens_of(encoded, rows)
    unknown = tokenizer.unk_token_id
    numbers, words = of_texts(some.texts, ids, owner, unknown, some.pairs)
    more, labels = of_answers(on_dev.take(np.sort(rng.permutation(len(on_dev))[:SAMPLE])))
    return Profile(Facts({**numbers, **more}, words, labels, on_dev.labels), unknown)
