"""One small table written in every format, by other means than the readers' own."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

TEXTS = [
    "Schöne „Grüße“ aus Köln 😀",
    'He said "no", then left',
    "two\nlines, the second: „ja“",
    "tab\there; semicolon, comma | bar",
    "  spaces around  ",
    "ends with a backslash \\",
    "👩‍👩‍👧 one family, 'single quotes'",
    "#hash =1+1 <b>bold</b> &amp;",
    "Ich war's nicht!",
]
LABELS = ["pos", "neg", "größer", "pos", "neg", "pos", "größer", "neg", "pos"]
ROWS = [{"text": text, "label": label} for text, label in zip(TEXTS, LABELS, strict=True)]
LINES = [text.replace("\n", " ") for text in TEXTS]

TOKENS = [["Anna", "wohnt", "in", "Bad", "Ems", "😀", "."], ["„", "Ja", "“"], ["Ulm", "Köln"]]
TAGS = [["B-PER", "O", "O", "B-LOC", "I-LOC", "O", "O"], ["O", "O", "O"], ["B-LOC", "B-LOC"]]
ENTITIES = [
    {
        "text": "Anna wohnt in Bad Ems 😀 .",
        "spans": [{"start": 0, "end": 4, "label": "PER"}, {"start": 14, "end": 21, "label": "LOC"}],
    },
    {"text": "„ Ja “", "spans": []},
    {
        "text": "Ulm Köln",
        "spans": [{"start": 0, "end": 3, "label": "LOC"}, {"start": 4, "end": 8, "label": "LOC"}],
    },
]
WITH_TOKENS = [
    {"text": entity["text"], "tokens": tokens, "spans": entity["spans"]}
    for entity, tokens in zip(ENTITIES, TOKENS, strict=True)
]

Rows = list[dict[str, Any]]
Sample = Callable[[Path], tuple[Any, Rows]]
SAMPLES: dict[str, Sample | None] = {
    "hub": None,  # needs a server: tests/readers/test_hub.py
    "document": None,  # has one row, and no file of its own: tests/readers/test_input.py
}
"""Name of a reader to a function that writes its format into a folder and returns (source, rows expected)."""


def sample(write: Sample) -> Sample:
    SAMPLES[write.__name__] = write
    return write


def file_samples() -> list[str]:
    return sorted(set(SAMPLES) - {"hub", "document", "datasets", "folder", "frame", "index", "iterable"})


@sample
def csv_(folder: Path) -> tuple[Any, Rows]:
    path = folder / "data.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, ["text", "label"])
        writer.writeheader()
        writer.writerows(ROWS)
    return path, ROWS


@sample
def index(folder: Path) -> tuple[Any, Rows]:
    (folder / "mails").mkdir()
    (folder / "full").mkdir()
    for number, text in enumerate(TEXTS):
        (folder / "mails" / f"mail.{number}").write_text(text, encoding="utf-8")
    path = folder / "full" / "index"
    lines = (f"{label} ../mails/mail.{number}\n" for number, label in enumerate(LABELS))
    path.write_text("".join(lines), encoding="utf-8")
    return path, ROWS


@sample
def json_(folder: Path) -> tuple[Any, Rows]:
    path = folder / "data.json"
    path.write_text(json.dumps(ROWS, indent=1), encoding="utf-8")
    return path, ROWS


@sample
def jsonl(folder: Path) -> tuple[Any, Rows]:
    return _lines(folder / "data.jsonl", ROWS), ROWS


@sample
def parquet(folder: Path) -> tuple[Any, Rows]:
    path = folder / "data.parquet"
    pa.parquet.write_table(pa.Table.from_pylist(ROWS), path)
    return path, ROWS


@sample
def arrow(folder: Path) -> tuple[Any, Rows]:
    path = folder / "data.arrow"
    table = pa.Table.from_pylist(ROWS)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return path, ROWS


@sample
def datasets(folder: Path) -> tuple[Any, Rows]:
    root = folder / "saved"
    write_saved(root, ROWS[:4], ROWS[4:])
    return root, ROWS


@sample
def excel(folder: Path) -> tuple[Any, Rows]:
    openpyxl = pytest.importorskip("openpyxl")
    path = folder / "data.xlsx"
    book = openpyxl.Workbook()
    for row in [["text", "label"], *(list(row.values()) for row in ROWS)]:
        book.active.append(row)
    for row in book.active.iter_rows():
        for cell in row:
            cell.data_type = "s"  # no formulas
    book.save(path)
    return path, ROWS


@sample
def text(folder: Path) -> tuple[Any, Rows]:
    path = folder / "data.txt"
    path.write_text("\n".join(LINES) + "\n", encoding="utf-8")
    return path, [{"text": line} for line in LINES]


@sample
def folder(folder: Path) -> tuple[Any, Rows]:
    root = folder / "classes"
    for i, row in enumerate(ROWS):
        (root / row["label"]).mkdir(parents=True, exist_ok=True)
        (root / row["label"] / f"{i}.txt").write_bytes(row["text"].encode())
    return root, sorted(ROWS, key=lambda row: row["label"])


@sample
def conll(folder: Path) -> tuple[Any, Rows]:
    path = folder / "data.conll"
    sentences = [zip(*pair, strict=True) for pair in zip(TOKENS, TAGS, strict=True)]
    path.write_text("\n".join("".join(f"{t}\t{g}\n" for t, g in s) for s in sentences), encoding="utf-8")
    return path, WITH_TOKENS


@sample
def spans(folder: Path) -> tuple[Any, Rows]:
    rows = [{"text": e["text"], "spans": [list(s.values()) for s in e["spans"]]} for e in ENTITIES]
    return _lines(folder / "data.jsonl", rows), ENTITIES


@sample
def fasttext(folder: Path) -> tuple[Any, Rows]:
    path = folder / "data.txt"
    lines = [f"__label__{label} {text}\n" for text, label in zip(LINES, LABELS, strict=True)]
    path.write_text("".join(lines), encoding="utf-8")
    return path, [{"text": t.strip(), "label": label} for t, label in zip(LINES, LABELS, strict=True)]


@sample
def pubtator(folder: Path) -> tuple[Any, Rows]:
    path = folder / "data.pubtator"
    documents, expected = [], []
    for i, e in enumerate(ENTITIES):
        title, abstract = e["text"].split(" ", 1)
        entities = [
            f"{i}\t{s['start']}\t{s['end']}\t{e['text'][s['start'] : s['end']]}\t{s['label']}\tD1\n"
            for s in e["spans"]
        ]
        documents.append(f"{i}|t|{title}\n{i}|a|{abstract}\n{''.join(entities)}")
        expected.append({"id": str(i), **e})
    path.write_text("\n".join(documents), encoding="utf-8")
    return path, expected


@sample
def dygie(folder: Path) -> tuple[Any, Rows]:
    tagged = [[[0, 0, "PER"], [3, 4, "LOC"]], [], [[10, 10, "LOC"], [11, 11, "LOC"]]]
    document = {"doc_key": "a", "sentences": TOKENS, "ner": tagged, "relations": [[], [], []]}
    return _lines(folder / "data.jsonl", [document]), [{"document": "a", **row} for row in WITH_TOKENS]


@sample
def doccano(folder: Path) -> tuple[Any, Rows]:
    rows = [
        {
            "id": i,
            "text": e["text"],
            "entities": [
                {"id": 10 * i + n, "label": s["label"], "start_offset": s["start"], "end_offset": s["end"]}
                for n, s in enumerate(e["spans"])
            ],
            "relations": [],
            "Comments": [],
        }
        for i, e in enumerate(ENTITIES)
    ]
    expected = [{"id": i, "text": e["text"], "entities": e["spans"]} for i, e in enumerate(ENTITIES)]
    return _lines(folder / "data.jsonl", rows), expected


@sample
def label_studio(folder: Path) -> tuple[Any, Rows]:
    def units(text: str) -> int:
        return len(text.encode("utf-16-le")) // 2

    tasks = []
    for i, e in enumerate(ENTITIES):
        results = [
            {
                "from_name": "label",
                "to_name": "text",
                "type": "labels",
                "value": {
                    "start": units(e["text"][: s["start"]]),
                    "end": units(e["text"][: s["end"]]),
                    "text": e["text"][s["start"] : s["end"]],
                    "labels": [s["label"]],
                },
            }
            for s in e["spans"]
        ]
        annotations = [{"id": 100 + i, "was_cancelled": False, "result": results}]
        tasks.append({"id": i, "data": {"text": e["text"]}, "annotations": annotations, "predictions": []})
    path = folder / "data.json"
    path.write_text(json.dumps(tasks), encoding="utf-8")
    return path, [{"text": e["text"], "id": i, "spans": e["spans"]} for i, e in enumerate(ENTITIES)]


@sample
def spacy(folder: Path) -> tuple[Any, Rows]:
    spacy = pytest.importorskip("spacy")
    from spacy.tokens import Doc, DocBin

    nlp = spacy.blank("de")
    docs = []
    for tokens, entity in zip(TOKENS, ENTITIES, strict=True):
        doc = Doc(nlp.vocab, words=tokens, spaces=[True] * (len(tokens) - 1) + [False])
        doc.ents = [doc.char_span(s["start"], s["end"], label=s["label"]) for s in entity["spans"]]
        docs.append(doc)
    path = folder / "data.spacy"
    DocBin(docs=docs).to_disk(path)
    return path, WITH_TOKENS


@sample
def words(folder: Path) -> tuple[Any, Rows]:
    path = folder / "data.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["Sentence #", "Word", "POS", "Tag"])
        for number, (tokens, tags) in enumerate(zip(TOKENS, TAGS, strict=True), 1):
            for i, (token, tag) in enumerate(zip(tokens, tags, strict=True)):
                writer.writerow(["" if i else f"Sentence: {number}", token, "NN", tag])
    return path, WITH_TOKENS


@sample
def frame(folder: Path) -> tuple[Any, Rows]:
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame(ROWS), ROWS


@sample
def iterable(folder: Path) -> tuple[Any, Rows]:
    return ROWS, ROWS


for name in ("csv", "json"):  # the functions are not called like the modules they use
    SAMPLES[name] = SAMPLES.pop(f"{name}_")


def write_saved(root: Path, *parts: Rows) -> None:
    """Write a folder as `save_to_disk` does."""
    root.mkdir(parents=True)
    names = [f"data-{i:05}-of-{len(parts):05}.arrow" for i in range(len(parts))]
    for name, part in zip(names, parts, strict=True):
        table = pa.Table.from_pylist(part)
        with pa.OSFile(str(root / name), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    (root / "dataset_info.json").write_text("{}")
    (root / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in names]}))


def _lines(path: Path, rows: Rows) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path
