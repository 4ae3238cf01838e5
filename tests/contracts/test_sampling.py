"""Long texts are looked at in smaller numbers, so that a report takes as long as with short ones."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from test_tasks import model_of

from feinschliff.config import load_config
from feinschliff.data import Records
from feinschliff.report import reasons
from feinschliff.report.sampling import CANDIDATES, draw, within


def texts_of(*lengths: int) -> Records:
    return Records(pa.table({"text": [" ".join(["good"] * length) for length in lengths]}))


@pytest.fixture
def model(encoder):
    return model_of("classification", encoder("bert"))


def test_tokens_of_all_windows_count(model):
    short, long = model.encode(["good", " ".join(["good"] * 300)]).record_tokens
    assert short == model.encode(["good"]).lengths.sum()
    assert long > 300 * (short - 2)  # beside the two special tokens; what windows share counts twice


def test_short_texts_are_drawn_as_many_as_wanted(model):
    rows = draw(model, texts_of(*[5] * 50), most_texts=20, tokens_each=32, seed=1)
    assert len(set(rows)) == 20
    assert list(rows) == sorted(rows)
    assert not np.array_equal(rows, draw(model, texts_of(*[5] * 50), 20, 32, seed=2))


def test_of_long_texts_fewer_are_drawn(model):
    given = texts_of(*[30] * 50)
    rows = draw(model, given, most_texts=20, tokens_each=32, seed=1)
    tokens = model.encode(given.take(rows).texts).record_tokens.sum()
    assert 20 * 32 // 2 < tokens <= 20 * 32


def test_texts_that_do_not_fit_are_passed_over(model):
    assert within(model, texts_of(5, 1000, 6, 7), [1, 2, 0, 3], most_texts=2, most_tokens=100) == [2, 0]
    assert within(model, texts_of(5), [], 2, 100) == []


def test_no_more_texts_are_counted_than_might_be_taken(model, monkeypatch):
    seen = []
    encode = model.encode
    monkeypatch.setattr(model, "encode", lambda texts, pairs=None: seen.extend(texts) or encode(texts, pairs))
    draw(model, texts_of(*[3] * 100), most_texts=5, tokens_each=32, seed=1)
    assert len(seen) == CANDIDATES * 5


def test_only_texts_too_long_are_not_explained(model):
    config = load_config(values={"evaluate.explain_texts": 2})
    assert reasons.explanation_facts(model, texts_of(2000, 2000), [], config) is None


def test_mistakes_too_long_get_no_reasons(model):
    records = Records(
        pa.table({"text": ["good"] * 4 + [" ".join(["good"] * 3000)], "id": list("abcde"), "place": [""] * 5})
    )
    config = load_config(values={"evaluate.explain_texts": 4})
    mistakes = [{"id": "e", "place": ""}]
    assert reasons.explanation_facts(model, records, mistakes, config)["texts"] == 4
    assert mistakes == [{"id": "e", "place": ""}]
    mistakes.append({"id": "a", "place": ""})
    reasons.explanation_facts(model, records, mistakes, config)
    assert ["reasons" in mistake for mistake in mistakes] == [False, True]
