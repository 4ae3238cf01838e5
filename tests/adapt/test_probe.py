"""The same few labels for both bases, paired gains, and no training done twice."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch

import tiny
from feinschliff.adapt.prepare import read_texts
from feinschliff.adapt.probe import compare, draw, labelled, probe, scored_texts
from feinschliff.adapt.run import run
from feinschliff.config import load_config
from feinschliff.errors import ConfigError, RunInterrupted
from feinschliff.report.adaptation import answer
from feinschliff.report.language import Language
from feinschliff.train.events import Stage


def trial(base, seed, score, resampled=0.0):
    drawn = [score + resampled * sign for sign in (-1, 1)]
    return {"base": base, "seed": seed, "score": score, "labels": 50, "resampled": drawn}


def test_gains_are_paired():
    scores = [(0.5, 0.6), (0.7, 0.79), (0.3, 0.41)]
    trials = [
        trial(b, s, v)
        for s, pair in enumerate(scores)
        for b, v in zip(("before", "after"), pair, strict=True)
    ]
    found = compare(trials, 0.95)
    assert found["gain"]["value"] == pytest.approx(0.1)
    assert found["gain"]["low"] == pytest.approx(0.1 - 4.302653 * 0.01 / 3**0.5)
    assert found["before"]["low"] < 0.3 < found["gain"]["low"] + 0.3


def test_gains_count_the_luck_of_test_texts_and_how_many_are_looked_at():
    trials = [trial("before", s, 0.5 + s / 100) for s in range(3)]
    trials += [trial("after", s, 0.6 + s / 99, 0.1) for s in range(3)]
    alone = compare(trials, 0.95)["gain"]
    steady = compare([trial(t["base"], t["seed"], t["score"]) for t in trials], 0.95)["gain"]
    assert alone["low"] < 0 < steady["low"]
    assert compare(trials, 0.95, 5)["gain"] == compare(trials, 0.99)["gain"]


@pytest.mark.parametrize(("documents", "kind"), [(2, "open"), (20, "use")])
def test_few_documents_decide_nothing(documents, kind):
    fell = {"value": -0.007, "low": -0.01, "high": -0.004}
    losses = {"documents": documents, "difference": fell}
    points = [{"labels": 50, "gain": {"value": 0.2, "low": 0.1, "high": 0.3}}]
    found = answer({"losses": {"test": losses}, "probe": {"points": points}}, Language("en"))
    assert (found.kind, len(found.cautions)) == (kind, int(kind == "open"))


def test_draws_are_stratified_nested_in_their_splits_and_repeat():
    dataset = tiny.dataset(tiny.some(120), num_dev=20)
    one, again, other = draw(dataset, 20, 1), draw(dataset, 20, 1), draw(dataset, 20, 2)
    assert (len(one.train), len(one.dev), len(one.test)) == (16, 4, len(dataset.test))
    assert one.train.texts == again.train.texts != other.train.texts
    assert set(one.train.texts) <= set(dataset.train.texts)
    assert set(one.dev.texts) <= set(dataset.dev.texts)
    share = np.mean([t == "good" for t in dataset.train.targets])
    assert abs(np.mean([t == "good" for t in one.train.targets]) - share) <= 0.1
    assert draw(dataset, 10_000, 1) is dataset


def test_probes_and_goes_on(encoder, toy_csv, tmp_path):
    config, dataset = labelled(load_config(values={"train.precision": "float32"}), str(toy_csv), None)
    config.train.epochs, config.train.batch_size = 1, 8
    bases = {"before": str(encoder("bert")), "after": str(encoder("distilbert"))}
    kept = tmp_path / "probe.jsonl"
    found = probe(config, dataset, bases, (16, 0), 2, kept)
    assert [p["labels"] for p in found["points"]] == [16, len(dataset.train) + len(dataset.dev)]
    assert len(found["trials"]) == len(kept.read_text().splitlines()) == 8
    kept.write_text(kept.read_text().rsplit("\n", 3)[0] + '\n{"base": "bef')
    stages = []
    again = probe(config, dataset, bases, (16, 0), 2, kept, stages.append)
    assert len([s for s in stages if type(s).__name__ == "Stage"]) == 2
    assert [t["score"] for t in again["trials"]] == [t["score"] for t in found["trials"]]


@pytest.fixture(scope="module")
def probed(encoder, tmp_path_factory):
    """Give the folder of an adaptation with everything in it, and its result."""
    root = tmp_path_factory.mktemp("probed")
    general = root / "general.txt"
    general.write_text("\n".join(f"it rained on day {i} and we stayed at home" for i in range(20)))
    settings = {
        "adapt.general": str(general),
        "adapt.mix_share": 0.2,
        "adapt.add_words": 3,
        "adapt.head_steps": 2,
        "adapt.probe": tiny.write_probe(root),
        "adapt.probe_labels": (16, 32),
        "adapt.probe_seeds": 2,
        "train.epochs": 2,
        "train.method": "lora",
    }
    corpus = tiny.write_corpus(root / "corpus.txt")
    with corpus.open("a", encoding="utf-8") as file:
        file.writelines(f"\n{text}" for text, _ in tiny.some(120)[-3:])
    return root / "out", run(tiny.adaptation(encoder("bert"), corpus, root / "out", **settings))


def test_an_adaptation_with_everything(probed):
    folder, result = probed
    assert json.loads((folder / "result.json").read_text()) == result
    assert result["losses"]["general"]["documents"] >= 1
    assert len(result["vocabulary"]["added"]) == 3
    assert len(result["probe"]["trials"]) == 8
    assert result["data"]["probe_tests"] == (folder / "removed.jsonl").read_text().count("probe_tests") == 3
    from transformers import AutoModel, AutoTokenizer

    model, tokenizer = (
        AutoModel.from_pretrained(folder / "model"),
        AutoTokenizer.from_pretrained(folder / "model"),
    )
    word = result["vocabulary"]["added"][0]
    assert len(tokenizer(f"a {word} b", add_special_tokens=False)["input_ids"]) == 3
    assert model.get_input_embeddings().weight.shape[0] >= len(tokenizer)
    with torch.no_grad():
        model(**tokenizer(f"a {word} b", return_tensors="pt"))


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_report(probed, language):
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).parents[1] / "report"))
    from pages import Page

    from feinschliff.report.adaptation import page

    _, result = probed
    html = page(result, language)
    found = Page(html)
    assert {"learnt", "probe", "split", "adapting"} <= set(found.ids())
    assert len(found.ids()) == len(set(found.ids()))
    assert result["vocabulary"]["added"][0] in html
    assert {"en": "The head was new", "de": "Der Kopf war neu"}[language] in html
    assert {"en": "the task is tested on them", "de": "an ihnen geprüft wird"}[language] in html
    bare = page({k: v for k, v in result.items() if k != "probe"}, language)
    assert "--probe" in bare


def test_one_file_is_no_probe(toy_csv, tmp_path):
    values = {"adapt.probe": (str(toy_csv),), "output_dir": str(tmp_path / "out")}
    with pytest.raises(ConfigError, match="TRAIN and TEST"):
        run(load_config(values=values))


def test_an_interrupted_probe_goes_on(encoder, tmp_path):
    settings = {
        "adapt.objective": "contrastive",
        "adapt.probe": tiny.write_probe(tmp_path),
        "adapt.probe_labels": (16,),
        "adapt.probe_seeds": 2,
        "train.epochs": 1,
    }
    corpus = tiny.write_corpus(tmp_path / "corpus.txt")
    config = tiny.adaptation(encoder("bert"), corpus, tmp_path / "out", **settings)
    probed = []

    def stop(event):
        if isinstance(event, Stage) and event.name == "probe":
            probed.append(event)
            if len(probed) == 3:
                raise RunInterrupted("stopped")

    with pytest.raises(RunInterrupted, match="feinschliff adapt --resume"):
        run(config, listen=stop)
    assert (tmp_path / "out" / "model" / "model.safetensors").is_file()
    probed.clear()
    result = run(
        config, listen=lambda e: isinstance(e, Stage) and e.name == "probe" and probed.append(e), resume=True
    )
    assert len(probed) == 2
    assert len(result["probe"]["trials"]) == 4
    assert "perplexity_before" not in result["losses"]["test"]


def test_the_corpus_is_without_the_texts_the_probe_tests_on(tmp_path):
    files = tiny.write_probe(tmp_path)
    tiny.write_corpus(tmp_path / "corpus.txt")
    settings = {"adapt.probe": files, "adapt.general": "none", "data.text": "text"}
    chosen = tiny.adaptation("base", tmp_path, tmp_path / "out", **settings)
    _, dataset = labelled(chosen, *files)
    whole, _, _ = read_texts(chosen, None)
    texts, _, _ = read_texts(chosen, None, scored_texts(dataset))
    before, after = (set("\n".join([*t.train, *t.dev, *t.test]).splitlines()) for t in (whole, texts))
    learnt, held = set(dataset.train.texts), set(dataset.test.texts)
    assert len(before & held) > 0.9 * len(held)  # some are nearly the same as others
    assert not after & held
    assert len(after & learnt) > 0.9 * len(learnt)
    gone = [row for row in texts.removed if row["reason"].startswith("probe_tests")]
    assert {row["text"] for row in gone} == held
    assert re.match(r"probe_tests: like .*test\.csv:\d+$", gone[0]["reason"])
    assert texts.facts["probe_tests"] == len(gone)
    assert any("that the probe tests on" in note for note in texts.notes)
    assert texts.fingerprint != whole.fingerprint
