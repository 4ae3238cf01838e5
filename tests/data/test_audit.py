from __future__ import annotations

import random
import re
from importlib.resources import files
from typing import Any

import numpy as np
import pytest
import yaml
from tables import WORDS, reviews, sentence, table

from feinschliff.config import load_config
from feinschliff.data import Dataset, Finding, examine
from feinschliff.data.audit import KINDS, REMOVABLE
from feinschliff.data.audit.giveaway import _predicts
from feinschliff.data.audit.languages import language
from feinschliff.readers import Table

GERMAN = yaml.safe_load(
    (files("feinschliff.report") / "languages/findings/de.yaml").read_text(encoding="utf-8")
)["messages"]
TEXTS = [sentence(i) for i in range(120)]
TWO = ["good", "bad"] * 60


def audited(rows: Table, test: Table | None = None, **values: Any) -> Dataset:
    found = examine(load_config(values={k.replace("__", "."): v for k, v in values.items()}), rows, test)
    for finding in found.findings:
        patterns = GERMAN.get(finding.kind, ())
        assert not patterns or any(re.fullmatch(p, finding.message) for p, _ in patterns), finding.message
    return found


def one(found: Dataset, kind: str) -> Finding:
    """Return the only finding of a kind."""
    (finding,) = [f for f in found.findings if f.kind == kind]
    return finding


def with_text(text: str, label: str = "good") -> Dataset:
    return audited(table(text=[*TEXTS, text], label=[*TWO, label]))


def test_clean_data_has_no_findings() -> None:
    assert not audited(reviews(200)).findings


def test_every_kind_is_explained_and_its_findings_are_known() -> None:
    assert all(meaning.endswith(".") for meaning in KINDS.values())
    assert set(KINDS) > REMOVABLE
    assert set(load_config().data.remove) <= REMOVABLE


def test_exact_duplicates_are_counted_exactly_with_places() -> None:
    found = audited(table(text=TEXTS + TEXTS[:7] + TEXTS[:2], label=TWO + TWO[:7] + TWO[:2]))
    finding = one(found, "exact_duplicates")
    assert finding.count == 9
    assert finding.examples[0] == {"place": "rows.csv:122", "text": TEXTS[0], "detail": "same as rows.csv:2"}
    assert "9 removed from train" in finding.action


def test_equal_texts_may_differ_in_unicode_form_only() -> None:
    rows = table(text=[*TEXTS, "caf\u00e9", "cafe\u0301"], label=[*TWO, "bad", "bad"])
    assert one(audited(rows), "exact_duplicates").count == 1


def test_near_duplicates_are_counted_apart() -> None:
    found = with_text(TEXTS[5].upper() + "!", TWO[5])
    assert one(found, "near_duplicates").count == 1
    assert found.count("exact_duplicates") == 0
    assert len(found.removed) == 0
    again = table(text=[*TEXTS, TEXTS[5] + "!"], label=[*TWO, TWO[5]])
    assert len(audited(again, data__remove=("near_duplicates",)).removed) == 1


def test_the_same_text_with_another_label_is_a_conflict() -> None:
    finding = one(with_text(TEXTS[0], "bad"), "conflicting_labels")
    assert finding.count == 2
    assert finding.examples[0]["detail"] == "good here, bad at rows.csv:122"


def test_conflicts_say_how_often_one_can_be_right() -> None:
    """Of 124 rows, the text that is good once, bad twice and fair once costs two, another one."""
    texts = [*TEXTS, TEXTS[0], TEXTS[0], TEXTS[0], TEXTS[1]]
    labels = [*TWO, "bad", "bad", "fair", next(label for label in TWO if label != TWO[1])]
    finding = one(audited(table(text=texts, label=labels)), "conflicting_labels")
    assert "on 97.6% of rows at most" in finding.message


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Das gefÃ¤llt mir gar nicht, schade um das Geld", "encoding_damage"),
        ("Itâ€™s broken since the first day I had it", "encoding_damage"),
        ("a question mark in a box \ufffd stands here in this text", "encoding_damage"),
        ("a nice <b>phone</b> with a good camera", "html_remains"),
        ("fish &amp; chips were cold as ice", "html_remains"),
        ("write to anna.b@example.org if you want your money back", "personal_data"),
        ("my number is +49 30 1234567, call me any time", "personal_data"),
        ("pay to DE89 3704 0044 0532 0130 00 by tomorrow please", "personal_data"),
        ("superb", "very_short"),
        (sentence(999, 900), "very_long"),
    ],
)
def test_texts_with_a_trait_are_found(text: str, kind: str) -> None:
    finding = one(with_text(text), kind)
    assert finding.count == 1
    assert finding.examples[0]["place"] == "rows.csv:122"


@pytest.mark.parametrize(
    "text",
    [
        "pay to GB83 WEST 1234 5698 7654 32 by tomorrow",
        "if a < b and c > d then stop",
        "Ça va très bien, über Öl",
    ],
)
def test_texts_without_the_trait_are_not(text: str) -> None:
    found = {f.kind for f in with_text(text).findings}
    assert not found & {"personal_data", "html_remains", "encoding_damage"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("This is not what I have ordered and it was late", "English"),
        ("Das ist nicht das, was ich bestellt habe", "German"),
        ("Ce n'est pas ce que je voulais dans la boîte avec les câbles", "French"),
        ("Это не то, что я заказывал", "Cyrillic"),
        ("iPhone 12 64GB", None),
    ],
)
def test_languages_are_told_by_their_common_words(text: str, name: str | None) -> None:
    assert language(text) == name


def test_mixed_languages_are_found() -> None:
    english = [f"this is the {sentence(i, 4)} and it was not for me" for i in range(90)]
    german = [f"das ist nicht die {sentence(i, 4)} und ich war da" for i in range(90, 120)]
    finding = one(audited(table(text=english + german, label=TWO)), "mixed_languages")
    assert finding.count == 30
    assert "English (75%)" in finding.message
    assert "German 25%" in finding.message


def test_classes_are_judged_by_their_size() -> None:
    labels = ["large"] * 105 + ["small"] * 4 + ["Small"] * 10 + ["one"]
    found = audited(table(text=TEXTS, label=labels))
    assert "'one'" in one(found, "imbalance").message
    assert one(found, "single_examples").examples[0]["text"] == TEXTS[-1]
    assert "'Small' / 'small'" in one(found, "label_variants").message
    assert one(found, "small_classes").count == 3


def test_a_name_of_the_label_in_the_text_is_found() -> None:
    texts = [f"{text} label {name}" for text, name in zip(TEXTS, TWO, strict=True)]
    finding = one(audited(table(text=texts, label=TWO)), "label_in_text")
    assert finding.severity == "warning"
    assert "'good' in 100% of 'good'" in finding.message


def test_rare_entities_are_called_entities() -> None:
    spans = [[{"start": 0, "end": 3, "label": "LOC" if i < 3 else "PER"}] for i in range(120)]
    message = one(audited(table(text=TEXTS, spans=spans)), "imbalance").message
    assert message.startswith("'PER' has 117 entities, 'LOC' 3: compare systems by macro_entity_f1;")


def test_a_telling_word_is_found() -> None:
    texts = [text + (" xyzzy" if name == "bad" else "") for text, name in zip(TEXTS, TWO, strict=True)]
    assert "'xyzzy' in 100% of 'bad'" in one(audited(table(text=texts, label=TWO)), "telling_word").message


@pytest.mark.parametrize(
    "column",
    [
        {"source": ["web", "phone"] * 59 + ["web", "web"]},
        {"id": [f"{'ab'[i % 2]}-{i}" for i in range(120)]},
        {"id": [i // 2 + (i % 2) * 1000 for i in range(120)]},
    ],
)
def test_a_column_that_predicts_the_label_is_found(column: dict) -> None:
    finding = one(audited(table(text=TEXTS, label=TWO, **column)), "telling_column")
    assert f"'{next(iter(column))}' predicts the label" in finding.message


@pytest.mark.parametrize(
    "column", [{"source": ["web", "phone", "mail"] * 40}, {"id": list(range(120))}, {"tone": TWO}]
)
def test_a_column_without_or_with_all_of_the_label_is_not(column: dict) -> None:
    found = audited(table(text=TEXTS, label=TWO, **column), data__label="label", data__text="text")
    assert not found.count("telling_column")


def test_label_noise_is_found() -> None:
    rng, words = random.Random(2), WORDS.split()
    texts = [" ".join(rng.choices(words[:20] if name == "good" else words[20:], k=12)) for name in TWO]
    labels = [*TWO]
    labels[10] = "bad"
    finding = one(audited(table(text=texts, label=labels)), "label_noise")
    assert finding.count == 1
    assert finding.examples[0]["place"] == "rows.csv:12"
    assert finding.examples[0]["detail"].startswith("'bad' here, a simple model says 'good'")


def test_rows_of_a_group_on_both_sides_are_found_and_cured() -> None:
    products = [f"product {i // 4}" for i in range(120)]
    rows = table(text=TEXTS, label=TWO, product=products)
    split = one(audited(rows, data__group="none"), "group_leakage")
    assert "data.group=product" in split.message
    assert not audited(rows).count("group_leakage")
    assert not audited(rows, data__group="product").count("group_leakage")
    half = table(text=TEXTS[::2], label=[*TWO[:59], "bad"], product=products[::2])
    other = table("test.csv", text=TEXTS[1::2], label=["good", "bad"] * 30, product=products[1::2])
    given = audited(half, other)
    assert one(given, "group_leakage").count >= 45


def test_texts_of_pairs_on_both_sides_are_found_and_cured() -> None:
    questions, answers = [sentence(i // 5) for i in range(200)], [sentence(1000 + i, 5) for i in range(200)]
    rows = {"question": questions, "answer": answers, "label": ["good", "good", "bad", "bad"] * 50}
    finding = one(audited(table(**rows)), "shared_texts")
    assert (finding.severity, finding.action) == ("warning", "kept")
    assert re.match(rf"{finding.count} of 40 test rows share their first text with train", finding.message)
    assert finding.message.endswith("--text question --text-pair answer --group question")
    named = {"data__text": "question", "data__text_pair": "answer"}
    apart = audited(table(**rows), **named, data__group="question")
    assert not apart.count("shared_texts")
    assert not set(apart.train.texts) & set(apart.test.texts)
    place = finding.examples[0]["detail"].removeprefix("in rows.csv:")
    assert questions[int(place) - 2] == finding.examples[0]["text"]
    second = audited(table(**rows), **dict(zip(named, ("answer", "question"), strict=True)))
    assert "share their second text" in one(second, "shared_texts").message

    half, other = ({k: v[i::2] for k, v in rows.items()} for i in range(2))
    given = one(audited(table(**half), table("test.csv", **other)), "shared_texts")
    assert given.count == 100
    assert given.message.endswith("split by 'question', not by row")


def test_texts_of_pairs_shared_by_few_rows_or_of_few_values_are_no_matter() -> None:
    answers, labels = [sentence(1000 + i) for i in range(200)], ["good", "bad"] * 100
    mostly_own = [sentence(i // 2 if i < 20 else i) for i in range(200)]
    aspects = [f"how is the {WORDS.split()[i % 8]} in it" for i in range(200)]
    for questions in (mostly_own, aspects):
        assert not audited(table(question=questions, answer=answers, label=labels)).count("shared_texts")


def test_a_test_of_another_kind_is_found() -> None:
    rng, words = random.Random(1), WORDS.split()
    texts, others = (
        [" ".join(rng.choices(vocabulary, k=size)) for _ in range(120)]
        for vocabulary, size in ((words[:20], 12), (words[10:], 30))
    )
    test = table("test.csv", text=others, label=["good"] * 110 + ["bad"] * 10)
    found = audited(table(text=texts, label=TWO), test)
    assert {"label_shift", "length_shift", "word_shift"} <= {f.kind for f in found.findings}


def test_entities_with_odd_borders_are_found() -> None:
    texts = ["Anna Berg lives in Ulm.", "She left! Ulm is far.", "Berg wrote to Berg", "Berg came"]
    spans = [
        [(0, 3, "PER"), (5, 14, "PER")],
        [(4, 13, "LOC")],
        [(0, 4, "PER"), (0, 10, "ORG"), (14, 18, "PER")],
        [(0, 4, "ORG")],
    ]
    rows = [[dict(zip(("start", "end", "label"), s, strict=True)) for s in row] for row in spans]
    many = table(
        text=texts + TEXTS,
        spans=rows + [[{"start": 0, "end": len(t.split()[0]), "label": "X"}] for t in TEXTS],
    )
    found = audited(many)
    assert one(found, "spans_cut_words").count == 1
    assert one(found, "spans_across_sentences").count == 1
    assert one(found, "overlapping_spans").count == 1


def test_types_that_contradict_each_other_are_found() -> None:
    texts = [f"Berg {text}" for text in TEXTS]
    spans = [[{"start": 0, "end": 4, "label": ("PER", "ORG")[i % 3 == 0]}] for i in range(120)]
    assert (
        "PER 80 times, ORG 40 times"
        in one(audited(table(text=texts, spans=spans)), "inconsistent_types").examples[0]["detail"]
    )


def test_data_without_labels_is_audited_too() -> None:
    found = audited(table(text=[*TEXTS, TEXTS[0]]))
    assert found.task == "unlabelled"
    assert found.count("exact_duplicates") == 1


def test_a_value_predicts_as_the_others_that_have_it_do() -> None:
    rng = np.random.default_rng(1)
    values, codes = rng.integers(0, 9, 300), rng.integers(0, 4, 300)
    counts = np.bincount(values * 4 + codes, minlength=36).reshape(-1, 4)
    right = []
    for value, code in zip(values, codes, strict=True):
        others = counts[value].copy()
        others[code] -= 1
        right.append(others[code] > max(0, *np.delete(others, code)))
    assert _predicts(counts, values, codes) == np.mean(right)
