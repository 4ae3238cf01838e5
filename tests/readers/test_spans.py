import json

import pytest

from feinschliff.config import DataConfig
from feinschliff.errors import DataError
from feinschliff.readers import read

TEXT = "😀 Anna sah Köln."
SPANS = [{"start": 2, "end": 6, "label": "PER"}, {"start": 11, "end": 15, "label": "LOC"}]


@pytest.mark.parametrize(
    ("key", "spans"),
    [
        ("spans", [[2, 6, "PER"], [11, 15, "LOC"]]),
        ("entities", [[11, 15, "LOC"], [2, 6, "PER"], [2, 6, "PER"]]),
        ("labels", [["PER", 2, 6], ["LOC", 11, 15]]),
        ("label", SPANS),
        ("entities", [{"start_offset": 2, "end_offset": 6, "type": "PER"}, SPANS[1]]),
        ("entities", [SPANS[0], {"begin": 11, "end": 15, "tag": "LOC"}]),
        (
            "entities",
            [{"offset": 2, "length": 4, "category": "PER"}, {"start": 11, "end": 15, "labels": ["LOC"]}],
        ),
        ("ents", [{"start": 2, "end": 6, "entity_group": "PER", "word": "anna"}, [11, 15, "LOC"]]),
    ],
)
def test_spellings(write, key, spans):
    table = read(write({"text": "nichts", key: []}, {"text": TEXT, key: spans}))
    assert table.columns[key].to_pylist() == [[], SPANS]
    assert table.notes == ()


def test_old_spacy_training_data(write):
    table = read(write([[TEXT, {"entities": [[2, 6, "PER"]]}]], name="a.json"))
    assert table.columns["entities"].to_pylist() == [SPANS[:1]]
    (row,) = [{"classes": ["PER"], "annotations": [[TEXT, {"entities": [[2, 6, "PER"]]}]]}]
    assert read(write(row, name="b.json")).columns["text"].to_pylist() == [TEXT]


@pytest.mark.parametrize(
    ("offsets", "what"),
    [((3, 7), "UTF-16 units"), ((5, 9), "bytes"), ((2, 5), "the last character inside")],
)
def test_offsets_that_count_something_else_are_recognised_by_the_text(write, offsets, what):
    span = {"start": offsets[0], "end": offsets[1], "label": "PER", "text": "Anna"}
    table = read(write({"text": TEXT, "spans": [span]}))
    assert table.columns["spans"].to_pylist() == [SPANS[:1]]
    assert table.notes == (f"1 span counts {what} instead of characters, converted",)


def test_spans_that_name_another_text_are_counted(write):
    good, bad = ({"start": 2, "end": 6, "label": "PER", "text": name} for name in ("Anna", "Berta"))
    table = read(write({"text": TEXT, "spans": [good, bad]}))
    assert table.notes == ("1 span names another text than stands at the offsets",)
    message = (
        r":2: of 3 spans with a text of their own, 2 have another .* such as 'Berta' where 'Anna' stands\."
    )
    with pytest.raises(DataError, match=message):
        read(write({"text": TEXT, "spans": [good]}, *[{"text": TEXT, "spans": [bad]}] * 2))


def test_all_spans_outside_their_text_are_reported_at_once(write):
    first = {"text": TEXT, "spans": [[2, 6, "PER"], [9, 99, "LOC"]]}
    path = write(first, {"text": "kurz", "spans": [[3, 3, "X"]]})
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(caught.value).startswith(
        f"{path}: 2 faults: line 1: the span 9 to 99 does not lie in the text of 16 characters; "
        "line 2: the span 3 to 3 does not lie in the text of 4 characters. Expected 0 <= start < end"
    )


def test_the_text_may_have_any_name(write):
    path = write({"id": 1, "review": TEXT, "spans": [[2, 6, "PER"]]})
    assert read(path).columns["spans"].to_pylist() == [SPANS[:1]]
    path = write({"a": "kurz", "review": "ein langer Text, viel länger", "found": [[0, 4, "X"]]})
    assert read(path, DataConfig(format="spans", text="a", label="found")).columns["found"].to_pylist() == [
        [{"start": 0, "end": 4, "label": "X"}]
    ]


def test_doccano_labels_become_names_unless_there_are_several(write):
    path = write({"id": 1, "text": "fine", "label": ["pos"]}, {"id": 2, "text": "bad", "label": []})
    assert read(path).columns["label"].to_pylist() == ["pos", None]
    path = write({"id": 1, "text": "fine", "label": ["pos", "short"]}, {"id": 2, "text": "bad", "label": []})
    assert read(path).columns["label"].to_pylist() == [["pos", "short"], []]


def test_doccano_numbers_of_old_versions_become_names(write):
    span = {"label": 4, "start_offset": 2, "end_offset": 6, "user": 1}
    path = write({"id": 1, "text": TEXT, "annotations": [span], "meta": {}, "annotation_approver": None})
    assert read(path).columns["annotations"].to_pylist() == [[{"start": 2, "end": 6, "label": "4"}]]


def task(text, *results, **more):
    return {"id": 7, "data": {"review": text}, "annotations": [{"result": list(results), **more}]}


def test_label_studio_choices_and_ratings(write):
    choice = {"from_name": "mood", "type": "choices", "value": {"choices": ["pos"]}}
    several = {"from_name": "topics", "type": "choices", "value": {"choices": ["a", "b"]}}
    stars = {"from_name": "stars", "type": "rating", "value": {"rating": 4}}
    box = {"from_name": "box", "type": "rectanglelabels", "value": {"x": 1}}
    path = write([task("fine", choice, several, stars, box), task("open")], name="a.json")
    table = read(path)
    assert table.columns.to_pylist() == [
        {"review": "fine", "id": 7, "mood": "pos", "topics": ["a", "b"], "stars": 4},
        {"review": "open", "id": 7, "mood": None, "topics": None, "stars": None},
    ]
    assert table.notes == ("1 result is of type 'rectanglelabels' and not read",)


def test_label_studio_takes_one_of_several_annotations(write):
    def entity(label):
        return {"from_name": "l", "type": "labels", "value": {"start": 0, "end": 4, "labels": [label]}}

    both = {
        "data": {"text": "Anna"},
        "annotations": [
            {"result": [entity("WRONG")], "was_cancelled": True},
            {"result": [entity("A")]},
            {"result": [entity("B")], "ground_truth": True},
        ],
    }
    without = {"data": {"text": "Otto"}, "annotations": []}
    nothing = {"data": {"text": "Ulm?"}, "annotations": [{"result": []}]}
    table = read(write([both, without, nothing], name="a.json"))
    assert table.columns["spans"].to_pylist() == [[{"start": 0, "end": 4, "label": "B"}], None, []]
    assert "1 task has several annotations, of which one is taken" in table.notes


def test_label_studio_flat_export(write):
    row = {"text": "Anna", "id": 1, "annotator": 1, "annotation_id": 5, "lead_time": 2.5, "mood": "pos"}
    row["label"] = [{"start": 0, "end": 4, "text": "Anna", "labels": ["PER"]}]
    table = read(write([row], name="a.json"))
    assert table.columns.to_pylist() == [
        {"text": "Anna", "id": 1, "mood": "pos", "spans": [{"start": 0, "end": 4, "label": "PER"}]}
    ]


def test_rows_that_prodigy_users_did_not_accept_are_unlabelled(write):
    row = {"text": "In Ulm", "_task_hash": 1, "spans": [{"start": 3, "end": 6, "label": "LOC"}]}
    table = read(write(*(row | {"answer": answer} for answer in ("accept", "reject", "ignore"))))
    assert [spans and len(spans) for spans in table.columns["spans"].to_pylist()] == [1, None, None]
    assert "2 rows were not accepted in Prodigy" in table.notes[0]


@pytest.mark.parametrize(("key", "labels"), [("label", ["a", "b", "b"]), ("accept", [["a"], [], ["b"]])])
def test_labels_that_prodigy_users_did_not_accept_are_none(write, key, labels):
    answers = ["accept", "reject", "ignore"]
    rows = [
        {"text": "x", "_task_hash": 1, key: label, "answer": answer}
        for label, answer in zip(labels, answers, strict=True)
    ]
    table = read(write(*rows))
    assert table.columns[key].to_pylist() == [labels[0], None, None]
    assert table.notes == ("2 rows were not accepted in Prodigy, counted as unlabelled",)


def test_a_rejection_of_the_only_label_is_an_answer(write):
    answers = ["accept", "reject", "ignore"]
    table = read(write(*({"text": "x", "_task_hash": 1, "label": "a", "answer": a} for a in answers)))
    assert table.columns["answer"].to_pylist() == ["accept", "reject", None]
    assert table.columns["label"].to_pylist() == ["a"] * 3


def test_gliner_counts_tokens(write):
    rows = [{"tokenized_text": ["In", "New", "York", "!"], "ner": [[1, 2, "place"]]}]
    columns = read(write(*rows)).columns
    assert columns["text"].to_pylist() == ["In New York !"]
    assert columns["ner"].to_pylist() == [[{"start": 3, "end": 11, "label": "place"}]]


def test_spans_in_a_list_inside_an_object(write):
    rows = [{"id": "a", "doc": {"text": "In Ulm"}, "entities": [{"begin": 3, "stop": 6, "type": "LOC"}]}]
    columns = read(write({"version": 1, "data": rows}, name="a.json")).columns
    assert columns["entities"].to_pylist() == [[{"start": 3, "end": 6, "label": "LOC"}]]


@pytest.mark.parametrize("spans", [[{"start": 3, "end": 6, "label": "LOC", "text": "Ulm"}], [[2, 5, "LOC"]]])
def test_rows_without_spans_may_come_first(write, spans):
    empty = [{"text": "nothing here", "spans": []}] * 5
    table = read(write(*empty, {"text": "😀 Ulm ist alt", "spans": spans}))
    assert table.columns["spans"].to_pylist()[-1] == [{"start": 2, "end": 5, "label": "LOC"}]


def test_tokens_with_their_text_and_tags(write):
    rows = [
        {
            "text": "(Ulm) ist alt",
            "tokens": ["(", "Ulm", ")", "ist", "alt"],
            "ner_tags": ["O", "B-LOC", "O", "O", "O"],
        },
        {"text": "Ada lebt", "tokens": ["Ada", "lebt"], "ner_tags": ["B-PER", "O"]},
    ]
    rows[0]["ner_tags"], rows[1]["ner_tags"] = ["O", "B-LOC", "O", "O", "O"], ["B-PER", "O"]
    table = read(write(*rows))
    assert table.columns["text"].to_pylist() == ["(Ulm) ist alt", "Ada lebt"]
    assert table.columns["spans"].to_pylist() == [
        [{"start": 1, "end": 4, "label": "LOC"}],
        [{"start": 0, "end": 3, "label": "PER"}],
    ]
    unlabelled = {"text": "Ada", "tokens": ["Ada"], "ner_tags": None}
    assert read(write(*rows, unlabelled)).columns["spans"].to_pylist()[-1] is None
    for other in ({"text": "(Ulm) war alt"}, {"spans": [{"start": 1, "end": 4, "label": "LOC"}]}):
        assert "ner_tags" in read(write({**rows[0], **other})).columns.column_names  # as it stands
    several = [{"text": "Ada lebt", "tokens": ["Ada", "lebt"], "labels": ["joy", "O", "fear"]}]
    assert "spans" not in read(write(*several)).columns.column_names


@pytest.mark.parametrize("tags", [["O", "B-LOC"], "['O', 'B-LOC']", "O B-LOC"])
def test_a_text_with_a_tag_for_each_word(write, tags):
    rows = [{"Sentence #": "1", "Sentence": "in  Ulm", "POS": "['IN', 'NNP']", "Tag": tags}] * 2
    spans = [[{"start": 4, "end": 7, "label": "LOC"}], [{"start": 4, "end": 7, "label": "LOC"}], None]
    columns = read(write(*rows, {**rows[0], "Tag": None})).columns
    assert columns.column_names == ["Sentence #", "Sentence", "POS", "tokens", "spans"]
    assert columns["spans"].to_pylist() == spans
    assert read(write(*rows), DataConfig(label="Tag")).columns["Tag"].to_pylist() == spans[:2]
    with pytest.raises(DataError, match=r":2: 2 tags but 3 words.*needs one tag in 'Tag'.*\"tokens\""):
        read(write(rows[0], {**rows[0], "Sentence": "in Bad Ems"}))
    assert "spans" in read(write({"review": "in Ulm", "bio": tags})).columns.column_names


def test_labels_that_are_no_tags_stay(write):
    for labels in (["city", "O"], ["O", "B"], ["e-mail", "B-movie"]):
        assert "labels" in read(write({"text": "Ulm ist", "labels": labels})).columns.column_names


PUBTATOR = (
    "22|t|Naloxone reverses β-blockers.\n22|a|In rats - \n"
    "22\t0\t8\tNaloxone\tChemical\tD0092\n22\t33\t37\trats\tSpecies\n22\tCID\tD003000\tD007022\n\n"
    "9|t|Title\n9|a|\n\n10|t|Gout\n10|a|It hurts.\n10\t0\t4\tGout\tDisease\tD006073\n"
)


@pytest.mark.parametrize("name", ["CDR_Training.PubTator.txt", "a.PubTator", "a"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_pubtator(tmp_path, name, end):
    path = tmp_path / name
    path.write_bytes(PUBTATOR.replace("\n", end).encode())
    table = read(path)
    columns = table.columns.to_pydict()
    assert columns["id"] == ["22", "9", "10"]
    assert columns["text"] == ["Naloxone reverses β-blockers. In rats - ", "Title ", "Gout It hurts."]
    found = [
        (span["label"], text[span["start"] : span["end"]])
        for text, spans in zip(columns["text"], columns["spans"], strict=True)
        for span in spans
    ]
    assert found == [("Chemical", "Naloxone"), ("Species", "rats"), ("Disease", "Gout")]
    assert table.lines.to_pylist() == [1, 7, 10]


def test_pubtator_with_faults(tmp_path):
    path = tmp_path / "a.pubtator"
    path.write_text(PUBTATOR.replace("22\t33", "22\t330").replace("CID\tD003000", "?"))
    with pytest.raises(
        DataError, match=r"a\.pubtator:5: '22\\t\?\\tD007022' is neither a text nor an entity"
    ):
        read(path)
    path.write_text(PUBTATOR.replace("\t33\t37", "\t33\t370"))
    with pytest.raises(DataError, match=r"a\.pubtator:1: the span 33 to 370 does not lie in the text of 40"):
        read(path)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"ner": [[[0, 2, "LOC"]], []]}, "the entity 0 to 2 does not lie in its sentence"),
        ({"ner": [[[0, 0, "LOC"]]]}, "the document does not have entities for each of its sentences"),
        ({"ner": [["LOC"], []]}, "the document does not have entities for each of its sentences"),
    ],
)
def test_dygie_with_faults(tmp_path, change, fault):
    document = {"doc_key": "a", "sentences": [["Ulm", "!"], ["Ja"]], "ner": [[[0, 0, "LOC"]], [[2, 2, "X"]]]}
    path = tmp_path / "a.json"
    path.write_text("\n".join(json.dumps({**document, **more}) for more in ({}, change)))
    with pytest.raises(DataError, match=rf"a\.json:2: {fault}"):
        read(path, DataConfig(format="dygie"))
