"""Labels spread over columns of 0 and 1, and columns inside objects."""

from __future__ import annotations

import pyarrow as pa
import pytest
from tables import sentence, table

from feinschliff.config import load_config
from feinschliff.data import infer, prepare, records_for
from feinschliff.data.derive import derive, parts_of
from feinschliff.data.relabel import relabel
from feinschliff.errors import ConfigError, DataError
from feinschliff.readers import Table, read

TEXTS = [sentence(i) for i in range(60)]
TOXIC, INSULT, THREAT = [1, 0, 0] * 20, [1, 1, 0] * 20, [0] * 60


def ones(**changes: list) -> Table:
    columns = {"id": list(range(60)), "text": TEXTS, "toxic": TOXIC, "insult": INSULT, "threat": THREAT}
    return table(**{**columns, **changes})


def objects(texts: list[str] = TEXTS) -> Table:
    rows = [
        {"document": {"text": t, "lang": "en"}, "by": {"label": "ab"[i % 2]}} for i, t in enumerate(texts)
    ]
    return Table(pa.Table.from_pylist(rows), "rows.jsonl")


def test_three_columns_of_0_and_1_are_labels() -> None:
    found = infer(ones(), load_config())
    assert (found.task, found.label) == ("multilabel", "toxic,insult,threat")
    assert "multilabel (3 columns of 0 and 1)" in found.reason
    assert "labels 'toxic', 'insult', 'threat'" in found.reason


@pytest.mark.parametrize(("no", "yes"), [("0", "1"), ("False", "True"), (False, True), (0.0, 1.0)])
def test_they_are_found_in_every_spelling(no: object, yes: object) -> None:
    cells = {"x": TOXIC, "y": INSULT, "z": TOXIC}
    rows = table(text=TEXTS, **{name: [(no, yes)[v] for v in column] for name, column in cells.items()})
    found = infer(rows, load_config())
    assert found.label == "x,y,z"
    assert records_for(found, rows, labelled=True).targets[:3] == [["x", "y", "z"], ["y"], []]


def test_one_1_in_each_row_is_a_class() -> None:
    rows = table(text=TEXTS, good=[1, 0, 0] * 20, bad=[0, 1, 0] * 20, mixed=[0, 0, 1] * 20)
    found = infer(rows, load_config())
    assert (found.task, found.label) == ("classification", "good,bad,mixed")
    assert "in each row one 1" in found.reason
    assert prepare(load_config(), rows).labels == ("bad", "good", "mixed")
    several = load_config(values={"task": "multilabel"})
    assert infer(rows, several).task == "multilabel"


def test_other_labels_go_before() -> None:
    assert infer(ones(label=["a", "b"] * 30), load_config()).label == "label"
    with pytest.raises(ConfigError, match="5 columns could be the label|2 columns could be the label"):
        infer(ones(mood=["glad", "sad"] * 30, stars=[1, 2, 3] * 20), load_config())


def test_two_columns_of_0_and_1_are_asked_about() -> None:
    rows = table(text=TEXTS, rude=TOXIC, off_topic=INSULT)
    with pytest.raises(ConfigError, match="if a text may have several: --label rude,off_topic"):
        infer(rows, load_config())
    assert infer(rows, load_config(values={"data.label": "rude, off_topic"})).task == "multilabel"


def test_a_misspelt_one_is_named() -> None:
    with pytest.raises(ConfigError, match=r"no column 'insullt'.*Did you mean --label insult\?"):
        infer(ones(), load_config(values={"data.label": "toxic,insullt"}))


def test_a_cell_that_says_neither_is_refused_with_its_place() -> None:
    rows = ones(insult=[1, -1, 0] * 20)
    with pytest.raises(DataError, match=r"rows\.csv:3: 'insult' holds -1.*0 or 1, true or false"):
        infer(rows, load_config(values={"data.label": "toxic,insult"}))


def test_a_missing_cell_is_no_label() -> None:
    found = derive(ones(toxic=[None, *TOXIC[1:]]), "toxic,insult").columns["toxic,insult"]
    assert found[:3].to_pylist() == [None, ["insult"], []]


def test_a_column_with_a_comma_in_its_name_is_itself() -> None:
    rows = table(**{"text": TEXTS, "a,b": ["x", "y"] * 30, "a": TOXIC, "b": INSULT})
    assert parts_of("a,b", rows.columns) == []
    assert infer(rows, load_config(values={"data.label": "a,b"})).task == "classification"


def test_the_columns_of_the_labels_are_no_leak() -> None:
    rows = table(text=TEXTS, good=[1, 0, 0] * 20, bad=[0, 1, 0] * 20, mixed=[0, 0, 1] * 20)
    assert prepare(load_config(), rows).count("telling_column") == 0


def test_new_labels_are_written_into_their_columns() -> None:
    rows = ones()
    decided = [{"place": "rows.csv:2", "text": TEXTS[0], "new_label": '["threat"]'}]
    found = relabel(rows, infer(rows, load_config(), True), read(decided))
    assert found.table.columns.column_names == rows.columns.column_names
    assert found.table.columns.slice(0, 1).to_pylist()[0] | {"text": ""} == {
        "id": 0, "text": "", "toxic": 0, "insult": 0, "threat": 1
    }  # fmt: skip
    decided[0]["new_label"] = '["spam"]'
    with pytest.raises(DataError, match="there is no column 'spam' for the new label"):
        relabel(rows, infer(rows, load_config(), True), read(decided))


def test_dotted_names_reach_into_objects() -> None:
    named = load_config(values={"data.text": "document.text", "data.label": "by.label"})
    dataset = prepare(named, objects())
    assert (dataset.labels, dataset.train.texts[0] in TEXTS) == (("a", "b"), True)
    with pytest.raises(ConfigError, match=r"no column 'document\.txt'.*Did you mean --text document\.text\?"):
        infer(objects(), load_config(values={"data.text": "document.txt"}))


def test_keys_with_dots_are_found_inside_objects() -> None:
    rows = [{"by": {"x.org/a": i, "x": {"org": i + 1}}} for i in range(3)]
    found = derive(Table(pa.Table.from_pylist(rows), "rows.jsonl"), "by.x.org/a", "by.x.org", "by.x.com")
    assert found.columns.column_names == ["by", "by.x.org/a", "by.x.org"]
    assert found.columns["by.x.org/a"].to_pylist() == [0, 1, 2]


def test_objects_are_looked_into_where_no_column_is_text_or_label() -> None:
    found = infer(objects(), load_config())
    assert (found.text, found.label) == ("document.text", "by.label")


def test_labels_inside_objects_are_not_written() -> None:
    rows = objects()
    decided = [{"place": "rows.jsonl, row 1", "text": TEXTS[0], "new_label": "b"}]
    with pytest.raises(DataError, match=r"'by\.label' lies inside an object"):
        relabel(rows, infer(rows, load_config(), True), read(decided))
