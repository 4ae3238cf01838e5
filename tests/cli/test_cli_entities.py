"""Entities out: as tags of tokens in every scheme, and marked in the terminal."""

from __future__ import annotations

import json
import re

import pyarrow as pa
import pytest

import tiny
from feinschliff import pipeline
from feinschliff.cli._entities import marked
from feinschliff.config import DataConfig
from feinschliff.readers import ConllWriter, read, tags_of

TEXTS = ["Frau Müller’s „Haus“ in Bad Ems 😀.", "Ulm und Köln", ""]


@pytest.fixture(scope="module")
def tagger(encoder, tmp_path_factory):
    """Give the run of a tiny model that has learnt that `order` and `soup` are things."""
    folder = tmp_path_factory.mktemp("entities")
    lines = []
    for text, _ in tiny.some(60):
        for word in text.rstrip(".").split():
            lines.append(f"{word} {'B-thing' if word in ('order', 'soup', 'film', 'phone') else 'O'}")
        lines.append("")
    (folder / "train.conll").write_text("-DOCSTART- O\n\n" + "\n".join(lines), encoding="utf-8")
    pipeline.run(tiny.config(encoder("bert"), folder / "train.conll", folder / "run"))
    return folder


@pytest.mark.parametrize("scheme", ["io", "iob1", "iob2", "bioes", "bilou"])
def test_tags_are_read_back_as_the_entities_they_were_made_of(tmp_path, scheme):
    entities = [(0, 1, "A"), (1, 3, "B"), (4, 7, "A")] + ([] if scheme == "io" else [(7, 9, "A")])
    tags = tags_of(10, entities, scheme)
    assert len(tags) == 10
    words = [f"w{i}" for i in range(10)]
    with ConllWriter(tmp_path / "out.conll") as writer:
        writer.write(pa.table({"tokens": [words, []], "tags": [tags, []]}))
    found = read(tmp_path / "out.conll", DataConfig(tag_scheme=scheme)).columns
    assert found["text"].to_pylist() == [" ".join(words)]
    spans = [(3 * a, 3 * b - 1, kind) for a, b, kind in entities]
    assert [tuple(s.values()) for s in found["spans"][0].as_py()] == spans


def test_predicted_tags_keep_the_tokens_and_documents_of_the_input(cli, tagger, tmp_path):
    source, target = tagger / "train.conll", tmp_path / "out.conll"
    assert cli("predict", tagger / "run", source, "-o", target).code == 0
    given, found = read(source).columns, read(target).columns
    assert found["tokens"].to_pylist() == given["tokens"].to_pylist()
    assert target.read_text(encoding="utf-8").startswith("-DOCSTART-\tO\n\n")
    done = cli("predict", tagger / "run", source)
    said = [json.loads(line)["new_spans"] for line in done.out.splitlines()]
    assert any(said)
    plain = [[{k: s[k] for k in ("start", "end", "label")} for s in spans] for spans in said]
    assert found["spans"].to_pylist() == plain


def test_words_of_raw_text_are_tagged(cli, tagger, tmp_path):
    source, target = tmp_path / "in.jsonl", tmp_path / "out.conll"
    source.write_text("".join(json.dumps({"text": t}) + "\n" for t in TEXTS), encoding="utf-8")
    done = cli("predict", tagger / "run", source, "-o", target, "--tag-scheme", "bioes")
    assert (done.code, "1 row without a word" in done.err) == (0, True)
    blocks = target.read_text(encoding="utf-8").split("\n\n")
    tokens = [[line.split("\t")[0] for line in block.splitlines()] for block in blocks if block]
    assert [" ".join(t) for t in tokens] == ["Frau Müller ’ s „ Haus “ in Bad Ems 😀 .", "Ulm und Köln"]


def test_what_a_file_of_tags_cannot_hold_is_refused(cli, tagger, trained, toy_csv, tmp_path):
    target = tmp_path / "out.conll"
    for run, more, fact in (
        (trained, (), "the model's task is classification"),
        (tagger / "run", ("--explain",), "no place for explanations"),
        (tagger / "run", ("--tag-scheme", "bilo"), "Did you mean 'bilou'"),
    ):
        done = cli("predict", run, toy_csv, "-o", target, *more)
        assert done.code == 2
        assert fact in " ".join(done.err.split())
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_shows_entities_marked(cli, tagger, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    done = cli("predict", tagger / "run", tagger / "train.conll")
    assert re.search(r"\[\w+ thing\]", done.out)
    assert "{" not in done.out
    text = marked("A\x1b[2J in Ulm.", [{"start": 9, "end": 12, "label": "LOC"}], ("LOC",))
    assert text.plain == "A\ufffd[2J in [Ulm LOC]."


def test_entities_have_no_probability_for_each_label(cli, tagger, tmp_path):
    source = tmp_path / "a.jsonl"
    source.write_text('{"text": "a joy"}\n', encoding="utf-8")
    done = cli("predict", tagger / "run", source, "-o", tmp_path / "out.csv", "--label-columns")
    assert done.code == 2
    assert "task is ner, which has no probability for each label" in " ".join(done.err.split())
    assert not (tmp_path / "out.csv").exists()


def test_the_text_with_the_least_sure_entity_is_labelled_next(cli, tagger, tmp_path):
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(json.dumps({"text": t}) + "\n" for t, _ in tiny.some(30)), encoding="utf-8")
    assert cli("predict", tagger / "run", source, "-o", target).code == 0
    every = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert cli("predict", tagger / "run", source, "-o", target, "--suggest", 1).code == 0
    (row,) = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    least = min((r for r in every if r["spans"]), key=lambda r: min(s["score"] for s in r["spans"]))
    assert (row["text"], row["suggested"]) == (least["text"], "unsure")
    done = cli("predict", tagger / "run", source, "-o", tmp_path / "out.conll", "--suggest", 1)
    assert done.code == 2
    assert "no place for reasons" in done.err
