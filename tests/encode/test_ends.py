"""Ends that were written in a text are no ends."""

import numpy as np
import pytest

from feinschliff.encode.ends import without_inner_ends
from feinschliff.encode.tokenise import Encoded

END, OTHER = 2, 3


@pytest.mark.parametrize(
    ("windows", "num_ends", "expected"),
    [
        ([[0, 5, 2], [0, 2, 5, 2, 2]], 1, [[0, 5, 2], [0, 3, 5, 3, 2]]),
        ([[0, 5, 2, 2, 6, 2], [0, 2, 5, 2, 2, 6, 2]], 3, [[0, 5, 2, 2, 6, 2], [0, 3, 5, 2, 2, 6, 2]]),
        ([[7], [7, 8]], 0, [[7], [7, 8]]),
    ],
)
def test_the_last_ends_of_a_window_stay(windows, num_ends, expected):
    lengths = [len(window) for window in windows]
    encoded = Encoded(
        input_ids=np.concatenate(windows).astype(np.int32),
        starts=np.concatenate([[0], np.cumsum(lengths)]),
        record=np.arange(len(windows), dtype=np.int32),
        num_records=len(windows),
        token_type_ids=None,
        offsets=None,
        full_lengths=np.array(lengths, np.int32),
        limit=8,
        cut=0,
    )
    found = without_inner_ends(encoded, END, num_ends, OTHER)
    assert found.input_ids.dtype == np.int32
    assert found.input_ids.tolist() == [token for window in expected for token in window]
