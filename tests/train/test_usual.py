"""The sample of training texts that says what is usual."""

from __future__ import annotations

import numpy as np
import pytest

from feinschliff.encode import Encoded
from feinschliff.evaluate.novelty import SAMPLE
from feinschliff.train.novelty import SAMPLE_TOKENS, sample


def texts(*tokens: int) -> Encoded:
    starts = np.concatenate([[0], np.cumsum(tokens)]).astype(np.int64)
    ids = np.zeros(starts[-1], np.int32)
    rows = np.arange(len(tokens), dtype=np.int32)
    return Encoded(ids, starts, rows, len(tokens), None, None, np.array(tokens, np.int32), 512, 0)


def test_of_short_texts_a_number_is_drawn_without_repeats():
    rows = sample(texts(*[3] * (SAMPLE + 500)))
    assert len(np.unique(rows)) == len(rows) == SAMPLE
    assert np.array_equal(rows, np.sort(rows))
    assert rows[-1] >= SAMPLE  # not simply the first ones


@pytest.mark.parametrize("length", [SAMPLE_TOKENS // 10, SAMPLE_TOKENS // 4])
def test_of_long_texts_fewer_are_drawn(length):
    assert len(sample(texts(*[length] * 30))) == SAMPLE_TOKENS // length


def test_one_text_is_always_drawn():
    assert len(sample(texts(2 * SAMPLE_TOKENS, 2 * SAMPLE_TOKENS))) == 1
