"""The entity baselines: a lexicon and a tagger."""

import re

import numpy as np
import pyarrow as pa

from feinschliff.baselines import _probe, majority, tfidf
from feinschliff.baselines._lexicon import fit_lexicon
from feinschliff.baselines._tagger import _tags, _transitions, _viterbi, attributes, fit_tagger
from feinschliff.config import RunConfig
from feinschliff.data.dataset import TARGET_TYPES, Columns, Dataset, Records
from feinschliff.tasks._spans import Units


def records(*marked):
    """Read texts in which entities are written as `[Berlin|LOC]`."""
    texts, targets = [], []
    for line in marked:
        text, spans, rest = "", [], line
        while "[" in rest:
            before, _, rest = rest.partition("[")
            inside, _, rest = rest.partition("]")
            words, _, label = inside.partition("|")
            text += before
            spans.append({"start": len(text), "end": len(text) + len(words), "label": label})
            text += words
        texts.append(text + rest)
        targets.append(spans)
    num = len(texts)
    table = {"id": [str(i) for i in range(num)], "place": ["t"] * num, "text": texts}
    return Records(pa.table(table | {"target": pa.array(targets, type=TARGET_TYPES["ner"])}))


def dataset(train, dev=None):
    dev = dev or train.take([])
    return Dataset("ner", ("LOC", "PER"), train, dev, dev, Columns("ner", "text"))


def found(model, *texts):
    return [
        [(text[s["start"] : s["end"]], s["label"]) for s in spans]
        for text, spans in zip(texts, model.predict(records(*texts)).decided, strict=True)
    ]


def test_the_lexicon_takes_the_longest_and_most_frequent():
    train = records(
        "[New York|LOC] and [York|PER]",
        "[York|PER] met [York|PER] in [York|LOC]",
        "[May|PER] came in May, not in May or may",
        "[Berlin|LOC]-based",
    )
    model = fit_lexicon(dataset(train))
    assert found(model, "York in New York", "In May", "Berlin!", "york") == [
        [("York", "PER"), ("New York", "LOC")],
        [],
        [("Berlin", "LOC")],
        [],
    ]
    (spans,) = model.predict(records("Berlin")).decided
    assert spans[0]["score"] == 1.0
    assert majority.TITLES["ner"] != majority.TITLE


def test_the_lexicon_of_no_entities_finds_none():
    assert found(fit_lexicon(dataset(records("nothing here"))), "nothing here", "") == [[], []]


def test_the_tagger_generalises_by_context_and_shape():
    names = ["Anna", "Bert", "Clara", "Doris", "Emil", "Frieda"]
    cities = ["Berlin", "Kiel", "Bonn", "Ulm", "Jena", "Trier"]
    lines = [f"Frau [{n} {m}|PER] lives in [{c}|LOC] ." for n in names for m in names for c in cities]
    model = fit_tagger(dataset(records(*lines), records(*lines[:20])))
    assert found(model, "Frau Gerda Heine lives in Gotha .") == [[("Gerda Heine", "PER"), ("Gotha", "LOC")]]
    assert found(model, "", " ") == [[], []]
    assert tfidf.TITLES["ner"] != tfidf.TITLE


def test_a_tagger_without_entities_or_dev():
    model = tfidf.fit(dataset(records("nothing here", "nor there")), RunConfig(), None)
    assert found(model, "nothing there") == [[]]


def test_tags_follow_tokens():
    spots = [(0, 2), (3, 5), (5, 6), (7, 9)]
    spans = [{"start": 3, "end": 6, "label": "X"}, {"start": 7, "end": 8, "label": "X"}]
    assert _tags(spots, spans) == ["O", "B-X", "I-X", "O"]  # the second ends within a token


def test_viterbi_takes_the_best_allowed_sequence():
    tags = ("O", "B-X", "I-X", "B-Y", "I-Y")
    allowed = _transitions(tags)
    random = np.random.default_rng(0)
    for _ in range(30):
        scores = random.normal(size=(4, 5))
        best = max(
            (
                (sum(scores[i, t] for i, t in enumerate(path)), path)
                for path in np.ndindex(5, 5, 5, 5)
                if all(
                    not tags[t].startswith("I") or (i and tags[path[i - 1]][1:] == tags[t][1:])
                    for i, t in enumerate(path)
                )
            ),
        )[1]
        assert tuple(_viterbi(scores, allowed)) == best
    assert _viterbi(np.zeros((0, 5)), allowed) == []


def test_attributes_of_a_word():
    assert attributes("Ab1-")[:3] == ("w:Ab1-", "l:ab1-", "s:Xx9-")
    assert len(attributes("")) == len(attributes("Donaudampfschiff"))


class Words:
    """Gives a vector for each word, and notes how many it gave at a time."""

    def __init__(self):
        self.sizes = []

    def words(self, records):
        spots = [(r, m.start(), m.end()) for r, t in enumerate(records.texts) for m in re.finditer(r"\S+", t)]
        record, start, end = (np.array(column) for column in zip(*spots, strict=True))
        self.sizes.append(len(spots))
        words = [records.texts[r][a:b] for r, a, b in spots]
        vectors = np.array([[w[0].isupper(), len(w), len(w) ** 2] for w in words], np.float32)
        return Units(np.arange(len(record)), record, start, end), vectors


def test_the_probe_of_long_documents_holds_few_vectors_at_a_time(monkeypatch):
    monkeypatch.setattr(_probe, "MOST_WORDS", 100)
    monkeypatch.setattr(_probe, "CHUNK_CHARACTERS", 200)
    documents = records(*["I saw [Anna|PER] in [Berlin|LOC] . " * 4 + "end"] * 12)
    embed = Words()
    tags, vectors = _probe._drawn(documents, ("LOC", "PER"), embed, 1)
    assert (len(tags), len(vectors), max(embed.sizes), len(embed.sizes)) == (100, 100, 50, 2)
    model = _probe.fit_probe(dataset(documents, documents), embed, 1)
    embed.sizes.clear()
    assert found(model, *["We met Anna in Berlin"] * 30) == [[("Anna", "PER"), ("Berlin", "LOC")]] * 30
    assert max(embed.sizes) == 45
