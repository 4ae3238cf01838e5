from hypothesis import given
from hypothesis import strategies as st

from feinschliff.report.excerpts import GAP, mark, shorten

spans = st.lists(
    st.builds(
        lambda start, size, label: {"start": start, "end": start + size, "label": label},
        st.integers(-2, 60),
        st.integers(-1, 20),
        st.sampled_from(["PER", "LOC"]),
    ),
    max_size=6,
)


@given(st.text(max_size=200), st.integers(8, 120))
def test_short_texts_stay_and_long_ones_keep_both_ends(text, limit):
    short = shorten(text, limit)
    assert len(short) <= limit + len(GAP)
    if len(text) <= limit:
        assert short == text
    else:
        assert text.startswith(short.split(GAP)[0])


@given(st.text(max_size=80), spans, spans)
def test_marked_pieces_join_to_the_text(text, labelled, predicted):
    assert "".join(piece.text for piece in mark(text, labelled, predicted, 100)) == text


@given(st.text(min_size=30, max_size=80), spans, spans)
def test_a_shortened_text_is_a_part_of_the_text(text, labelled, predicted):
    pieces = [piece.text for piece in mark(text, labelled, predicted, 20) if piece.text != GAP]
    assert "".join(pieces) in text
    assert len("".join(pieces)) <= 20


def test_the_first_error_is_kept():
    text = "x" * 500 + " Kiel " + "y" * 500
    pieces = mark(text, [{"start": 501, "end": 505, "label": "LOC"}], [], 60)
    assert ("Kiel", "missed", (("missed", "LOC"),)) in [(p.text, p.kind, p.tags) for p in pieces]


def test_what_agrees_is_right_and_what_does_not_is_missed_or_invented():
    text = "Anna met Bob"
    anna, bob = {"start": 0, "end": 4, "label": "PER"}, {"start": 9, "end": 12, "label": "PER"}
    pieces = mark(text, [anna, bob], [anna, bob | {"label": "LOC", "score": 0.9}], 100)
    assert [(p.text, p.kind) for p in pieces] == [
        ("Anna", "right"),
        (" met ", ""),
        ("Bob", "missed invented"),
    ]
    assert sorted(pieces[2].tags) == [("invented", "LOC"), ("missed", "PER")]
