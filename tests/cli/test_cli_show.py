"""How a run looks while it goes on, and at its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from feinschliff.cli._progress import Display, duration
from feinschliff.cli._summary import gains, interval, next_commands
from feinschliff.errors import command
from feinschliff.train.events import Notice, Stage, Step


def steps(count: int):
    for i in range(1, count + 1):
        dev = {"macro_f1": i / count, "loss": 0.5} if i % 10 == 0 else None
        yield Step(i, count, i / 10, 1 / i, 1e-4, 100 * i, 2.0 * i, dev, dev is not None)


def test_without_a_terminal_there_are_plain_lines(capfd):
    with Display() as display:
        for event in [
            Stage("train", "9 texts"),
            Notice("A note."),
            Notice("Mind this.", "warning"),
            *steps(100),
        ]:
            display(event)
    out, err = capfd.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert lines[:3] == ["Train     9 texts", "  A note.", "Warning: Mind this."]
    assert sum(line.startswith("  step ") for line in lines) == 10
    assert "  step 50/100, loss 0.0200, 50 tokens/s, 1 min 40 s left" in lines
    assert "  epoch 1.00: on dev macro_f1 0.1000, loss 0.5000, kept" in lines


def test_quiet_shows_warnings_alone(capfd):
    display = Display(quiet=True)
    for event in [Stage("data"), Notice("A note."), Notice("Mind this.", "warning"), *steps(10)]:
        display(event)
    assert capfd.readouterr().err == "Warning: Mind this.\n"


@pytest.mark.parametrize(
    ("score", "text"),
    [
        ({"value": 0.8361, "low": 0.8, "high": 0.87}, "0.836 [0.800, 0.870]"),
        ({"value": None}, "-"),
        ({"value": 1.0, "low": None, "high": None}, "1.000"),
        (0.5, "0.500"),
        (None, "-"),
    ],
)
def test_scores(score, text):
    assert interval(score) == text


def test_gains_name_both_systems_and_chance():
    result = {
        "systems": [{"name": "fine-tuned", "title": "Fine-tuned"}, {"name": "tfidf", "title": "TF-IDF"}],
        "comparisons": [
            {
                "a": "fine-tuned",
                "b": "tfidf",
                "metric": "macro_f1",
                "difference": 0.041,
                "low": 0.02,
                "high": 0.06,
                "p_value": 0.0004,
                "p_value_corrected": 0.0008,
            }
        ],
    }
    assert gains(result) == ["Fine-tuned against TF-IDF: +0.041 macro_f1 [+0.020, +0.060], p < 0.001"]
    result["comparisons"] *= 2
    assert gains(result)[0].endswith("p < 0.001 (corrected for 2 comparisons)")
    result["comparisons"][0] = result["comparisons"][0] | {"p_value_corrected": None}
    assert gains(result)[0].endswith("p < 0.001")


def configuration(**data):
    columns = {"train": None, "test": None, "text": "text", "text_pair": None}
    return {"output_dir": str(Path.cwd() / "my runs" / "one"), "data": columns | data}


def test_next_commands_can_be_pasted(monkeypatch):
    monkeypatch.setattr("sys.argv", ["feinschliff"])
    first, predict, audit = next_commands(configuration(train=str(Path.cwd() / "my data.csv")))
    assert first == "echo 'A text of your own.' | feinschliff predict 'my runs/one/model' - --format text"
    assert predict == "feinschliff predict 'my runs/one/model' 'my data.csv' -o predictions.csv"
    assert audit == "feinschliff audit 'my data.csv'"
    assert next_commands(configuration(train="a.csv", test="b.csv"))[2] == (
        "feinschliff evaluate 'my runs/one/model' b.csv"
    )


def test_commands_name_the_program_as_it_was_called(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr("sys.argv", [str(tmp_path / "my env/bin/feinschliff")])
    assert command("train", "--resume", "runs/1") == "'my env/bin/feinschliff' train --resume runs/1"
    assert next_commands(configuration(train="a.csv"))[2] == "'my env/bin/feinschliff' audit a.csv"
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/feinschliff")
    assert command("train", "my data.csv") == "feinschliff train 'my data.csv'"


def test_next_commands_for_pairs_and_for_data_from_memory(monkeypatch):
    monkeypatch.setattr("sys.argv", ["feinschliff"])
    (only,) = next_commands(configuration(text="a", text_pair="b"))
    assert only.startswith("""echo '{"a": "One text.", "b": "Another."}' | feinschliff predict""")
    assert only.endswith("--format jsonl")
    assert "--format text" in next_commands(configuration(text_pair="none"))[0]


def test_duration():
    assert [duration(s) for s in (0.4, 59.6, 61, 3600, 7260)] == [
        "0 s",
        "1 min 0 s",
        "1 min 1 s",
        "1 h 0 min",
        "2 h 1 min",
    ]
