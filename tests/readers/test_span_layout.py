import json

import pytest

from feinschliff.config import DataConfig, RunConfig
from feinschliff.data.infer import infer
from feinschliff.errors import ConfigError, DataError
from feinschliff.readers import read

TEXT = "Sie reiste, wie so oft, nach Bad Ems."
TOKENS = ["Sie", "reiste", ",", "wie", "so", "oft", ",", "nach", "Bad", "Ems", "."]
EMS = {"start": 29, "end": 36, "label": "LOC"}


@pytest.mark.parametrize(
    ("span", "what"),
    [
        ({"start": 8, "end": 10, "char_start": 29, "char_end": 36, "type": "LOC", "text": "Bad Ems"}, None),
        ({"start": 8, "end": 10, "type": "LOC", "text": "Bad Ems"}, "tokens"),
        ({"start": 8, "end": 9, "type": "LOC", "text": "Bad Ems"}, "tokens, the last one inside,"),
        ([8, 10, "LOC"], "tokens"),
    ],
)
def test_offsets_that_count_tokens(write, span, what):
    table = read(write(*[{"text": TEXT, "tokens": TOKENS, "entities": [span]}] * 2))
    assert table.columns["entities"].to_pylist() == [[EMS]] * 2
    assert table.notes == ((f"2 spans count {what} instead of characters, converted",) if what else ())


def test_the_last_token_is_inside_where_a_span_would_be_empty(write):
    table = read(write({"text": TEXT, "tokens": TOKENS, "spans": [[8, 9, "LOC"], [5, 5, "TIME"]]}))
    assert table.columns["spans"].to_pylist() == [[{"start": 19, "end": 22, "label": "TIME"}, EMS]]


def test_offsets_of_characters_beside_tokens_stay(write):
    spans = [{"start": 4, "end": 10, "label": "ACT"}, {"start": 0, "end": 3, "label": "PER"}]
    table = read(write({"text": TEXT, "tokens": TOKENS, "spans": spans}))
    assert [span["start"] for span in table.columns["spans"][0].as_py()] == [0, 4]
    assert table.notes == ()


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_tokens_without_a_text_are_joined(write, name):
    row = {"tokens": TOKENS, "entities": [{"type": "LOC", "start": 8, "end": 10}], "relations": [], "n": 1}
    rows = [row, {**row, "entities": []}]
    table = read(write(*rows) if name == "a.jsonl" else write(rows, name=name))
    assert table.columns["text"].to_pylist() == ["Sie reiste , wie so oft , nach Bad Ems ."] * 2
    assert table.columns["entities"].to_pylist() == [[{"start": 31, "end": 38, "label": "LOC"}], []]


def test_spans_that_do_not_lie_in_the_tokens(write):
    row = {"text": TEXT, "tokens": TOKENS, "spans": [[8, 10, "LOC"]]}
    rows = [row] * 8192 + [{**row, "spans": [[9, 12, "LOC"]]}]
    with pytest.raises(DataError, match=r":8193: the span 9 to 12 does not lie in the 11 tokens"):
        read(write(*rows))


@pytest.mark.parametrize(
    ("key", "span"),
    [
        ("textSegmentAnnotations", {"startOffset": 29, "endOffset": 36, "displayName": "LOC"}),
        ("entity_mentions", {"start": 29, "end": 36, "type": "LOC", "text": "Bad Ems"}),
        ("annotation", {"label": ["LOC"], "points": [{"start": 29, "end": 35, "text": "Bad Ems"}]}),
    ],
)
def test_spans_under_an_unusual_key(write, key, span):
    table = read(
        write({key: [span], "events": [], "content": TEXT}, {key: [], "events": [], "content": TEXT})
    )
    assert table.columns[key].to_pylist() == [[EMS], []]


def test_one_of_two_unusual_keys_is_named(write):
    rows = [{"content": TEXT, "places": [EMS], "verbs": [{"start": 4, "end": 10, "type": "ACT"}]}]
    assert [s["type"] for s in read(write(*rows)).columns["verbs"][0].as_py()] == ["ACT"]  # as it stands
    table = read(write(*rows), DataConfig(label="verbs", format="spans"))
    assert table.columns["verbs"].to_pylist() == [[{"start": 4, "end": 10, "label": "ACT"}]]


def test_lists_of_objects_without_places_are_no_spans(write):
    table = read(write(*({"kinds": [{"name": kind}], "content": f"{kind} {TEXT}"} for kind in ("a", "b"))))
    with pytest.raises(ConfigError, match="'kinds' holds lists of objects without start, end and label"):
        infer(table, RunConfig(), True)


def test_the_text_is_where_the_spans_own_texts_stand(write):
    masked = TEXT.replace("Bad Ems", "[PLACE OF THE TRAVEL]")
    row = {"source": TEXT, "target": masked, "mask": [{**EMS, "value": "Bad Ems"}], "language": "de"}
    row |= {"pieces": ["Bad", "Em", "##s"], "bio": ["B-LOC", "I-LOC", "O"]}
    table = read(write(*({**row, "source": TEXT + n * "!"} for n in range(3))))
    assert "'source' is read as 'text', as the entities stand there" in table.notes
    columns = infer(table, RunConfig(), True)
    assert (columns.kind, columns.text, columns.label) == ("ner", "text", "mask")
    assert "source" in read(write(row, row), DataConfig(text="source")).columns.column_names


@pytest.mark.parametrize("dump", [json.dumps, str])
@pytest.mark.parametrize("key", ["spans", "label"])
def test_spans_written_as_text(write, dump, key):
    columns = read(write({"text": TEXT, key: dump([EMS])}, {"text": TEXT, key: "[]"})).columns
    assert columns[key].to_pylist() == [[EMS], []]
    columns = read(write({"text": TEXT, key: dump([EMS])}, {"text": TEXT, key: "[a]"})).columns
    assert columns[key].to_pylist()[1] == "[a]"  # as it stands
    deep = "[" * 100_000 + "]" * 100_000
    assert read(write({"text": TEXT, key: deep})).columns[key].to_pylist() == [deep]


def test_spans_written_as_text_that_lie_outside(write):
    with pytest.raises(DataError, match=r"a\.jsonl:2: the span 29 to 99 does not lie in the text of 37"):
        read(write(*({"text": TEXT, "spans": json.dumps([{**EMS, "end": end}])} for end in (36, 99))))


@pytest.mark.parametrize(
    "words",
    [
        ["In", "Bad", '"Ems"'],
        "['In', 'Bad', '\"Ems\"']",
        "['In' 'Bad'\n '\"Ems\"']",
        '["In", "Bad", "\\"Ems\\""]',
    ],
)
@pytest.mark.parametrize("key", ["words", "tokens", "sentence", "str_words", "signs"])
def test_words_under_another_key(write, key, words):
    row = {"id": "a1", key: words, "pos_tags": ["IN", "NE", "NE"], "ner": ["O", "B-LOC", "I-LOC"]}
    columns = read(write(*[row] * 2)).columns
    assert columns["text"].to_pylist() == ['In Bad "Ems"'] * 2
    assert columns["tokens"].to_pylist() == [["In", "Bad", '"Ems"']] * 2
    assert columns["spans"].to_pylist() == [[{"start": 3, "end": 12, "label": "LOC"}]] * 2


def test_halves_of_characters_among_words(write):
    columns = read(write({"words": '["In", "\\ud83d"]', "ner": "O B-LOC"})).columns
    assert columns["tokens"].to_pylist() == [["In", "\ufffd"]]


def test_an_identifier_is_no_text(write):
    row = {"id": "a1", "words": ["In", "Ulm"], "ner": ["O", "B-LOC"]}
    assert "ner" in read(write(row, {**row, "words": ["In"]})).columns.column_names  # as it stands


def test_a_place_in_an_object_of_its_own(write):
    rows = [{"text": TEXT, "mentions": [{"type": "LOC", "span": {"start": 29, "end": 36}}]}] * 3
    assert read(write(*rows)).columns["mentions"].to_pylist() == [[EMS]] * 3
