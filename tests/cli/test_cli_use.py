"""`predict` and `evaluate` on a finished run."""

from __future__ import annotations

import csv
import json
import shutil

import pyarrow.parquet as pq
import pytest

import tiny
from feinschliff.bundle import load


@pytest.fixture(scope="module")
def texts(toy_csv):
    with toy_csv.open(encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file)]


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr("feinschliff.cli.predict.CHUNK_ROWS", 32)


def rows(path):
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    with path.open(encoding="utf-8", newline="") as file:
        if path.suffix == ".jsonl":
            return [json.loads(line) for line in file]
        found = list(csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ","))
    return [
        row | {"probabilities": json.loads(row["probabilities"]), "confidence": float(row["confidence"])}
        for row in found
    ]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_one_row_out_per_row_in_in_order_with_all_columns(
    cli, trained, toy_csv, texts, tmp_path, suffix, small_chunks
):
    target = tmp_path / f"out{suffix}"
    done = cli("predict", trained, toy_csv, "-o", target)
    assert (done.code, done.out) == (0, "")
    assert "Wrote 120 rows" in done.err
    found = rows(target)
    assert [row["text"] for row in found] == texts
    assert list(found[0]) == ["text", "label", "prediction", "confidence", "probabilities", "novelty"]
    expected = load(trained).predict(texts)
    assert [row["prediction"] for row in found] == [p.label for p in expected]
    for row, p in zip(found, expected, strict=True):
        assert row["confidence"] == pytest.approx(p.score, abs=1e-5)
        assert row["probabilities"] == pytest.approx(p.probabilities, abs=1e-5)


def test_labels_the_model_does_not_know_are_named_or_refused(cli, trained, tmp_path):
    data = tmp_path / "labelled.csv"
    data.write_text("text,label\nthe soup was wonderful,good\nmy order came early,fine\n", encoding="utf-8")
    done = cli("evaluate", trained, data)
    assert done.code == 0
    assert "Warning: the model does not know, and always misses: fine (1)" in done.err
    assert json.loads(cli("evaluate", trained, data, "--json").out)["unknown_labels"] == {"fine": 1}
    data.write_text("text,label\nthe soup was wonderful,Good\nmy order came early,BAD\n", encoding="utf-8")
    done = cli("evaluate", trained, data)
    assert (done.code, done.out) == (3, "")
    assert "none of its labels was learnt: 'BAD', 'Good'" in done.err
    assert "differ in capitals" in " ".join(done.err.split())


def test_without_output_rows_go_to_stdout_as_json_lines(cli, trained, toy_csv, texts):
    done = cli("predict", trained / "model", toy_csv)
    assert [json.loads(line)["text"] for line in done.out.splitlines()] == texts
    assert done.err == ""


def test_rows_without_text_and_odd_characters_keep_their_place(cli, trained, tmp_path):
    source = tmp_path / "odd.csv"
    cells = ["", "ein „schöner“ Tag 🌞", 'with "quotes", commas\nand lines', " "]
    with source.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("n", "text"), *enumerate(cells)])
    assert cli("predict", trained, source, "-o", tmp_path / "out.csv").code == 0
    found = rows(tmp_path / "out.csv")
    assert [(row["n"], row["text"]) for row in found] == [(str(n), cell) for n, cell in enumerate(cells)]


def test_a_folder_of_texts_gives_a_row_for_each_file(cli, trained, tmp_path):
    (tmp_path / "new").mkdir()
    for name in ("1.txt", "2.txt"):
        (tmp_path / "new" / name).write_text("the soup\nwas cold.\n", encoding="utf-8")
    done = cli("predict", trained, tmp_path / "new", "-o", tmp_path / "out.csv")
    assert done.code == 0, done.err
    assert [row["file"] for row in rows(tmp_path / "out.csv")] == ["1.txt", "2.txt"]


def test_predicting_twice_keeps_the_first_predictions(cli, trained, toy_csv, tmp_path):
    cli("predict", trained, toy_csv, "-o", tmp_path / "a.csv")
    done = cli("predict", trained, tmp_path / "a.csv", "-o", tmp_path / "b.csv")
    said = " ".join(done.err.split())
    assert "a.csv has columns of these names; new ones are added: prediction -> new_pred" in said
    for row in csv.DictReader((tmp_path / "b.csv").open(encoding="utf-8")):
        assert row["new_prediction"] == row["prediction"]


def test_each_label_gets_a_column_of_its_own_if_asked(cli, trained, toy_csv, tmp_path, small_chunks):
    for source, name in ((toy_csv, "probability_good"), (tmp_path / "toy.csv", "new_probability_good")):
        assert cli("predict", trained, source, "-o", tmp_path / "out.csv", "--label-columns").code == 0
        for row in rows(tmp_path / "out.csv"):
            assert float(row[name]) == row["probabilities"]["good"]
        (tmp_path / "toy.csv").write_text("text,probability_good\na joy,x\n", encoding="utf-8")


def test_the_texts_to_label_next_come_first_and_once(cli, trained, texts, tmp_path, small_chunks):
    source = tmp_path / "new.csv"
    many = [*texts, *texts[:40], "🌞 🌞 zxqj"]
    with source.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text",), *((text,) for text in many)])
    assert cli("predict", trained, source, "-o", tmp_path / "all.csv").code == 0
    done = cli("predict", trained, source, "-o", tmp_path / "next.csv", "--suggest", 12)
    assert "Wrote 12 rows" in done.err
    every, found = rows(tmp_path / "all.csv"), rows(tmp_path / "next.csv")
    assert len({row["text"] for row in found}) == 12
    unsure = [row["confidence"] for row in found if row["suggested"] == "unsure"]
    unusual = [float(row["novelty"]) for row in found if row["suggested"] == "unusual"]
    assert unsure == sorted(unsure)
    assert unsure[0] == min(row["confidence"] for row in every)
    assert unusual == sorted(unusual, reverse=True)
    assert all(novelty > 0.95 for novelty in unusual)
    assert unusual[0] == max(float(row["novelty"]) for row in every)
    done = cli("predict", trained, source, "-o", tmp_path / "few.csv", "--suggest", 0)
    assert done.code == 2


def test_late_columns_need_json_lines(cli, trained, tmp_path, small_chunks):
    source = tmp_path / "late.jsonl"
    lines = [{"text": f"text number {i}"} | ({"note": "late"} if i > 60 else {}) for i in range(99)]
    source.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    done = cli("predict", trained, source, "-o", tmp_path / "out.csv")
    assert done.code == 3
    assert "note" in done.err
    assert list(tmp_path.iterdir()) == [source]
    assert cli("predict", trained, source, "-o", tmp_path / "out.jsonl").code == 0
    assert rows(tmp_path / "out.jsonl")[-1]["note"] == "late"


@pytest.mark.parametrize(
    ("output", "said"),
    [("out.xlsx", ".jsonl"), ("none/out.csv", "none"), ("in.csv", "the output is the input")],
)
def test_outputs_that_cannot_be(cli, trained, toy_csv, tmp_path, output, said):
    source = tmp_path / "in.csv"
    source.write_bytes(toy_csv.read_bytes())
    done = cli("predict", trained, source, "-o", tmp_path / output)
    assert done.code == 2
    assert said in done.err
    assert source.read_bytes() == toy_csv.read_bytes()
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("predict", "MODEL", "DATA", "--tag-scheme", "io"), "only .conll files have tags"),
        (("predict", "MODEL", "DATA", "--runtime", "onnx", "--fast"), "on the CPU"),
        (("models", "--again"), "Add --probe"),
        (("models", "--probe", "--offline"), "measures this machine alone"),
        (("compare", "a", "b", "--language", "de"), "Add --html"),
    ],
)
def test_options_without_effect_are_refused(cli, trained, toy_csv, command, said):
    done = cli(*({"MODEL": trained, "DATA": toy_csv}.get(part, part) for part in command))
    assert done.code == 2
    assert said in done.err


def test_what_is_no_model(cli, toy_csv, tmp_path):
    assert "there is no such folder" in cli("predict", tmp_path / "none", toy_csv).err
    done = cli("predict", tmp_path, toy_csv)
    assert (done.code, "is no tuned model" in done.err) == (2, True)


def test_evaluate_measures_what_the_run_measured(cli, trained, tmp_path):
    result = json.loads((trained / "result.json").read_text(encoding="utf-8"))
    with (trained / "predictions" / "test.jsonl").open(encoding="utf-8") as file:
        test = [json.loads(line) for line in file]
    with (tmp_path / "test.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *((row["text"], row["label"]) for row in test)])
    done = cli("evaluate", trained, tmp_path / "test.csv", "--json")
    assert done.code == 0
    found = json.loads(done.out)
    assert (found["examples"], found["trained_on"]) == (len(test), False)
    for name, score in result["metrics"]["test"].items():
        assert found["metrics"][name]["value"] == pytest.approx(score["value"], abs=1e-6)
    assert [row["label"] for row in found["per_class"]] == result["data"]["labels"]


def test_evaluate_leaves_out_the_marked_rows_that_the_model_learnt_from(cli, train, tmp_path):
    rows = [(*row, "test" if i % 3 == 0 else "train") for i, row in enumerate(tiny.some(60))]
    with (tmp_path / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label", "split"), *rows])
    assert train(tmp_path / "rows.csv", "--output-dir", tmp_path / "run").code == 0
    result = json.loads((tmp_path / "run" / "result.json").read_text(encoding="utf-8"))
    found = json.loads(cli("evaluate", tmp_path / "run", tmp_path / "rows.csv", "--json").out)
    assert (found["examples"], found["trained_on"], found["marked"]) == (20, False, "split")
    for name, score in result["metrics"]["test"].items():
        assert found["metrics"][name]["value"] == pytest.approx(score["value"], abs=1e-6)
    said = cli("evaluate", tmp_path / "run", tmp_path / "rows.csv")
    assert "Only the rows that 'split' marks for test" in said.out
    assert "flatter" not in said.err


def test_evaluate_prints_a_table_and_checks_requirements(cli, trained, toy_csv):
    done = cli("evaluate", trained, toy_csv, "--require", "accuracy>=1.01")
    assert done.code == 4
    assert "macro_f1" in done.out
    assert "not reached: accuracy>=1.01" in done.err
    assert "Warning: the model learnt from this file" in done.err


def test_evaluate_needs_labels(cli, trained, texts, tmp_path):
    (tmp_path / "plain.txt").write_text("\n".join(texts[:5]), encoding="utf-8")
    done = cli("evaluate", trained, tmp_path / "plain.txt")
    assert done.code == 2
    assert "no column looks like a label" in done.err
    assert "Give a file with such a column" in done.err


def test_a_text_column_of_another_name_is_stated(cli, trained, tmp_path):
    (tmp_path / "new.csv").write_text("review\nthe soup was cold.\nthe soup was hot.\n", encoding="utf-8")
    done = cli("predict", trained, tmp_path / "new.csv")
    assert (done.code, "Text: the column 'review'." in done.err) == (0, True)
    assert "Text:" not in cli("predict", trained, tmp_path / "new.csv", "--text", "review").err


def test_a_file_of_texts_without_a_header_loses_no_row(cli, trained, tmp_path):
    data, said = tmp_path / "new.csv", "the first line is taken for a text"
    data.write_text("Great food nice staff\n" + "Very good rooms near the river\n" * 3, encoding="utf-8")
    done = cli("predict", trained, data)
    assert (len(done.out.splitlines()), said in done.err) == (4, True)
    assert json.loads(done.out.splitlines()[0])["column_1"] == "Great food nice staff"
    done = cli("predict", trained, data, "--set", "data.header=true")
    assert (len(done.out.splitlines()), said in done.err) == (3, False)
    data.write_text("Kundenstimme\n" + "Very good rooms near the river\n" * 3, encoding="utf-8")
    assert len(cli("predict", trained, data).out.splitlines()) == 3


def test_objects_without_keys_and_parts_without_texts(cli, trained, tmp_path, small_chunks):
    source = tmp_path / "in.jsonl"
    given = [{"text": "a joy", "meta": {}}] * 40 + [{"meta": {}}] * 40
    source.write_text("".join(json.dumps(row) + "\n" for row in given))
    done = cli("predict", trained, source, "-o", tmp_path / "out.jsonl")
    assert done.code == 0, done.err
    found = rows(tmp_path / "out.jsonl")
    assert [row["meta"] for row in found] == [{}] * 80
    assert found[-1]["prediction"] == load(trained, "cpu").predict([""])[0].label


def test_half_a_character_is_replaced(trained):
    model = load(trained, "cpu")
    assert model.predict(["a joy \ud83d"])[0].label == model.predict(["a joy \ufffd"])[0].label


def test_how_a_file_is_read_can_be_said(cli, trained, tmp_path):
    source = tmp_path / "russian.csv"
    source.write_bytes("text~label\nочень хорошо, спасибо~good\nужасно~bad\n".encode("cp1251"))
    how = ("--set", "data.encoding=cp1251", "--set", "data.delimiter='~'")
    assert cli("predict", trained, source, "-o", tmp_path / "out.jsonl", *how).code == 0
    assert rows(tmp_path / "out.jsonl")[0]["text"] == "очень хорошо, спасибо"
    done = cli("evaluate", trained, source, *how)
    assert done.code == 0, done.err
    done = cli("predict", trained, source, "--set", "train.epochs=3")
    assert (done.code, "changes nothing here" in done.err) == (2, True)


def test_of_two_texts_one_must_be_named(cli, trained, tmp_path):
    source = tmp_path / "two.csv"
    lines = (f"what is number {n} and why?,because it is {n} in every way you know" for n in range(30))
    source.write_text("question,answer\n" + "\n".join(lines) + "\n")
    done = cli("predict", trained, source)
    assert (done.code, "--text question or --text answer" in done.err) == (2, True)
    for name in ("question", "answer"):
        assert cli("predict", trained, source, "--text", name).code == 0


@pytest.mark.parametrize("damaged", [b"data: [", b"\xff\xfe", b"data: 5", b"data: {train: 7}"])
def test_evaluate_needs_no_readable_configuration(cli, trained, toy_csv, tmp_path, damaged):
    shutil.copytree(trained / "model", tmp_path / "model")
    (tmp_path / "config.yaml").write_bytes(damaged)
    done = cli("evaluate", tmp_path / "model", toy_csv)
    assert done.code == 0, done.err
