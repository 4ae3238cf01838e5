from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from tables import reviews, sentence, table

from feinschliff.config import load_config
from feinschliff.data import infer, prepare
from feinschliff.data.normalise import normalise
from feinschliff.errors import ConfigError, DataError

TEXTS = [sentence(i) for i in range(40)]
TWO = ["yes", "no"] * 20


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("text", "label"),
        ("Review", "Sentiment"),
        ("Kommentar", "Kategorie"),
        ("Text der Bewertung", "Klasse"),
        ("texte", "catégorie"),
        ("reseña", "etiqueta"),
        ("reviewText", "class_name"),
        ("v2", "v1"),
        ("Überschrift", "Priorität"),
    ],
)
def test_columns_are_found_by_name_in_several_languages(text: str, label: str) -> None:
    found = infer(table(**{label: TWO, text: TEXTS}), load_config())
    assert (found.text, found.label, found.task) == (text, label, "classification")
    assert found.confidence >= 0.8
    assert f"'{text}'" in found.reason


def test_columns_are_found_by_content_alone() -> None:
    found = infer(table(a=TWO, b=TEXTS), load_config())
    assert (found.text, found.label) == ("b", "a")
    assert found.confidence < 0.8


def test_two_texts_are_asked_about_by_name() -> None:
    both = table(note=TEXTS, remark=TEXTS[::-1], label=TWO)
    with pytest.raises(
        ConfigError, match=r"2 columns could be the text.*'note'.*--text note or --text remark"
    ):
        infer(both, load_config())
    assert infer(both, load_config(values={"data.text": "remark"})).text == "remark"


def test_two_labels_are_asked_about_by_name() -> None:
    with pytest.raises(ConfigError, match=r"2 columns could be the label.*--label tone or --label mood"):
        infer(table(text=TEXTS, tone=TWO, mood=TWO[::-1]), load_config())


def test_how_a_file_was_read_is_said_where_columns_are_missing() -> None:
    rows = replace(table(remark=["see below"] * 9), notes=("sheet 'Info' is read",))
    for values in ({"data.text": "remark"}, {"data.label": "tone"}):
        with pytest.raises(ConfigError, match=r"\. As it was read: sheet 'Info' is read\."):
            infer(rows, load_config(values=values), labelled=True)


def test_labels_that_differ_in_blanks_are_counted_once() -> None:
    found = infer(table(text=TEXTS, label=["a", " a", "b ", "b"] * 10), load_config())
    assert "(2 classes: a, b)" in found.reason
    assert "label 'label' (2 values)" in found.reason


def test_a_wrong_column_gets_the_nearest_suggested() -> None:
    with pytest.raises(ConfigError, match=r"no column 'lable'.*Did you mean --label label\?") as error:
        infer(reviews(), load_config(values={"data.label": "lable"}))
    assert error.value.exit_code == 2


def test_id_group_and_time_are_found() -> None:
    found = infer(
        table(
            id=list(range(60)),
            text=[sentence(i) for i in range(60)],
            label=["a", "b"] * 30,
            author=[f"author {i // 2}" for i in range(60)],
            published=[date(2026, 1, 1)] * 60,
        ),
        load_config(),
    )
    assert (found.id, found.group, found.time) == ("id", "author", "published")


def test_columns_that_could_be_meant_and_are_not_used_are_named() -> None:
    rows = table(message=TEXTS, subject=TEXTS[::-1], Product=TWO, Topic=TWO, lang=TWO, nr=list(range(40)))
    found = infer(rows, load_config())
    assert (found.text, found.label) == ("message", "Topic")
    assert "; not used: 'subject' (12 words on average), 'Product' (2 values); conf" in found.reason
    assert "not used: 'subject' (12 words on average); conf" in infer(rows, load_config(), False).reason
    assert "not used" not in infer(reviews(), load_config()).reason


@pytest.mark.parametrize(("num_documents", "group"), [(30, "document"), (4, None)])
def test_many_documents_of_a_conll_file_are_groups(tmp_path, num_documents, group) -> None:
    path = tmp_path / "a.conll"
    sentences = [f"{sentence(i)} here".replace(" ", " O\n") + " B-X\n\n" for i in range(120)]
    size = 120 // num_documents
    documents = ["".join(sentences[i : i + size]) for i in range(0, 120, size)]
    path.write_text("".join("-DOCSTART- O\n\n" + document for document in documents))
    data = prepare(load_config(values={"data.train": str(path)}))
    assert data.columns.group == group
    if group:
        sides = [set(part.table["group"].to_pylist()) for part in (data.train, data.dev, data.test)]
        assert sum(map(len, sides)) == num_documents


def test_a_group_can_be_declined() -> None:
    rows = table(text=TEXTS, label=TWO, author=[f"author {i // 2}" for i in range(40)])
    assert infer(rows, load_config()).group == "author"
    assert infer(rows, load_config(values={"data.group": "none"})).group is None


@pytest.mark.parametrize(
    ("first", "second"),
    [("sentence1", "sentence2"), ("premise", "hypothesis"), ("frage", "antwort"), ("#1 String", "#2 String")],
)
def test_pairs_are_found(first: str, second: str) -> None:
    found = infer(table(**{first: TEXTS, second: TEXTS[::-1], "label": TWO}), load_config())
    assert (found.text, found.text_pair) == (first, second)


def test_the_other_half_is_found_where_the_text_is_named_unless_it_is_declined() -> None:
    rows = table(question1=TEXTS, question2=TEXTS[::-1], label=TWO)
    found = infer(rows, load_config(values={"data.text": "question1"}))
    assert (found.text, found.text_pair) == ("question1", "question2")
    assert "for one text: --text-pair none" in found.reason
    alone = infer(rows, load_config(values={"data.text": "question1", "data.text_pair": "none"}))
    assert (alone.text, alone.text_pair) == ("question1", None)


def test_texts_side_by_side_are_offered_as_a_pair() -> None:
    rows = table(label=TWO, column_6=TEXTS, column_7=TEXTS[::-1])
    with pytest.raises(ConfigError, match="pairs of texts: --text column_6 --text-pair column_7"):
        infer(rows, load_config())


@pytest.mark.parametrize(
    ("label", "task"),
    [
        (TWO, "classification"),
        (["1", "0"] * 20, "classification"),
        ([1, 0] * 20, "classification"),
        ([True, False] * 20, "classification"),
        ([1, 2, 3, 4, 5] * 8, "classification"),
        ([i / 7 for i in range(40)], "regression"),
        (["0.5", "1,25"] * 20, "regression"),
        (["3", "3,5", "5", "4"] * 10, "regression"),
        (["a;b", "a", "b", "c"] * 10, "multilabel"),
        (["a, b", "a", "b", "c"] * 10, "multilabel"),
        (["Home, Garden", "Toys"] * 20, "classification"),
        ([["a"], ["a", "b"], [], ["c"]] * 10, "multilabel"),
        (['["a", "b"]', "[]"] * 20, "multilabel"),
        (["good", "[sic]"] * 20, "classification"),
        ([[{"start": 0, "end": 5, "label": "X"}], []] * 20, "ner"),
    ],
)
def test_the_task_follows_from_the_labels(label: list, task: str) -> None:
    assert infer(table(text=TEXTS, label=label), load_config()).task == task


def test_numbers_with_commas_may_be_several_labels() -> None:
    rows = table(text=TEXTS, label=["3", "10", "3,10", "7"] * 10)
    with pytest.raises(ConfigError, match="'3,10' in 'label' may be a decimal number or two labels"):
        infer(rows, load_config())
    assert infer(rows, load_config(values={"task": "multilabel"})).separator == ","
    rows = table(
        text=TEXTS, label=["3", "10", "3,10", "7", "7,10", "3,7", "7,3", "3,4"] * 5
    )  # 4 only beside 3
    with pytest.raises(ConfigError, match="may be a decimal number or two labels"):
        infer(rows, load_config())
    prices = table(text=TEXTS, label=["1", "2", "3", "12,50", "3,99", "2,49", "3,3", "2,1"] * 5)
    assert infer(prices, load_config()).task == "regression"


def test_blanks_separate_labels_where_several_are_asked_for() -> None:
    several = load_config(values={"task": "multilabel"})
    rows = table(text=TEXTS, label=["red", "blue", "red blue", ""] * 10)
    found = infer(rows, several)
    assert found.separator == " "
    assert normalise(rows, found).records.targets[:4] == [["red"], ["blue"], ["blue", "red"], []]
    assert (
        infer(table(text=TEXTS, label=["New York", "Ulm", "Bad Ems", "Bonn"] * 10), several).separator is None
    )
    assert infer(rows, load_config()).task == "classification"


def test_an_answer_to_the_same_few_questions_is_asked_about() -> None:
    rows = {"question": ["what would you ask for music"] * 60, "answer": [sentence(i) for i in range(60)]}
    with pytest.raises(
        ConfigError, match="'question' holds few different texts, so 'answer' may be the text"
    ):
        infer(table(**rows, label=["yes", "no"] * 30), load_config())
    rows["question"] = [sentence(100 + i // 6) for i in range(60)]
    assert infer(table(**rows, label=["yes", "no"] * 30), load_config()).text_pair == "answer"


def test_a_comma_separates_labels_where_several_are_asked_for() -> None:
    rows = table(text=TEXTS, label=["a, b", "a", "a, c", "d"] * 10)
    found = infer(rows, load_config())
    assert (found.task, found.separator) == ("classification", None)
    assert "'a', 'a, b', 'a, c', 'd'" in found.reason
    assert infer(rows, load_config(values={"task": "multilabel"})).separator == ","


def test_many_classes_of_few_rows_with_long_names_are_labels() -> None:
    names = [f"class {i} of the catalogue, with a name" for i in range(40)]
    texts = [f"a text of its own about the matter {i}" for i in range(120)]
    assert infer(table(text=texts, label=names * 3), load_config()).label == "label"


def test_many_whole_numbers_are_asked_about() -> None:
    rows = table(text=TEXTS, target=list(range(40)))
    with pytest.raises(ConfigError, match="--task classification or --task regression"):
        infer(rows, load_config(values={"data.label": "target"}))
    assert (
        infer(rows, load_config(values={"data.label": "target", "task": "regression"})).task == "regression"
    )


def test_numbered_sentences_are_a_pair_although_short_and_repeated() -> None:
    short = [f"a {word} here" for word in ("cat", "dog", "cow", "hen")] * 10
    found = infer(table(sentence1=short, sentence2=short[::-1], score=[0.5, 1.0] * 20), load_config())
    assert (found.text, found.text_pair, found.label) == ("sentence1", "sentence2", "score")


def test_entities_are_in_one_text() -> None:
    spans = [[{"start": 0, "end": 5, "label": "X"}], []] * 20
    twins = table(sentence1=TEXTS, sentence2=TEXTS[::-1], spans=spans)
    with pytest.raises(
        ConfigError, match="2 columns could be the text.*--text sentence1 or --text sentence2"
    ):
        infer(twins, load_config())
    for values in ({}, {"data.text_pair": "none"}):
        found = infer(twins, load_config(values={"data.text": "sentence1", **values}))
        assert (found.task, found.text, found.text_pair) == ("ner", "sentence1", None)


@pytest.mark.parametrize("task", ["auto", "ner"])
def test_a_second_text_beside_entities_is_refused(task: str) -> None:
    rows = table(
        text=TEXTS, second=TEXTS[::-1], label=TWO, spans=[[{"start": 0, "end": 5, "label": "X"}]] * 40
    )
    chosen = {"task": task, "data.text_pair": "second"}
    with pytest.raises(ConfigError, match="'second' is named as a second one.*Leave out --text-pair second"):
        infer(rows, load_config(values=chosen))
    pairs = infer(rows, load_config(values={"data.text_pair": "second", "data.label": "label"}))
    assert (pairs.task, pairs.text_pair) == ("classification", "second")


def test_stars_go_before_other_columns_of_a_shop() -> None:
    rows = table(review_body=TEXTS, star_rating=[1, 2, 3, 5] * 10, verified_purchase=["Y", "N"] * 20)
    assert infer(rows, load_config()).label == "star_rating"


def test_numbers_of_tags_without_names_are_refused() -> None:
    rows = table(tokens=[["In", "Ulm"]] * 40, text=TEXTS, ner_tags=[[0, 1]] * 40)
    with pytest.raises(ConfigError, match="'ner_tags' holds numbers of tags, and their names are not"):
        infer(rows, load_config())


def test_tags_without_their_tokens_are_refused() -> None:
    tags = {"text": TEXTS, "label": [["O", "B-LOC"]] * 40}
    with pytest.raises(ConfigError, match=r"tags of tokens, and there are no tokens.*\"tokens\": \["):
        infer(table(**tags), load_config())
    assert infer(table(**tags), load_config(values={"task": "multilabel"})).task == "multilabel"


def test_no_label_means_unlabelled_unless_one_is_needed() -> None:
    rows = table(text=TEXTS)
    assert infer(rows, load_config()).task == "unlabelled"
    with pytest.raises(ConfigError, match="no column looks like a label"):
        infer(rows, load_config(), labelled=True)


def test_an_unknown_task_gets_the_nearest_suggested() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'regression'"):
        infer(reviews(), load_config(values={"task": "regresion"}))
    with pytest.raises(ConfigError, match=r"There are: auto, classification, multilabel, ner, regression\.$"):
        infer(reviews(), load_config(values={"task": "nonsense"}))


def test_no_rows_is_an_error_of_the_data() -> None:
    with pytest.raises(DataError, match="no rows"):
        infer(table(text=[], label=[]), load_config())


def test_the_order_of_rows_changes_nothing() -> None:
    rows = reviews()
    turned = table(**{n: rows.columns[n].to_pylist()[::-1] for n in ("text", "label")})
    assert infer(rows, load_config()) == infer(turned, load_config())


def test_thousands_are_not_taken_for_decimals():
    chosen = load_config(values={"task": "regression", "data.label": "price"})
    for cells in (["950", "1,234", "12,500"] * 10, ["950.50", "1,234", "2"] * 10):
        rows = table(text=TEXTS[:1] * 30, price=cells)
        with pytest.raises(DataError, match=r"rows\.csv:3: '1,234' may be a number with three decimals"):
            normalise(rows, infer(rows, chosen), labelled=True)
    rows = table(text=TEXTS[:1] * 30, price=["0,125", "1,234", "-2,5"] * 10)
    found = normalise(rows, infer(rows, chosen), labelled=True).records.targets
    assert found[:3] == [0.125, 1.234, -2.5]


@pytest.mark.parametrize("cell", ["[" * 3000 + "]" * 3000, "[" + "-" * 5000 + "1]"])
def test_a_cell_nested_beyond_measure_is_no_list(cell) -> None:
    rows = reviews(40).columns.to_pydict()
    found = prepare(load_config(), table(text=rows["text"], label=[cell, *rows["label"][1:]]))
    assert found.task == "classification"


def test_line_ends_in_labels_become_blanks_in_no_time() -> None:
    rows = reviews(40).columns.to_pydict()
    far = "good" + " " * 200_000 + "x"
    labels = [{"good": "good \r\n  day", "bad": far}[label] for label in rows["label"]]
    assert prepare(load_config(), table(text=rows["text"], label=labels)).labels == (far, "good day")


def test_lists_of_paragraphs_are_texts_of_several_lines() -> None:
    parts = [[text, text[::-1], None] for text in TEXTS]
    rows = table(title=["Case of A v. B"] * 40, facts=parts, reasons=[[1, 2]] * 40, labels=[["x"], []] * 20)
    found = infer(rows, load_config())
    assert (found.text, found.label) == ("facts", "labels")
    assert "'facts' (lists of paragraphs, joined by line breaks)" in found.reason
    assert normalise(rows, found).records.texts[0] == f"{TEXTS[0]}\n{TEXTS[0][::-1]}"


@pytest.mark.parametrize("cells", [[[1, 2], [3]] * 20, [TEXTS[:2], TEXTS[2:4]] * 20, [[], []] * 20])
def test_lists_of_numbers_paragraphs_or_nothing_are_no_labels(cells: list) -> None:
    assert infer(
        table(text=TEXTS, gold_reasons=[*cells], articles=[["3"], ["2"]] * 20), load_config()
    ).label == ("articles")


def test_lists_of_objects_written_as_text_are_no_labels() -> None:
    cells = ['[{"start": 0, "labels": ["X"]}]', "[]", '[{"start": 3, "labels": ["X", "Y"]}]', "[]"] * 10
    rows = table(text=TEXTS, label=cells, annotation_id=list(range(40)))
    assert infer(rows, load_config()).label is None
    named = load_config(values={"data.label": "label"})
    with pytest.raises(DataError, match="which is no list of labels"):
        normalise(rows, infer(rows, named))


def test_columns_that_cannot_be_the_text_are_not_offered() -> None:
    rows = table(messages=[[{"role": "user", "content": text}] for text in TEXTS])
    with pytest.raises(ConfigError, match="'messages' holds lists of objects; give each row its text in a"):
        infer(rows, load_config())


SCORES = [i / 7 for i in range(40)]


def test_a_decimal_score_is_asked_about_beside_a_genre_and_goes_before_it_for_pairs() -> None:
    with pytest.raises(ConfigError, match="--label genre or --label score"):
        infer(table(review=TEXTS, genre=TWO, score=SCORES), load_config())
    found = infer(table(sentence1=TEXTS, sentence2=TEXTS[::-1], genre=TWO, score=SCORES), load_config())
    assert (found.label, found.task) == ("score", "regression")


def test_a_weak_name_does_not_speak_for_a_column_that_is_mostly_empty() -> None:
    tags = [*TWO[:10], *[None] * 30]
    with pytest.raises(ConfigError, match="--label tags or --label kind_of_case or --label product"):
        infer(table(text=TEXTS, tags=tags, kind_of_case=TWO, product=TWO), load_config())
    assert infer(table(text=TEXTS, label=tags, kind_of_case=TWO), load_config()).label == "label"


def test_columns_about_the_label_or_the_choices_are_no_labels() -> None:
    rows = table(text=TEXTS, tone=TWO, tone_confidence=[0.5, 1.0] * 20)
    assert infer(rows, load_config()).label == "tone"
    rows = table(text=TEXTS, options=[["A", "B"]] * 40, accept=[["A"], ["B", "A"]] * 20, _task_hash=[1] * 40)
    assert infer(rows, load_config()).label == "accept"
    pairs = {"sentence1": TEXTS, "sentence2": TEXTS[::-1], "genre": TWO, "gold_label": TWO[::-1]}
    assert infer(table(**pairs, annotator_labels=[["yes", "no"]] * 40), load_config()).label == "gold_label"


@pytest.mark.parametrize("heading", ["review_title", "Summary"])
def test_the_body_of_a_review_is_its_text(heading: str) -> None:
    people = [f"r{i // 2}" for i in range(40)]
    rows = table(**{heading: TEXTS[::-1], "review_body": TEXTS, "label": TWO, "reviewerID": people})
    found = infer(rows, load_config())
    assert (found.text, found.label, found.group) == ("review_body", "label", "reviewerID")


def test_dates_with_names_of_days_are_no_texts() -> None:
    dates = [f"Mon Apr  6 22:19:{i} PDT 2009" for i in range(10, 50)]
    found = infer(table(a=TWO, b=dates, c=TEXTS), load_config())
    assert (found.text, found.time) == ("c", "b")


@pytest.mark.parametrize("cells", [[["no"], None, ["yes"], ["no"]], ['["no"]', "", '["yes"]', '["no"]']])
def test_lists_of_one_label_each_are_classes_unless_several_are_asked_for(cells: list) -> None:
    rows = table(text=TEXTS, label=cells * 10)
    found = infer(rows, load_config())
    assert (found.task, "if a text may have several: --task multilabel" in found.reason) == (
        "classification",
        True,
    )
    assert normalise(rows, found).records.targets[:3] == ["no", None, "yes"]
    several = infer(rows, load_config(values={"task": "multilabel"}))
    assert normalise(rows, several).records.targets[2] == ["yes"]
    more = table(text=TEXTS[:2], label=cells[2:3] + ([["a", "b"]] if cells[1] is None else ['["a", "b"]']))
    with pytest.raises(DataError, match=r"rows\.csv:3: 'label' holds .*'a', 'b'.*, which is not one label"):
        normalise(more, found)
