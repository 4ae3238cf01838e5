"""The most probable legal sequence of tags, against trying all of them."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from feinschliff.tasks._viterbi import best_tags


def legal(tags) -> bool:
    """Whether each I follows a B or I of its type; odd tags are B, the even ones after them I."""
    return all(
        tag == 0 or tag % 2 or before in (tag, tag - 1)
        for before, tag in zip([0, *tags[:-1]], tags, strict=True)
    )


@given(st.integers(0, 10**6), st.integers(1, 2), st.lists(st.integers(1, 4), max_size=4))
def test_equals_the_best_of_all_legal_sequences(seed, num_types, lengths):
    width = 1 + 2 * num_types
    scores = np.random.default_rng(seed).normal(0, 2, (sum(lengths), width)).astype(np.float32)
    record = np.repeat(np.arange(len(lengths)) * 3, lengths)
    found = best_tags(scores, record)
    begin = 0
    for length in lengths:
        part, tags = scores[begin : begin + length], found[begin : begin + length]
        begin += length
        ways = [way for way in itertools.product(range(width), repeat=length) if legal(way)]
        best = max(part[np.arange(length), list(way)].sum() for way in ways)
        assert legal(tags.tolist())
        np.testing.assert_allclose(part[np.arange(length), tags].sum(), best, rtol=1e-5, atol=1e-5)


def test_nothing_to_decode():
    assert best_tags(np.zeros((0, 5), np.float32), np.zeros(0, np.int64)).tolist() == []


def test_an_impossible_way_is_left_for_the_next_best():
    scores = np.log(np.array([[0.5, 0.1, 0.4], [0.1, 0.1, 0.8]]))
    assert best_tags(scores, np.array([0, 0])).tolist() == [1, 2]
