"""Labels in columns of 0 and 1, and texts inside objects, from a file to predictions."""

from __future__ import annotations

import csv
import json

TEXTS = [f"text number {i} is about {'rivers' if i % 3 else 'stones'}" for i in range(60)]
ONES = [{"wet": int(i % 3 > 0), "odd": i % 2, "even": (i + 1) % 2} for i in range(60)]


def test_columns_of_0_and_1(cli, train, tmp_path):
    data, new = tmp_path / "data.csv", tmp_path / "new.csv"
    for path, keys in ((data, ["text", "wet", "odd", "even"]), (new, ["text"])):
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, keys, extrasaction="ignore")
            writer.writeheader()
            writer.writerows({"text": text} | ones for text, ones in zip(TEXTS, ONES, strict=True))
    done = train(data, "--output-dir", tmp_path / "run")
    assert (done.code, "multilabel (3 columns of 0 and 1)" in done.err) == (0, True)
    done = cli("predict", tmp_path / "run", new)
    assert (done.code, len(done.out.splitlines())) == (0, 60)
    done = cli("evaluate", tmp_path / "run", data, "--json")
    assert (done.code, json.loads(done.out)["examples"]) == (0, 60)
    with data.open("a", encoding="utf-8") as file:
        file.write("one more,-1,-1,-1\n")
    assert cli("predict", tmp_path / "run", data).code == 0
    done = cli("evaluate", tmp_path / "run", data)
    assert (done.code, "data.csv:62: 'wet' holds '-1'" in done.err) == (3, True)


def test_texts_inside_objects(cli, train, tmp_path):
    data, target = tmp_path / "data.jsonl", tmp_path / "out.jsonl"
    rows = [
        {"document": {"text": t, "lang": "en"}, "by": {"label": "ab"[o["odd"]]}}
        for t, o in zip(TEXTS, ONES, strict=True)
    ]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    named = ("--text", "document.text", "--label", "by.label")
    assert train(data, *named, "--output-dir", tmp_path / "run").code == 0
    assert cli("predict", tmp_path / "run", data, "-o", target).code == 0
    found = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert [{key: row[key] for key in ("document", "by")} for row in found] == rows
    assert "document.text" not in found[0]
    assert cli("evaluate", tmp_path / "run", data).code == 0


def test_entities_of_texts_inside_objects(cli, train, tmp_path):
    data, target = tmp_path / "data.json", tmp_path / "out.conll"
    rows = [
        {"doc": {"text": f"In Ulm steht Haus {i}."}, "entities": [{"begin": 3, "stop": 6, "type": "LOC"}]}
        for i in range(60)
    ]
    data.write_text(json.dumps({"version": 1, "data": rows}), encoding="utf-8")
    assert train(data, "--output-dir", tmp_path / "run").code == 0
    assert cli("predict", tmp_path / "run", data, "-o", target).code == 0
    assert target.read_text(encoding="utf-8").startswith("In\t")
