"""Runs compared on the same test texts: aligned by content, refused where the data differs."""

import copy
import json
import random

import numpy as np
import pytest
import samples
from pages import Page

from feinschliff.errors import ConfigError, DataError
from feinschliff.report import side_by_side
from feinschliff.report.comparison import compare_runs, details, differing_settings, read_run
from feinschliff.report.result import write

LABELS = ("bad", "good", "so-so")
NUM = 120


def rows(right: float, seed: int):
    """Return classification rows of which about the given share is right."""
    draw, found = np.random.default_rng(seed), []
    for index in range(NUM):
        true = LABELS[index % 3]
        said = true if draw.random() < right else LABELS[(index + 1) % 3]
        probabilities = {name: 0.8 if name == said else 0.1 for name in LABELS}
        found.append(
            {
                "id": str(index),
                "text": f"text {index}",
                "label": true,
                "prediction": said,
                "probabilities": probabilities,
            }
        )
    return found


def save(folder, found, task="classification", labels=LABELS, **changes):
    """Write a finished run with these predictions."""
    result = copy.deepcopy(samples.binary())
    result |= {"task": task, "primary_metric": "macro_f1", **changes.pop("top", {})}
    result["data"] |= {"labels": list(labels), "fingerprint": "f1", "test_fingerprint": "t1", **changes}
    (folder / "predictions").mkdir(parents=True)
    write(result, folder / "result.json")
    lines = "".join(json.dumps(row) + "\n" for row in found)
    (folder / "predictions" / "test.jsonl").write_text(lines)
    return read_run(folder)


@pytest.fixture
def pair(tmp_path):
    """Two runs, the second clearly better, its rows in another order."""
    shuffled = rows(0.95, 1)
    random.Random(4).shuffle(shuffled)
    return save(tmp_path / "a", rows(0.6, 0)), save(tmp_path / "b", shuffled)


def test_the_better_run_is_found_whatever_the_order_of_rows(pair):
    found = compare_runs(pair)
    accuracy = [np.mean([r["label"] == r["prediction"] for r in run.rows]) for run in pair]
    assert [r["metrics"]["accuracy"]["value"] for r in found["runs"]] == pytest.approx(accuracy)
    (test,) = found["comparisons"]
    assert (test["metric"], found["examples"]) == ("macro_f1", NUM)
    assert test["difference"] < -0.2
    assert test["p_value_corrected"] < 0.01
    assert test["low"] < test["difference"] < test["high"] < 0


def test_equal_predictions_do_not_differ(tmp_path):
    found = compare_runs([save(tmp_path / name, rows(0.8, 2)) for name in "ab"])
    assert found["comparisons"][0]["difference"] == 0
    assert found["comparisons"][0]["p_value"] == 1


def test_three_runs_are_corrected_together(tmp_path, pair):
    found = compare_runs([*pair, save(tmp_path / "c", rows(0.9, 3))])
    assert len(found["comparisons"]) == 3
    assert all(c["p_value_corrected"] >= c["p_value"] for c in found["comparisons"])


def test_other_data_is_refused(tmp_path, pair):
    other = save(tmp_path / "other", rows(0.9, 3), fingerprint="f2")
    with pytest.raises(DataError, match=r"their data differs \(fingerprints f1 and f2\).*--same-test"):
        compare_runs([pair[0], other])
    assert compare_runs([pair[0], other], same_test=True)["examples"] == NUM
    other = save(tmp_path / "test", rows(0.9, 3), fingerprint="f2", test_fingerprint="t2")
    with pytest.raises(DataError, match=r"their test texts differ \(fingerprints t1 and t2\)"):
        compare_runs([pair[0], other], same_test=True)
    changed = rows(0.9, 3)
    changed[5]["text"] = "another text"
    with pytest.raises(DataError, match="their test texts differ"):
        compare_runs([pair[0], save(tmp_path / "changed", changed)])
    other = save(tmp_path / "task", rows(0.9, 3), "multilabel", top={"primary_metric": "micro_f1"})
    with pytest.raises(DataError, match="their tasks differ: classification and multilabel"):
        compare_runs([pair[0], other])


def test_wrong_use_is_explained(tmp_path, pair):
    with pytest.raises(ConfigError, match=r"one run alone.*Name two or more"):
        compare_runs(pair[:1])
    with pytest.raises(ConfigError, match="named twice"):
        compare_runs([pair[0], pair[0]])
    with pytest.raises(ConfigError, match=r"no metric 'acuracy'.*Did you mean 'accuracy'"):
        compare_runs(pair, "acuracy")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_run(tmp_path / "nowhere")
    (tmp_path / "a" / "predictions" / "test.jsonl").write_text('{"text": "a"}\n')
    with pytest.raises(DataError, match=r"test\.jsonl: damaged"):
        read_run(tmp_path / "a")


@pytest.mark.parametrize("task", ["multilabel", "regression", "ner"])
def test_every_task_can_be_compared(tmp_path, task):
    primary = {"multilabel": "micro_f1", "regression": "pearson", "ner": "entity_f1"}[task]
    runs = []
    for name, flip in (("a", 0.4), ("b", 0.05)):
        draw, found = np.random.default_rng(len(name)), []
        for index in range(60):
            wrong = bool(draw.random() < flip)
            row = {"id": str(index), "text": f"Ann went to Bonn {index}"}
            if task == "multilabel":
                row |= {"label": ["bad", "good"], "prediction": ["bad"] if wrong else ["bad", "good"]}
                row["probabilities"] = dict.fromkeys(LABELS, 0.5)
            elif task == "regression":
                row |= {"label": float(index), "prediction": index + (30.0 if wrong else 0.5)}
            else:
                span = {"start": 0, "end": 3, "label": "PER"}
                row |= {"label": [span], "prediction": [] if wrong else [span]}
                row["spans"] = [{**s, "score": 0.9, "text": "Ann"} for s in row["prediction"]]
            found.append(row)
        labels = {"multilabel": LABELS, "regression": (), "ner": ("PER",)}[task]
        runs.append(save(tmp_path / name, found, task, labels, top={"primary_metric": primary}))
    found = compare_runs(runs)
    assert found["metric"] == primary
    assert found["comparisons"][0]["difference"] < 0
    more = details(*runs)
    if task == "regression":
        assert "agreement" not in more
    else:
        assert sum(more["agreement"].values()) == 60
        assert more["agreement"]["b"] > more["agreement"]["a"]
    for language in ("en", "de"):
        Page(side_by_side.page(*runs, found, language))


def test_runs_that_withhold_answers_can_be_compared(tmp_path):
    withheld = rows(0.9, 2)
    for row in withheld[:20]:
        row["prediction"] = None
    runs = save(tmp_path / "a", rows(0.6, 0)), save(tmp_path / "b", withheld)
    assert runs[1].predictions.answered.sum() == NUM - 20
    assert compare_runs(runs)["comparisons"][0]["p_value"] < 0.01
    Page(side_by_side.page(*runs, compare_runs(runs), "en"))


def test_what_was_withheld_counts_as_the_rules_decided_it(tmp_path):
    found = rows(0.9, 2)
    for row in found[:20]:
        row |= {"prediction": None, "withheld": row["label"], "probabilities": dict.fromkeys(LABELS, 0.0)}
        row["probabilities"][next(name for name in LABELS if name != row["label"])] = 1.0
    right = np.mean([row["label"] in (row["prediction"], row.get("withheld")) for row in found])
    runs = save(tmp_path / "a", rows(0.6, 0)), save(tmp_path / "b", found)
    accuracy = compare_runs(runs)["runs"][1]["metrics"]["accuracy"]["value"]
    assert accuracy == pytest.approx(right)


@pytest.mark.parametrize(
    ("language", "chip", "note"),
    [
        ("en", "withheld: ", "Answers that are withheld count as what the model would have answered."),
        ("de", "zurückgehalten: ", "Zurückgehaltene Antworten zählen als das, was das Modell geantwortet"),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_the_page_shows_what_was_withheld(tmp_path, named, language, chip, note):
    """Whether the run says what it withheld or not, as runs of old do not."""
    found = rows(0.6, 0)
    for row in found:
        row |= {"prediction": None, "withheld": row["prediction"]} if named else {"prediction": None}
    runs = save(tmp_path / "a", found), save(tmp_path / "b", rows(0.95, 1))
    text = side_by_side.page(*runs, compare_runs(runs), language)
    shown = [e.text for e in Page(text).all("span") if e.attributes.get("class") == "chip"]
    assert "None" not in " ".join(shown)
    assert {name.removeprefix(chip) for name in shown if name.startswith(chip)} <= set(LABELS)
    assert sum(name.startswith(chip) for name in shown) == len(shown) // 3
    assert text.count(note) == 1
    plain = runs[1], save(tmp_path / "c", rows(0.6, 0))
    assert note not in side_by_side.page(*plain, compare_runs(plain), language)


def test_an_answer_withheld_has_its_confidence(tmp_path):
    sure, unsure = rows(0.0, 0), rows(1.0, 0)
    for number, row in enumerate(sure):
        row["probabilities"][row["prediction"]] = 0.5 + number / 1000
    sure[-1] |= {"prediction": None, "withheld": sure[-1]["prediction"]}
    more = details(save(tmp_path / "a", sure), save(tmp_path / "b", unsure))
    first = more["only_b"][0]
    assert (first["text"], first["withheld"]) == (f"text {NUM - 1}", ["a"])


def test_labels_are_matched_by_name(tmp_path):
    """The same predictions with the labels in another order, and as many labels of which some are others."""
    one, two = rows(0.6, 0), rows(0.75, 1)
    plain = save(tmp_path / "a", one), save(tmp_path / "b", two)
    turned = plain[0], save(tmp_path / "turned", two, labels=LABELS[::-1])
    found = [compare_runs(runs)["comparisons"][0]["p_value"] for runs in (plain, turned)]
    assert found[0] == found[1]
    two = copy.deepcopy(two)
    for row in two:
        row["prediction"] = "bad" if row["prediction"] == "so-so" else row["prediction"]
        row["probabilities"]["new"] = row["probabilities"].pop("so-so")
    fewer = save(tmp_path / "fewer", two, labels=("new", "bad", "good"))
    wider = save(tmp_path / "wider", two, labels=("bad", "good", "so-so", "new"))
    found = [compare_runs([plain[0], run], same_test=True)["comparisons"][0] for run in (fewer, wider)]
    assert found[0]["p_value"] == found[1]["p_value"]


def test_an_adaptation_is_no_run_to_compare(tmp_path):
    (tmp_path / "result.json").write_text('{"schema": 1, "kind": "adaptation"}')
    with pytest.raises(DataError, match=r"result of `feinschliff adapt`"):
        read_run(tmp_path)


def test_who_is_right_is_counted_text_by_text(pair):
    more = details(*pair)
    right = [[r["label"] == r["prediction"] for r in run.rows] for run in pair]
    assert more["agreement"]["b"] == sum(y and not x for x, y in zip(*right, strict=True))
    assert more["only_b"][0]["a"] != more["only_b"][0]["label"] == more["only_b"][0]["b"]
    gaps = [abs(row["a"]["value"] - row["b"]["value"]) for row in more["per_class"]]
    assert gaps == sorted(gaps, reverse=True)


def test_the_surest_mistakes_of_several_labels_come_first_and_pairs_are_shown_whole(tmp_path):
    sure = [0.51, 0.99, 0.7]

    def multilabel(right):
        return [
            {
                "text": f"text {i}",
                "text_pair": f"second {i}",
                "label": ["bad"],
                "prediction": ["bad"] if right else ["good"],
                "probabilities": {"bad": 0.9 if right else 0.45, "good": 0.1 if right else p, "so-so": 0.1},
            }
            for i, p in enumerate(sure)
        ]

    top = {"task": "multilabel", "primary_metric": "micro_f1"}
    runs = [save(tmp_path / name, multilabel(right), top=top) for name, right in (("a", True), ("b", False))]
    texts = [row["text"] for row in details(*runs)["only_a"]]
    assert texts == ["text 1\nsecond 1", "text 2\nsecond 2", "text 0\nsecond 0"]


def test_runs_are_compared_by_the_groups_of_their_texts(tmp_path):
    found = []
    for name, right, seed in (("a", 0.7, 0), ("b", 0.8, 1)):
        grouped = [{**row, "group": f"g{i // 10}"} for i, row in enumerate(rows(right, seed))]
        found.append(save(tmp_path / name, grouped))
    both = compare_runs(found)
    assert (both["examples"], both["groups"]) == (NUM, NUM // 10)
    page = side_by_side.page(*found, both)
    assert "the 12 groups are drawn and swapped as wholes" in page
    assert compare_runs([save(tmp_path / n, rows(0.7, 2)) for n in ("c", "d")])["groups"] is None


def test_settings_that_differ():
    one = {"seed": 1, "train": {"epochs": 2, "loss": "focal"}, "output_dir": "x"}
    two = {"seed": 1, "train": {"epochs": 3, "loss": "focal"}, "output_dir": "y"}
    assert differing_settings([one, two]) == [{"name": "train.epochs", "values": [2, 3]}]


def test_the_page_shows_both_and_escapes_what_comes_from_the_data(pair):
    pair[0].rows[0]["text"] = pair[1].rows[0]["text"] = "<script>alert(1)</script>"
    html = side_by_side.page(*pair, compare_runs(pair))
    page = Page(html)
    assert "<script>alert" not in html
    assert page.all("h1")[0].text.startswith("A clear difference. “b” is better than “a”")
    ids = page.ids()
    assert len(ids) == len(set(ids))
    assert {"side_scores", "side_labels", "side_texts", "side_runs"} <= set(ids)
    assert "Ein klarer Unterschied" in side_by_side.page(*pair, compare_runs(pair), "de")


def test_separators_of_lines_within_texts(tmp_path):
    odd = rows(0.6, 0)
    odd[3]["text"] = "one\u2028two\x85three"
    run = save(tmp_path / "a", odd)
    (tmp_path / "a" / "predictions" / "test.jsonl").write_text(
        "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in odd), encoding="utf-8"
    )
    assert len(read_run(tmp_path / "a").rows) == len(run.rows)
