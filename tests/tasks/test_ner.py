"""Spans to tags and back, in every script and with every kind of tokenizer."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tiny
from feinschliff.data import Records
from feinschliff.data.dataset import SPAN
from feinschliff.encode import tokenise
from feinschliff.tasks import ner

LABELS = ("LOC", "PER")
EXAMPLES = [
    ("Die „Süddeutsche Zeitung“ schrieb", "Süddeutsche Zeitung"),
    ("Am Café de l’Été, gestern", "Café de l’Été"),
    ("bei Cafe\u0301 Mu\u0308ller.", "Cafe\u0301 Mu\u0308ller"),
    ("👩‍👩‍👧 in 東京 👍🏽", "東京"),
    ("Straße (Köln)", "Köln"),
    ("das Ver\u00adfahren der GmbH & Co. KG,", "GmbH & Co. KG"),
    ("\ufeffAda Lovelace", "Ada Lovelace"),
    ("İstanbul'da", "İstanbul"),
]


def records(texts, spans) -> Records:
    return Records(pa.table({"text": pa.array(texts), "target": pa.array(spans, pa.list_(SPAN))}))


def back_and_forth(tokenizer, texts, spans, pieces="first", length=24, overlap=8):
    """Return the spans that come back from their own tags, and the notes on them."""
    encoded = tokenise(
        tokenizer, texts, max_length_tokens=length, overlap_tokens=overlap, label_pieces=pieces
    )
    given = records(texts, spans)
    targets = ner.targets(given, LABELS, encoded)
    certain = np.eye(5, dtype=np.float32)[np.maximum(targets, 0)] * 50
    return ner.decode(certain, encoded, LABELS).names, ner.notes(given, targets, encoded, LABELS)


def test_lost_entities_are_counted_in_stretches(monkeypatch):
    texts = ["Ada Lovelace war hier " * (1 + i % 9) for i in range(40)]
    given = records(texts, [[span(0, 12), span(2, 6, "LOC")]] * 40)
    encoded = tokenise(tiny.tokenizer_of("wordpiece", 64), texts, max_length_tokens=24, label_pieces="first")
    targets, decode, sizes = ner.targets(given, LABELS, encoded), ner.decode, []
    whole = ner.notes(given, targets, encoded, LABELS)
    monkeypatch.setattr(ner, "STRETCH", 5 * 400)
    monkeypatch.setattr(ner, "decode", lambda tags, *rest: sizes.append(len(tags)) or decode(tags, *rest))
    assert ner.notes(given, targets, encoded, LABELS) == whole
    assert whole[0].startswith("40 of 80 entities")
    assert sum(sizes) == len(encoded.input_ids)
    assert max(sizes) <= 400


@pytest.fixture(scope="module", params=["wordpiece", "bytes", "unigram"])
def tokenizer(request):
    """A tokenizer of each family; one that knows the signs of the examples, or it would join unknown ones."""
    if request.param != "unigram":
        return tiny.tokenizer_of(request.param, length=64)
    from transformers import PreTrainedTokenizerFast

    backend, special = tiny._unigram([text for text, _ in [*tiny.examples(), *EXAMPLES]])
    return PreTrainedTokenizerFast(tokenizer_object=backend, model_max_length=64, **special)


def span(start, end, label="PER"):
    return {"start": start, "end": end, "label": label}


letters = st.characters(categories=["L", "N"])
words = st.builds(
    "".join, st.tuples(letters, st.text(st.characters(categories=["L", "N", "M"]), max_size=8))
) | st.sampled_from(["soup", "„", "“", ",", "👍🏽", "Müller", "cafe\u0301", "x²", "½", "ﬁn", "東京"])


@st.composite
def sentences(draw):
    """A text of random words with random entities of whole words, side by side or apart."""
    text, found, end = "", [], []
    for word in draw(st.lists(words, min_size=1, max_size=12)):
        text += draw(st.sampled_from(["", " "])) if not text else draw(st.sampled_from([" ", "  ", "\u00a0"]))
        end.append((len(text), len(text) + len(word)))
        text += word
    place = 0
    while place < len(end):
        size = draw(st.integers(0, 3))
        stop = min(place + size, len(end))
        if size:
            found.append(span(end[place][0], end[stop - 1][1], draw(st.sampled_from(LABELS))))
        place = max(stop, place + 1)
    return text, found


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(sentences(), min_size=1, max_size=2))
def test_spans_of_whole_words_come_back_unchanged(tokenizer, rows):
    texts, spans = [t for t, _ in rows], [s for _, s in rows]
    found, notes = back_and_forth(tokenizer, texts, spans)
    assert found == spans
    assert notes == []


@pytest.mark.parametrize(("text", "entity"), EXAMPLES)
def test_exact_characters(tokenizer, text, entity):
    wanted = [span(text.index(entity), text.index(entity) + len(entity))]
    found, notes = back_and_forth(tokenizer, [text], [wanted])
    assert found == [wanted]
    assert notes == []


def test_boundaries_inside_words_are_moved_to_them_and_counted(tokenizer):
    text = "the gardenhouse of Ada"
    found, notes = back_and_forth(tokenizer, [text], [[span(4, 10, "LOC"), span(19, 22)]])
    assert found == [[span(4, 15, "LOC"), span(19, 22)]]
    assert len(notes) == 1
    assert notes[0].startswith("1 of 2 entities in train (50.0%)")


def test_all_pieces_can_end_inside_a_word():
    tokenizer = tiny.tokenizer_of("bytes", length=64)
    text, wanted = "ψψω of Ada", [[span(0, 2)]]
    assert back_and_forth(tokenizer, [text], wanted, "all") == (wanted, [])
    assert back_and_forth(tokenizer, [text], wanted)[0] == [[span(0, 3)]]


def test_of_overlapping_entities_the_longest_is_kept(tokenizer):
    found, notes = back_and_forth(tokenizer, ["Bank of England"], [[span(8, 15, "LOC"), span(0, 15)]])
    assert found == [[span(0, 15)]]
    assert "1 of 2" in notes[0]


def test_empty_texts_and_empty_spans(tokenizer):
    found, _ = back_and_forth(tokenizer, ["", "  ", "a"], [[], [], [span(0, 0)]])
    assert found == [[], [], []]


def test_entities_of_long_texts_come_back_from_overlapping_windows(tokenizer):
    text = " ".join(["the soup was wonderful and Ada Lovelace came early to our hotel"] * 30)
    begins = [i for i in range(len(text)) if text.startswith("Ada", i)]
    wanted = [[span(b, b + 12) for b in begins]]
    for length, overlap in ((16, 0), (24, 8), (33, 15), (64, 32)):
        assert back_and_forth(tokenizer, [text], wanted, length=length, overlap=overlap) == (wanted, [])


def test_each_unit_is_read_where_it_is_farthest_from_an_edge():
    tokenizer = tiny.tokenizer_of("wordpiece", length=64)
    encoded = tokenise(
        tokenizer, ["a b c d e f g h i j"], max_length_tokens=8, overlap_tokens=4, label_pieces="first"
    )
    logits = np.zeros((len(encoded.input_ids), 3), np.float32)
    for window in range(encoded.num_windows):
        begin, end = encoded.starts[window], encoded.starts[window + 1]
        logits[begin:end, 1] = 9 if window == 1 else -9
    found = ner.decode(logits, encoded, ("PER",)).names[0]
    assert [s["start"] // 2 for s in found] == [5, 6, 7]  # of d to i; d, e and i are as far in or farther


def test_scores_know_the_words_of_an_entity_and_its_end():
    tokenizer = tiny.tokenizer_of("wordpiece", length=64)
    encoded = tokenise(tokenizer, ["the soup was", "the soup"], max_length_tokens=8, label_pieces="first")
    units = np.flatnonzero(encoded.offsets[:, 1])
    logits = np.zeros((len(encoded.input_ids), 3), np.float32)
    logits[units] = np.log(
        [[0.1, 0.8, 0.1], [0.3, 0.2, 0.5], [0.6, 0.1, 0.3], [0.1, 0.8, 0.1], [0.3, 0.2, 0.5]]
    )
    inner = (0.8 * 0.5) ** 0.5
    found = ner.decode(logits, encoded, ("PER",))
    assert found.names == [[span(0, 8)], [span(0, 8)]]
    scores = [spans[0]["score"] for spans in found.decided]
    assert scores == pytest.approx([inner * (1 - 0.3), inner], abs=1e-5)
