"""`train` from a file to a run's folder, and every way it ends early."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

RUN_FILES = ("config.yaml", "result.json", "report.html", "model/model.safetensors", "model/README.md")


def write(path: Path, rows: list, head: tuple[str, ...] = ("text", "label")) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    return path


def numbered(count: int, *labels: str) -> list[tuple[str, str]]:
    return [(f"text number {i} is here", labels[i % len(labels)]) for i in range(count)]


def test_the_whole_way(train, toy_csv, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = train(toy_csv, "--output-dir", "run", "--seed", 7)
    assert done.code == 0
    for name in RUN_FILES:
        assert (tmp_path / "run" / name).is_file(), name
    assert not (tmp_path / "run" / "checkpoints").exists()
    result = json.loads((tmp_path / "run" / "result.json").read_text(encoding="utf-8"))
    assert result["seed"] == 7
    for system in result["systems"]:
        assert system["title"] in done.out
    assert "Report  run/report.html\nModel   run/model\n" in done.out
    assert done.out.count("feinschliff predict run/model") == 2
    for stage in ("Data", "Model", "Baselines", "Train", "Evaluate", "Report"):
        assert f"\n{stage}" in f"\n{done.err}"
    assert "tokens/s" in done.err
    assert "Warning" not in done.err.replace("Warning: 2 classes have fewer", "")


def test_quiet_says_results_and_warnings_only(train, toy_csv, tmp_path):
    done = train(toy_csv, "--output-dir", tmp_path / "run", "--quiet")
    assert done.code == 0
    assert all(line.startswith("Warning: ") for line in done.err.splitlines())
    assert "Report" in done.out


def test_the_saved_configuration_repeats_the_run(cli, train, toy_csv, tmp_path):
    train(toy_csv, "--output-dir", tmp_path / "a")
    done = cli("train", "--config", tmp_path / "a" / "config.yaml", "--output-dir", tmp_path / "b")
    assert done.code == 0
    weights = [(tmp_path / run / "model" / "model.safetensors").read_bytes() for run in "ab"]
    assert weights[0] == weights[1]
    scores = [json.loads((tmp_path / run / "result.json").read_text())["metrics"] for run in "ab"]
    assert scores[0] == scores[1]


def test_an_output_folder_in_use_is_left_alone(train, toy_csv, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work", encoding="utf-8")
    for more in ((), ("--overwrite",)):
        done = train(toy_csv, "--output-dir", tmp_path / "mine", *more)
        assert done.code == 2
        assert "the output folder is in use" in done.err
    assert (tmp_path / "mine" / "thesis.txt").read_text(encoding="utf-8") == "years of work"


def test_overwrite_replaces_an_earlier_run(train, toy_csv, tmp_path):
    assert train(toy_csv, "--output-dir", tmp_path / "run").code == 0
    assert train(toy_csv, "--output-dir", tmp_path / "run").code == 2
    assert train(toy_csv, "--output-dir", tmp_path / "run", "--overwrite").code == 0


def test_a_missed_quality_ends_with_4_after_the_run_is_complete(train, toy_csv, tmp_path):
    asked = [word for text in ("macro_f1>=1.01", "accuracy>=0", "better") for word in ("--require", text)]
    done = train(toy_csv, "--output-dir", tmp_path / "run", *asked)
    assert done.code == 4
    assert "not reached: macro_f1>=1.01 (measured" in done.err
    assert "; better (the verdict is 'reject')" in done.err
    assert "Required accuracy>=0: reached" in done.out
    assert "Do not rely on it. A required quality was not reached (macro_f1>=1.01)" in done.out
    for name in RUN_FILES:
        assert (tmp_path / "run" / name).is_file(), name


@pytest.mark.parametrize(
    ("make", "code", "said"),
    [
        (lambda p: p / "missing.csv", 2, "no such file"),
        (lambda p: p, 2, "folder"),
        (lambda p: write(p / "x.csv", [], ()), 3, "x.csv"),
        (lambda p: write(p / "x.csv", []), 3, "no rows"),
        (lambda p: (p / "x.csv").write_bytes(b"\x7fELF\x02\x01\0\0" * 99) and p / "x.csv", 3, "not text"),
        (lambda p: write(p / "x.csv", numbered(50, "a")), 3, "every row has the label 'a'"),
        (lambda p: write(p / "x.csv", [("the same", "ab"[i % 2]) for i in range(50)]), 3, "same text"),
        (lambda p: write(p / "x.csv", numbered(2, "a", "b")), 3, "cannot be divided"),
        (lambda p: write(p / "x.csv", [(i, "ab"[i % 2]) for i in range(50)]), 2, "no column looks like text"),
        (
            lambda p: write(
                p / "x.csv",
                [(f"text {i} is here", f"text {i} is there", "ab"[i % 2]) for i in range(50)],
                ("a", "b", "label"),
            ),
            2,
            "--text a or --text b",
        ),
    ],
    ids=[
        "missing",
        "folder",
        "empty",
        "no-rows",
        "binary",
        "one-class",
        "one-text",
        "few",
        "numbers",
        "two-texts",
    ],
)
def test_data_that_cannot_be_trained_on(train, tmp_path, make, code, said):
    (tmp_path / "data").mkdir()
    done = train(make(tmp_path / "data"), "--output-dir", tmp_path / "run")
    assert done.code == code, done.err
    assert said in done.err
    assert done.err.count("Error: ") == 1
    assert "Traceback" not in done.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--text", "txt"), "there is no column 'txt'"),
        (("--label", "labels"), "Did you mean --label label?"),
        (("--set", "train.epoch=3"), "did you mean 'train.epochs'?"),
        (("--set", "train.epochs=-1"), "train.epochs=-1: input should be greater than 0"),
        (("--set", "evaluate.baselines={a: 1}"), "input should be a list, such as [a, b]"),
        (("--task", "clasification"), "classification"),
        (("--require", "macro_f2>=0.5"), "Did you mean 'macro_f1'?"),
        (("--format", "cvs"), "csv"),
        (("--test", "nowhere.csv"), "nowhere.csv: no such file"),
        (("--config", "nowhere.yaml"), "nowhere.yaml: cannot be read"),
        (("--resume", "nowhere"), "--resume"),
    ],
    ids=lambda a: a[0] if isinstance(a, tuple) else "",
)
def test_options_that_cannot_be(train, toy_csv, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    done = train(toy_csv, "--output-dir", "run", *arguments)
    assert done.code == 2, done.err
    assert said in done.err
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_model_and_a_hub_out_of_reach(cli, toy_csv, tmp_path):
    done = cli("train", toy_csv, "--output-dir", tmp_path / "run", "--model", "./nowhere")
    assert (done.code, "there is no such model folder" in done.err) == (2, True)
    done = cli("train", toy_csv, "--output-dir", tmp_path / "run", "--model", "someone/encoder")
    assert (done.code, "minilm" in done.err) == (1, True)
    assert not (tmp_path / "run").exists()


def test_resume_needs_a_run_and_takes_no_other_options(cli, tmp_path):
    done = cli("train", "--resume", tmp_path)
    assert (done.code, "config.yaml is missing" in done.err) == (2, True)
    done = cli("train", "--resume", tmp_path, "--seed", 3)
    assert (done.code, "keeps its settings" in done.err) == (2, True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_how_to_go_on_and_goes_on(cli, encoder, toy_csv, tmp_path, number):
    run = tmp_path / "run"
    command = [sys.executable, "-m", "feinschliff", "train", toy_csv, "--model", encoder("bert"), "-o", run]
    quick = [
        "evaluate.baselines=[]",
        "evaluate.bootstrap_samples=100",
        "train.epochs=40",
        "train.patience=1000",
    ]
    arguments = [str(a) for a in command] + [a for q in quick for a in ("--set", q)]
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        lines = []
        for line in process.stderr:
            lines.append(line)
            if "epoch 2.00" in line:
                process.send_signal(number)
    said = "".join(lines)
    assert process.returncode == 130, said
    assert f"feinschliff train --resume {run}" in said
    assert "Traceback" not in said
    done = cli("train", "--resume", run)
    assert done.code == 0
    assert "Resumed at step" in done.err
    assert (run / "result.json").is_file()
