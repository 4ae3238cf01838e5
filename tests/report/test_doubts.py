"""Labels that look wrong: all are counted, the most suspicious are listed."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from feinschliff.data import Records
from feinschliff.evaluate import Predictions
from feinschliff.report import doubts
from feinschliff.report.language import Language


def judged(num: int, flipped: int) -> tuple[Records, Predictions]:
    """Return records of which the first labels are wrong, and what a sure model says."""
    true = np.arange(num) % 2
    given = true ^ (np.arange(num) < flipped)
    columns = {name: [f"{name} {i}" for i in range(num)] for name in ("id", "place", "text")}
    records = Records(pa.table(columns | {"target": [("a", "b")[i] for i in given]}))
    scores = np.where(true[:, None] == np.arange(2), 0.95, 0.05).astype(np.float32)
    return records, Predictions("classification", ("a", "b"), scores.argmax(1), scores)


@pytest.mark.parametrize(
    ("most", "english", "german"),
    [
        (100, "All of them are in label_errors.csv.", "Alle stehen in label_errors.csv."),
        (50, "All of them are in label_errors.csv.", "Alle stehen in label_errors.csv."),
        (
            7,
            "The 7 most suspicious of them are in label_errors.csv.",
            "Die 7 verdächtigsten davon stehen in label_errors.csv.",
        ),
    ],
)
def test_those_beyond_the_list_are_counted(monkeypatch, most, english, german):
    monkeypatch.setattr(doubts, "MAX_ROWS", most)
    (test, said), (train, crossed) = judged(100, 20), judged(200, 30)
    dataset = SimpleNamespace(kind="classification", test=test, train=train)
    facts, rows = doubts.label_error_facts(dataset, crossed, said)
    assert facts["counts"] == {"test": 20, "train": 30}
    assert facts["shares"] == pytest.approx({"test": 0.2, "train": 0.15})
    assert facts["listed"] == len(rows) == min(most, 50)
    for language, where in (("en", english), ("de", german)):
        assert doubts.doubts({"label_errors": facts}, Language(language))["how"].startswith(where)


def test_what_the_model_decided_is_no_doubt_of_its_label():
    records, said = judged(40, 8)
    given = np.array(["ab".index(name) for name in records.targets])
    decided = np.where(np.arange(40) < 4, given, said.decided)  # by its rules, against the likelier label
    ruled = Predictions("classification", ("a", "b"), decided, said.scores)
    rows, count, share = doubts.label_error_rows("test", records, ruled)
    assert (count, share) == (4, 0.1)
    assert {row["id"] for row in rows} == {"id 4", "id 5", "id 6", "id 7"}


def test_both_texts_of_a_pair_are_shown_and_listed():
    records, said = judged(40, 4)
    pairs = Records(records.table.append_column("text_pair", pa.array([f"second {i}" for i in range(40)])))
    rows, _, _ = doubts.label_error_rows("test", pairs, said)
    table = doubts.as_table(rows)
    assert table["text_pair"].to_pylist() == [f"second {i}" for i in range(4)]
    view = doubts.doubts({"label_errors": {"counts": {"test": 4}, "rows": rows}}, Language("en"))
    assert view["rows"][0]["text"] == "text 0\nsecond 0"
    assert "text_pair" not in doubts.as_table(doubts.label_error_rows("test", records, said)[0]).column_names
