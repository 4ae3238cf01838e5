"""Arrays that grow, in memory and on disk."""

import dataclasses

import numpy as np
import pytest

import tiny
from feinschliff.encode import column, tokenise
from feinschliff.encode.column import Column


@pytest.mark.parametrize("large", [10**9, 64, 0])
def test_rows_come_back_in_order(monkeypatch, large):
    monkeypatch.setattr(column, "LARGE_BYTES", large)
    parts = [np.arange(n * 2, dtype=np.int32).reshape(n, 2) for n in (3, 0, 50, 1)]
    grown = Column(np.int32, 2)
    for part in parts:
        grown.append(part)
    found = grown.finish()
    assert isinstance(found, np.memmap) == (large < 10**9)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, np.concatenate(parts))


@pytest.mark.parametrize("large", [10**9, 0])
def test_nothing_is_an_empty_array(monkeypatch, large):
    monkeypatch.setattr(column, "LARGE_BYTES", large)
    assert Column(np.int8).finish().shape == (0,)
    assert Column(np.int32, 2).finish().shape == (0, 2)


def test_tokens_on_disk_are_the_tokens_in_memory(monkeypatch):
    texts = ["one two three " * 40, "", "four"]
    options = {"max_length_tokens": 16, "label_pieces": "first"}
    tokenizer = tiny.tokenizer_of("wordpiece", 64)
    small = tokenise(tokenizer, texts, **options)
    monkeypatch.setattr(column, "LARGE_BYTES", 0)
    large = tokenise(tokenizer, texts, **options)
    assert isinstance(large.input_ids, np.memmap)
    for field in dataclasses.fields(small):
        np.testing.assert_array_equal(getattr(small, field.name), getattr(large, field.name))


def test_a_full_disk_is_an_error_with_its_reason(monkeypatch):
    class Full:
        def write(self, *_):
            raise OSError(28, "No space left on device")

        def fileno(self):
            raise OSError(28, "No space left on device")

        def flush(self):
            pass

    monkeypatch.setattr(column, "LARGE_BYTES", 0)
    monkeypatch.setattr(column.tempfile, "TemporaryFile", lambda **_: Full())
    with pytest.raises(OSError, match="No space"):
        Column(np.int8).append(np.zeros(3, np.int8))
