import json

import pytest

from feinschliff.errors import DataError
from feinschliff.readers import read


@pytest.fixture
def write(tmp_path):
    def write(value, name="a.json"):
        path = tmp_path / name
        path.write_text(value if isinstance(value, str) else json.dumps(value, indent=1), encoding="utf-8")
        return path

    return write


ROWS = [{"text": "fine", "label": 1}, {"text": "bad", "label": 0}]


@pytest.mark.parametrize(
    "value",
    [
        ROWS,
        {"data": ROWS},
        {"status": "ok", "result": {"count": 2, "items": ROWS}},
        {"version": 2, "classes": ["a"], "rows": ROWS},
        {"text": ["fine", "bad"], "label": [1, 0]},
        {"text": {"0": "fine", "1": "bad"}, "label": {"0": 1, "1": 0}},
        {"first": ROWS[0], "second": ROWS[1]},
        [["fine", 1], ["bad", 0]],
        "\n".join(map(json.dumps, ROWS)),
    ],
)
def test_rows_in_all_their_dresses(write, value):
    assert read(write(value)).columns.to_pylist() == ROWS


def test_a_list_for_each_split(write):
    value = {"train": ROWS, "oos_train": [["what", "oos"]], "val": [], "test": [{"text": "so", "label": 1}]}
    table = read(write(value, "a.json"))
    assert table.columns["split"].to_pylist() == ["train", "train", "train", "test"]
    assert table.columns["text"].to_pylist() == ["fine", "bad", "what", "so"]
    own = {"train": [{"text": "a", "split": "x"}], "dev": ROWS}
    assert read(write(own)).columns["split"].to_pylist() == ["x", "validation", "validation"]
    assert read(write({"train": ROWS, "labels": [{"id": 1}]})).columns.to_pylist() == ROWS
    with pytest.raises(DataError, match="several lists of rows: train, more"):
        read(write({"train": ROWS, "more": ROWS[:1]}))


def test_one_row_with_a_list_in_it_is_a_row(write):
    row = {"text": "In Ulm", "entities": [{"start": 3, "end": 6, "label": "LOC"}]}
    assert read(write(row)).columns.to_pylist() == [row]
    assert read(write(json.dumps(row), "a.jsonl")).columns.to_pylist() == [row]


def test_entries_know_their_lines(write):
    table = read(write([{"text": "a\nb"}, {"text": "c"}, {"text": "d"}]))
    assert table.lines.to_pylist() == [2, 5, 8]
    assert read(write(json.dumps(ROWS))).place(1).endswith("a.json, row 2")


def test_lists_of_texts(write):
    assert read(write(["fine", "bad"])).columns.to_pylist() == [{"text": "fine"}, {"text": "bad"}]
    assert read(write('"fine"\n"bad"\n', "a.jsonl")).columns["text"].to_pylist() == ["fine", "bad"]


def test_all_lines_that_are_no_objects_are_reported_at_once(write):
    path = write('{"text": "fine"}\n[1, 2, 3]\n{"text": \n\n7\n{"text": "a"} x\n', "a.jsonl")
    with pytest.raises(DataError) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(
        f"{path}: 4 faults: line 2: a list where an object is expected; line 3: no valid"
    )
    assert "line 5: a number where an object is expected; line 6: no valid JSON: extra data" in message


@pytest.mark.parametrize(
    ("value", "fact"),
    [
        ('[{"text": "a"},\n{"text": }]', r"a\.json:2: no valid JSON: expecting value"),
        ('[{"text": "a"}\n{"text": "b"}]', r"a\.json:2: the list goes on without a comma"),
        ('[{"text": "a"},', "no valid JSON"),
        ("17", "the file holds a number, not a list of rows"),
        ('{"a": [{"x": 1}], "b": [{"y": 1}, {}]}', "several lists of rows: a, b"),
        ('{"a": {"b": [1]}, "c": 1}', "there is no list of rows"),
        ("[1, 2]", "2 faults: line 1: a number"),
        ('{"a": 1} trailing', "more text follows"),
        ("[" * 100_000, "nested too deeply"),
        ('[{"text": ' + "9" * 5000 + "}]", "no readable JSON"),
    ],
)
def test_says_what_is_no_json(write, value, fact):
    with pytest.raises(DataError, match=fact):
        read(write(value))


def test_cells_keep_their_kinds(write):
    rows = [{"a": 1, "b": 1.5, "c": True, "d": ["x"], "e": {"f": "g"}, "h": None, "i": "2020-01-01"}]
    table = read(write(rows))
    assert table.columns.to_pylist() == rows
    kinds = [str(kind) for kind in table.columns.schema.types]
    assert kinds[:4] == ["int64", "double", "bool", "list<item: string>"]


def test_mixed_columns_become_text_with_a_note(write):
    table = read(write([{"label": 1}, {"label": "b"}, {"label": [2]}, {}, {"label": True}]))
    assert table.columns["label"].to_pylist() == ["1", "b", "[2]", None, "true"]
    assert table.notes == ("column 'label' mixes kinds of values and is read as text",)


def test_mixed_columns_are_found_across_batches(write):
    lines = ['{"label": 1, "n": 1}'] * 9000 + ['{"label": "b", "n": 1.5, "new": "x"}']
    table = read(write("\n".join(lines), "a.jsonl"))
    assert table.columns["label"][0].as_py() == "1"
    assert table.columns["n"].type == "double"
    assert table.columns["new"].null_count == 9000
    assert table.notes == ("column 'label' mixes kinds of values and is read as text",)


def test_half_characters_are_replaced(write):
    table = read(write('{"text": "\\ud83d\\ude00 \\ud83d"}\n{"text": "b"}\n', "a.jsonl"))
    assert table.columns["text"].to_pylist() == ["😀 \ufffd", "b"]


def test_rows_without_keys_are_empty_rows(write):
    path = write("{}\n" * 9000 + '{"text": "a", "\\ud83d": 1}\n', "a.jsonl")
    table = read(path)
    assert table.columns.num_rows == 9001
    assert table.columns.column_names == ["text", "\ufffd"]
    assert table.place(9000).endswith(":9001")


def test_keys_that_hold_data_are_refused(write):
    with pytest.raises(DataError, match="there are 5,000 different columns"):
        read(write([{f"key {i}": 1} for i in range(5000)]))


def test_wide_objects_stay_json_text(write):
    table = read(write([{"text": "a", "counts": {f"word {i}": i for i in range(300)}}]))
    assert json.loads(table.columns["counts"][0].as_py())["word 7"] == 7


def test_nothing_between_the_rows_is_passed_over(write):
    rows = [{"text": "Good."}, None, {"text": "Bad."}]
    for tree in (rows, {"data": rows}):
        assert read(write(tree)).columns["text"].to_pylist() == ["Good.", "Bad."]


def test_the_last_question_and_its_answer_of_a_conversation(write):
    def says(role, content):
        return {"role": role, "content": content}

    chats = [
        [says("system", "Judge."), says("user", "Fine."), says("assistant", "pos")],
        [says("user", "Hm."), says("assistant", "?"), says("user", "Bad."), says("assistant", "neg")],
        [says("user", "Open.")],
    ]
    table = read(write([{"id": i, "messages": chat} for i, chat in enumerate(chats)]))
    expected = [("Fine.", "pos"), ("Bad.", "neg"), ("Open.", None)]
    assert [(row["text"], row["label"]) for row in table.columns.to_pylist()] == expected
    assert table.columns.column_names == ["text", "label", "id"]
    assert table.notes[0].startswith("'messages': the text is what the user says last")
    shared = [{"conversations": [{"from": "human", "value": "Fine."}, {"from": "gpt", "value": "pos"}]}]
    assert read(write(shared)).columns.to_pylist() == [{"text": "Fine.", "label": "pos"}]


def test_conversations_with_a_label_stay_as_they_are(write):
    rows = [{"messages": [{"role": "user", "content": "Fine."}], "label": "pos"}]
    assert read(write(rows)).columns.to_pylist() == rows


@pytest.mark.parametrize(
    "row",
    [
        {"title": "A", "paragraphs": [{"context": "c", "qas": [{"question": "q", "answers": []}]}]},
        {"context": "c", "question": "q", "answers": {"text": ["c"], "answer_start": [0]}},
    ],
)
def test_question_answering_is_refused(write, row):
    with pytest.raises(
        DataError, match=r"question answering is no task here\. Give rows of a text and a label"
    ):
        read(write({"version": "1", "data": [row]}))


def test_choices_on_a_document_are_refused(write):
    row = {"text": "c", "annotation_sets": [{"annotations": {"a": {"choice": "Entailment"}}}]}
    with pytest.raises(DataError, match=r"many choices.*Give a row for each pair of texts"):
        read(write({"documents": [row], "labels": {}}))


def test_objects_of_several_lines_may_stand_one_after_another(write):
    for text in ("\n".join(json.dumps(row, indent=1) for row in ROWS), "".join(map(json.dumps, ROWS))):
        for name in ("a.json", "a.jsonl") if "\n" not in text else ("a.json",):
            assert read(write(text, name)).columns.to_pylist() == ROWS
    with pytest.raises(DataError, match=r"a\.json:6: no valid JSON"):
        read(write(json.dumps(ROWS[0], indent=1) + '\n{\n "text": no}'))


def test_of_several_lists_the_one_with_texts_is_read(write):
    synonyms = [{"value": "Ulm", "synonyms": ["ulm"]}]
    for value in ({"rows": ROWS, "names": synonyms}, {"nlu": {"names": synonyms, "rows": ROWS}}):
        assert read(write(value)).columns.to_pylist() == ROWS


def test_entities_in_a_list_one_object_deeper(write):
    span = {"start": 3, "end": 6, "value": "ulm", "entity": "city"}
    rows = [{"text": "in Ulm", "intent": "go", "entities": [span]}] * 3
    table = read(write({"rasa_nlu_data": {"common_examples": rows, "regex_features": []}}))
    assert table.columns["entities"][0].as_py() == [{"start": 3, "end": 6, "label": "city"}]


@pytest.mark.parametrize(("label", "texts"), [("tag", "patterns"), ("intent", "examples")])
def test_intents_with_their_examples(write, label, texts):
    intents = [
        {label: "hi", texts: ["Hello", "Hi there"], "responses": ["Hey"]},
        {label: "bye", texts: ["Bye"]},
    ]
    table = read(write({"intents": [*intents, {label: "none", texts: []}]}))
    assert table.columns.to_pylist() == [
        {"text": "Hello", "label": "hi"},
        {"text": "Hi there", "label": "hi"},
        {"text": "Bye", "label": "bye"},
    ]
    assert f"each of '{texts}' is a text, '{label}' is its label" in table.notes[0]
