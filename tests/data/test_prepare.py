from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tables import reviews, sentence, table

from feinschliff.config import RunConfig, load_config
from feinschliff.data import Dataset, prepare, records_for, separator_for
from feinschliff.errors import ConfigError, DataError
from feinschliff.readers import Table


def config(**values: Any) -> RunConfig:
    return load_config(values={name.replace("__", "."): value for name, value in values.items()})


def with_rows(rows: Table, texts: list, labels: list) -> Table:
    columns = rows.columns.to_pydict()
    return table(text=columns["text"] + texts, label=columns["label"] + labels)


def kinds(dataset: Dataset) -> set[str]:
    return {f.kind for f in dataset.findings}


def test_three_splits_are_made_and_nothing_is_lost() -> None:
    rows = reviews(100)
    found = prepare(config(), rows)
    assert [len(s) for s in (found.train, found.dev, found.test)] == [70, 10, 20]
    assert sorted(found.train.texts + found.dev.texts + found.test.texts) == sorted(
        rows.columns["text"].to_pylist()
    )
    assert found.labels == ("bad", "good")
    assert found.train.table["place"][0].as_py().startswith("rows.csv:")


def test_what_is_removed_is_listed_with_place_and_reason() -> None:
    rows = with_rows(reviews(60), ["", None, " \t", sentence(3)], ["bad", "good", "bad", "good"])
    found = prepare(config(), rows)
    assert [(r["place"], r["reason"]) for r in found.removed] == [
        ("rows.csv:62", "empty"),
        ("rows.csv:63", "empty"),
        ("rows.csv:64", "empty"),
        ("rows.csv:65", "exact_duplicates: same as rows.csv:5"),
    ]
    assert found.count("empty") == 3
    assert found.kept.tolist() == list(range(60))


def test_splits_that_a_column_marks_are_used_unless_declined_or_given() -> None:
    sides = pa.array(["train", "Test", "train", "train", "valid", "train"] * 10 + ["train"])
    rows = with_rows(reviews(60), [""], ["good"])
    rows = dataclasses.replace(rows, columns=rows.columns.append_column("my_set", sides))
    found = prepare(config(), rows)
    assert [len(s) for s in (found.train, found.dev, found.test)] == [40, 10, 10]
    assert found.test.table["place"].to_pylist()[:2] == ["rows.csv:3", "rows.csv:9"]
    assert found.kept.tolist() == list(range(60))
    assert "train, dev and test as marked in 'my_set'" in found.columns.reason
    assert len(prepare(config(data__split="none"), rows).train) == 42
    given = prepare(config(), rows, test=reviews(20))
    assert (len(given.test), "not used: 'my_set' (3 values)" in given.columns.reason) == (20, True)
    with pytest.raises(ConfigError, match="marked in a column, and given as files"):
        prepare(config(data__split="my_set"), rows, test=reviews(20))
    with pytest.raises(ConfigError, match=r"rows\.csv:2: 'label' says 'bad', which is no split"):
        prepare(config(data__split="label", data__label="my_set"), rows)


def test_a_column_of_sides_under_any_name_marks_the_splits_and_is_no_label() -> None:
    usage = pa.array(["TRAIN", "TRAIN", "TEST", "TRAIN", "VALIDATION", "TRAIN"] * 10)
    rows = reviews(60)
    rows = dataclasses.replace(rows, columns=rows.columns.rename_columns(["a", "b"]))
    for cells, name in ((usage, "usage"), (pa.array([{"of.it/use": s} for s in usage.to_pylist()]), "more")):
        found = prepare(config(), dataclasses.replace(rows, columns=rows.columns.append_column(name, cells)))
        assert (found.columns.text, found.columns.label) == ("a", "b")
        assert [len(s) for s in (found.train, found.dev, found.test)] == [40, 10, 10]
    assert found.columns.split == "more.of.it/use"


def test_rows_taken_from_a_table_without_lines_know_their_places() -> None:
    rows = dataclasses.replace(reviews(6), lines=None).take(np.array([4, 1]))
    assert rows.place(0) == "rows.csv, row 5"
    assert rows.places().to_pylist() == ["rows.csv, row 5", "rows.csv, row 2"]


def test_names_of_columns_may_differ_in_capitals() -> None:
    rows = reviews(20).columns
    found = prepare(
        config(), reviews(60), test=table(Text=rows["text"], LABEL=rows["label"], text_2=[1] * 20)
    )
    assert len(found.test) == 20
    assert "the column 'Text' is read as 'text', as train calls it" in found.notes


def test_the_one_column_of_labels_that_is_missing_is_named() -> None:
    texts, ones = [sentence(i) for i in range(40)], [0, 1] * 20
    chosen = config(data__label="toxic,insult,threat")
    rows = table(text=texts, toxic=ones, insult=ones[::-1], threat=ones)
    with pytest.raises(ConfigError, match="no column 'threat', which is a label in.*Rename .* to 'threat'"):
        prepare(chosen, rows, test=table(text=texts, toxic=ones, insult=ones))


def test_nothing_is_removed_that_is_not_named() -> None:
    rows = with_rows(reviews(60), [sentence(3)], ["good"])
    found = prepare(config(data__remove=()), rows)
    assert not found.removed
    assert len(found.train) + len(found.dev) + len(found.test) == 61
    assert found.count("exact_duplicates") == 1


def test_the_test_side_stays_untouched() -> None:
    train = reviews(60)
    test = table(
        "test.csv", text=[sentence(0), "", sentence(500), sentence(500)], label=["bad", "bad", "good", "good"]
    )
    found = prepare(config(), train, test)
    assert found.test.texts == [sentence(0), "", sentence(500), sentence(500)]
    assert sentence(0) not in found.train.texts + found.dev.texts
    assert found.count("leaked_into_test") == 1
    assert "kept and predicted" in next(f.message for f in found.findings if f.kind == "empty")


def test_near_duplicates_of_test_leave_train_and_dev() -> None:
    words = sentence(0).split()
    test = table(
        "test.csv",
        text=[" ".join([*words[:5], "changed", *words[6:]]).upper(), sentence(500)],
        label=["bad", "good"],
    )
    found = prepare(config(), reviews(60), test)
    assert sentence(0) not in found.train.texts + found.dev.texts
    leaked = next(f for f in found.findings if f.kind == "leaked_into_test")
    assert leaked.severity == "error"
    assert leaked.examples[0]["detail"] == "in test.csv:2"


def test_a_refused_kind_stops_with_exit_code_3() -> None:
    rows = with_rows(reviews(60), [sentence(3)], ["bad"])
    with pytest.raises(DataError, match="conflicting_labels: 2 rows") as error:
        prepare(config(data__refuse=("conflicting_labels",)), rows)
    assert error.value.exit_code == 3


@pytest.mark.parametrize("setting", ["data.remove", "data.refuse"])
def test_an_unknown_kind_gets_the_nearest_suggested(setting: str) -> None:
    with pytest.raises(ConfigError, match=r"Did you mean 'exact_duplicates'\?"):
        prepare(load_config(values={setting: ("exact_duplicate",)}), reviews())


def test_a_kind_without_rows_cannot_be_removed() -> None:
    with pytest.raises(ConfigError, match="imbalance"):
        prepare(config(data__remove=("imbalance",)), reviews())


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (table(text=[sentence(i) for i in range(30)], label=["same"] * 30), "every row has the label 'same'"),
        (table(text=["again and again"] * 30, label=["a", "b"] * 15), "all 30 rows hold the same text"),
        (table(text=[""] * 30, label=["a", "b"] * 15), "no usable row among 30"),
        (
            table(text=[sentence(i) for i in range(30)], label=[f"class {i}" for i in range(30)]),
            "are different",
        ),
        (table(text=[sentence(1), sentence(2), sentence(3)], label=["a", "b", "a"]), "cannot be divided"),
    ],
)
def test_data_from_which_nothing_can_be_learnt_is_refused(rows: Table, message: str) -> None:
    with pytest.raises(DataError, match=message):
        prepare(config(data__label="label", data__text="text"), rows)


def test_labels_take_one_line() -> None:
    texts = [sentence(i) for i in range(60)]
    found = prepare(config(), table(text=texts, label=["a\nb", "c"] * 30))
    assert found.labels == ("a b", "c")
    assert "2 classes: a b, c" in found.columns.reason


def test_a_class_of_one_row_trains_and_is_named() -> None:
    found = prepare(config(), with_rows(reviews(60), [sentence(900)], ["rare"]))
    assert sentence(900) in found.train.texts
    assert "rare" in next(f.message for f in found.findings if f.kind == "single_examples")


def test_numbers_as_texts_are_converted_and_said() -> None:
    found = prepare(config(data__text="text"), table(text=list(range(40)), label=["a", "b"] * 20))
    assert found.count("numeric_texts") == 40
    assert set(found.train.texts) <= {str(n) for n in range(40)}


def test_lists_as_texts_are_refused_with_places() -> None:
    with pytest.raises(DataError, match=r"'text' holds lists in 40 rows \(rows.csv:2, rows.csv:3"):
        prepare(config(data__text="text"), table(text=[["a", "b"]] * 40, label=["a", "b"] * 20))


def test_rows_without_label_are_left_out_everywhere() -> None:
    found = prepare(config(), with_rows(reviews(60), [sentence(901), sentence(902)], [None, " "]))
    assert {r["reason"] for r in found.removed} == {"missing_labels"}
    assert None not in found.train.targets + found.dev.targets + found.test.targets


def test_a_missing_cell_of_labels_is_no_empty_one(tmp_path) -> None:
    rows = [{"text": sentence(i), "labels": ["a;b", "a", "b", "a;b", None][i % 5]} for i in range(60)]
    lines = tmp_path / "rows.jsonl"
    lines.write_text("\n".join(map(json.dumps, rows)))
    found = prepare(config(data__train=str(lines)))
    assert (found.task, found.count("missing_labels"), found.count("empty_labels")) == ("multilabel", 12, 0)
    assert [] not in found.train.targets
    lines.write_text("\n".join(json.dumps({**row, "labels": row["labels"] or ""}) for row in rows))
    cells = tmp_path / "rows.csv"
    cells.write_text("text,labels\n" + "\n".join(f"{row['text']},{row['labels'] or ''}" for row in rows))
    for source in (lines, cells):
        found = prepare(config(data__train=str(source)))
        assert (found.count("missing_labels"), found.count("empty_labels")) == (0, 12)
        assert [] in found.train.targets
    (finding,) = [f for f in found.findings if f.kind == "empty_labels"]
    assert (finding.severity, finding.message) == ("info", "12 cells of labels are empty: no label applies")
    assert not prepare(config(data__train=str(cells), data__remove=("empty_labels",))).train.targets.count([])


def test_a_dash_beside_classes_is_no_label() -> None:
    label = ["yes", "no", "-"] * 20
    found = prepare(config(), table(text=[sentence(i) for i in range(60)], label=label))
    assert found.labels == ("no", "yes")
    assert "2 classes: no, yes; '-' is no label" in found.columns.reason
    assert [item["reason"] for item in found.removed] == ["missing_labels"] * 20
    signs = prepare(config(), table(text=[sentence(i) for i in range(60)], label=["+", "-", "neutral"] * 20))
    assert signs.labels == ("+", "-", "neutral")


def test_what_a_dash_is_in_test_is_decided_by_train() -> None:
    train = table(text=[sentence(i) for i in range(60)], label=["yes", "no", "-"] * 20)
    test = table(text=[sentence(i) for i in range(60, 80)], label=["yes", "-"] * 10)
    found = prepare(config(), train, test)
    assert (found.labels, found.count("unseen_labels"), len(found.test)) == (("no", "yes"), 0, 10)
    clean = table(text=[sentence(i) for i in range(60)], label=["yes", "no", "maybe"] * 20)
    found = prepare(config(), clean, test)
    assert (found.labels, found.count("unseen_labels"), len(found.test)) == (("maybe", "no", "yes"), 0, 10)
    train = table(text=[sentence(i) for i in range(60)], label=["+", "-", "?"] * 20)
    test = table(text=[sentence(i) for i in range(60, 80)], label=["-"] * 20)
    assert set(prepare(config(), train, test).test.targets) == {"-"}


def test_labels_get_one_name_whatever_their_type() -> None:
    for label in ([1.0, 0.0] * 30, ["1", "0 "] * 30, [1, 0] * 30, ["1.0", "0.0"] * 30):
        assert prepare(config(), table(text=[sentence(i) for i in range(60)], label=label)).labels == (
            "0",
            "1",
        )
    flags = prepare(config(), table(text=[sentence(i) for i in range(60)], label=[True, False] * 30))
    assert flags.labels == ("false", "true")


def test_labels_get_one_name_however_their_accents_are_written() -> None:
    texts, names = [sentence(i) for i in range(60)], ["M\u00fcnchen", "Mu\u0308nchen", "Ulm"]
    spans = [[{"start": 0, "end": 4, "label": name}] for name in names]
    for label in (names, [[name] for name in names], spans):
        column = {"spans" if label is spans else "label": label * 20}
        found = prepare(config(), table(text=texts, **column))
        assert found.labels == ("M\u00fcnchen", "Ulm")
        assert "Mu\u0308nchen" not in str(found.train.targets)


def test_numbers_as_classes_are_ordered_by_value() -> None:
    rows = table(text=[sentence(i) for i in range(120)], label=[str(1 + i % 12) for i in range(120)])
    assert prepare(config(), rows).labels == tuple(map(str, range(1, 13)))


def test_a_label_called_nan_is_a_name() -> None:
    names = ["10", "nan", "9", "inf", "a", "2"]
    rows = table(text=[sentence(i) for i in range(120)], label=names * 20)
    assert prepare(config(task="classification"), rows).labels == ("2", "9", "10", "a", "inf", "nan")


def test_the_tasks_have_targets_of_their_types() -> None:
    texts = [sentence(i) for i in range(60)]
    many = prepare(config(), table(text=texts, labels=[["b", "a"], ["a"], []] * 20))
    assert (many.task, many.labels) == ("multilabel", ("a", "b"))
    assert ["a", "b"] in many.train.targets
    numbers = prepare(config(), table(text=texts, score=[i / 7 for i in range(60)]))
    assert (numbers.task, numbers.labels) == ("regression", ())
    assert isinstance(numbers.test.targets[0], float)
    spans = prepare(config(), table(text=texts, spans=[[{"start": 0, "end": 4, "label": "X"}], []] * 30))
    assert (spans.task, spans.labels) == ("ner", ("X",))
    plain = prepare(config(task="unlabelled"), table(text=texts))
    assert "target" not in plain.train.table.column_names


def test_training_needs_labels() -> None:
    with pytest.raises(ConfigError, match="no column looks like a label"):
        prepare(config(), table(text=[sentence(i) for i in range(40)]))


def test_a_label_only_in_test_is_found() -> None:
    rows = table("test.csv", text=[sentence(900), sentence(901)], label=["new", "good"])
    found = prepare(config(), reviews(60), rows)
    assert "unseen_labels" in kinds(found)
    assert found.labels == ("bad", "good", "new")


def test_the_test_file_must_have_the_columns() -> None:
    with pytest.raises(
        ConfigError, match=r"test.csv: there is no column 'label'.*Rename one of them to 'label'; train, dev"
    ):
        prepare(config(), reviews(60), table("test.csv", text=["a text"]))


def test_new_files_keep_every_row_in_order() -> None:
    columns = prepare(config(), reviews(60)).columns
    new = table(text=["b", None, "a", "a"], label=["good", None, "bad", "bad"])
    assert records_for(columns, new).texts == ["b", "", "a", "a"]
    assert "target" not in records_for(columns, new).table.column_names
    with pytest.raises(DataError, match=r"1 row without a label \(rows.csv:3\)"):
        records_for(columns, new, labelled=True)
    with pytest.raises(ConfigError, match="there is no column 'text'"):
        records_for(columns, table(words=["a"]))
    unlabelled = dataclasses.replace(columns, label=None)
    with pytest.raises(ConfigError, match="--label"):
        records_for(unlabelled, new, labelled=True)


def test_pairs_stay_pairs() -> None:
    rows = table(
        premise=[sentence(i) for i in range(60)],
        hypothesis=[sentence(i + 100) for i in range(60)],
        label=["yes", "no"] * 30,
    )
    found = prepare(config(), rows)
    assert found.train.pairs is not None
    assert len(found.train.pairs) == len(found.train)


def test_a_single_group_cannot_be_divided() -> None:
    rows = table(text=[sentence(i) for i in range(60)], label=["a", "b"] * 30, team=["one"] * 60)
    with pytest.raises(DataError, match="1 group, too few for 3 splits"):
        prepare(config(data__group="team"), rows)


def test_spans_outside_the_text_are_refused_with_place() -> None:
    spans = [[{"start": 0, "end": 4, "label": "X"}]] * 39 + [[{"start": 2, "end": 900, "label": "X"}]]
    with pytest.raises(
        DataError, match=r"rows.csv:41: 'spans' has 1 span outside the text, such as 2 to 900"
    ):
        prepare(config(), table(text=[sentence(i) for i in range(40)], spans=spans))


def test_a_test_without_any_label_cannot_score() -> None:
    with pytest.raises(DataError, match=r"test.csv: no usable row is left for test"):
        prepare(
            config(), reviews(60), table("test.csv", text=["a text"], label=pa.array([None], pa.string()))
        )


@pytest.mark.parametrize(
    "kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
)
def test_strings_of_any_arrow_type_are_strings(kind: pa.DataType) -> None:
    rows = reviews(60)
    other = table(**{n: rows.columns[n].combine_chunks().cast(kind) for n in ("text", "label")})
    assert prepare(config(), rows).fingerprint == prepare(config(), other).fingerprint


@pytest.mark.parametrize("value", [{"a": 1}, b"bytes"])
def test_labels_that_are_none_are_refused(value: Any) -> None:
    with pytest.raises((ConfigError, DataError)):
        prepare(config(data__label="label"), table(text=[sentence(i) for i in range(40)], label=[value] * 40))


@pytest.mark.parametrize("sign", [";", "|", ", "])
def test_several_labels_in_a_cell_are_read_alike_in_test(sign: str) -> None:
    labels = [f"b{sign}a", "a", "b", "c"] * 15
    rows = table(text=[sentence(i) for i in range(60)], label=labels)
    found = prepare(config(), rows, table("test.csv", text=["another text"], label=[f"a{sign}c"]))
    assert found.test.targets == [["a", "c"]]
    assert found.labels == ("a", "b", "c")


def test_a_test_file_of_other_labels_or_of_the_same_rows_is_refused(tmp_path) -> None:
    texts = [sentence(i) for i in range(90)]
    train = table(text=texts[:60], label=["no", "yes"] * 30)
    with pytest.raises(DataError, match="none of its labels was learnt: '0', '1'"):
        prepare(config(), train, table(text=texts[60:], label=["0", "1"] * 15))
    some = prepare(config(), train, table(text=texts[60:], label=["yes", "never"] * 15))
    assert some.labels == ("never", "no", "yes")
    file = tmp_path / "data.csv"
    file.write_text("text,label\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="named for training and for test"):
        prepare(load_config(values={"data.train": str(file), "data.test": f"{tmp_path}/./data.csv"}))


def test_labels_of_other_files_are_parted_as_the_known_ones_are() -> None:
    names = ("Home, Garden", "Toys", "a")
    for cells, separator in (
        (["Home, Garden", "Toys"], None),
        (["Home, Garden;Toys"], ";"),
        (["Toys,a"], ","),
        (['["Toys"]'], "[]"),
    ):
        assert separator_for(table(labels=cells), "labels", names) == separator


def test_a_file_without_any_entity_may_be_dev() -> None:
    spans = [[{"start": 0, "end": 4, "label": "X"}], []] * 30
    train = table(text=[sentence(i) for i in range(60)], spans=spans)
    dev = table(text=[sentence(i) for i in range(60, 70)], spans=[[]] * 10)
    assert prepare(config(), train, None, dev).dev.targets == [[]] * 10
