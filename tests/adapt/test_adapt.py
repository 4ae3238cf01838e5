"""From raw texts to an adapted base model that plain transformers loads and `train` takes."""

from __future__ import annotations

import json
import os
import shutil
import signal

import pytest
import torch
import transformers

import tiny
from feinschliff import registry
from feinschliff.adapt.run import run
from feinschliff.errors import ConfigError, DataError, RunInterrupted
from feinschliff.report.adaptation import page
from feinschliff.report.language import Language
from feinschliff.train.events import Step

LOSSES = {
    "documents": 5,
    "before": {"value": 5.0, "low": 4.0, "high": 6.0},
    "after": {"value": 3.0, "low": 2.0, "high": 4.0},
    "difference": {"value": -2.0, "low": -2.5, "high": -1.5},
}


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "corpus.txt"
    texts = [" ".join(text for text, _ in tiny.some(60)[i : i + 4]) for i in range(56)]
    path.write_text("\n".join(f"{text} number {i} {'abc'[i % 3] * (i % 7)}" for i, text in enumerate(texts)))
    return path


def config(encoder, corpus, output):
    return tiny.adaptation(encoder, corpus, output, **{"train.checkpoint_minutes": 1e-9})


def test_adapts_and_saves(encoder, corpus, toy_csv, tmp_path):
    result = run(config(encoder("bert"), corpus, tmp_path / "out"))
    found = result["losses"]["test"]
    assert found["difference"]["high"] < 0
    assert json.loads((tmp_path / "out" / "result.json").read_text()) == result
    folder = tmp_path / "out" / "model"
    _, info = transformers.AutoModel.from_pretrained(folder, output_loading_info=True)
    assert not info["missing_keys"]
    assert not transformers.AutoModelForMaskedLM.from_pretrained(folder, output_loading_info=True)[1][
        "missing_keys"
    ]
    transformers.AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("objective", registry.names("objectives"))
def test_the_report_names_the_objective_in_its_language(objective):
    result = {
        "objective": registry.load("objectives", objective).TITLE,
        "config": {"adapt": {"objective": objective}},
        "losses": {"test": LOSSES},
    }
    english, german = page(result), page(result, "de")
    assert result["objective"].lower() in english.lower()
    assert result["objective"].lower() not in german.lower()
    assert Language("de").find("objectives", objective) in german


def test_the_report_draws_the_loss_from_before_the_first_step():
    result = {
        "losses": {"test": LOSSES, "dev": LOSSES},
        "training": {"curve": [{"step": 9, "loss": 4.0}, {"step": 10, "loss": 4.0, "dev_loss": 3.0}]},
    }
    html = page(result)
    assert "<title>0: 5.000</title>" in html
    assert "<title>10: 3.000</title>" in html


def interrupted_at_step(number):
    def stop(event):
        if isinstance(event, Step) and event.step == number:
            os.kill(os.getpid(), signal.SIGINT)

    return stop


def test_goes_on_to_the_same_bits(encoder, corpus, tmp_path):
    run(config(encoder("bert"), corpus, tmp_path / "whole"))
    with pytest.raises(RunInterrupted, match="feinschliff adapt --resume"):
        run(config(encoder("bert"), corpus, tmp_path / "cut"), listen=interrupted_at_step(8))
    run(config(encoder("bert"), corpus, tmp_path / "cut"), resume=True)
    one, other = (
        transformers.AutoModelForMaskedLM.from_pretrained(tmp_path / name / "model").state_dict()
        for name in ("whole", "cut")
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_does_not_go_on_from_another_base(encoder, corpus, tmp_path):
    base = shutil.copytree(encoder("bert"), tmp_path / "base")
    chosen = config(base, corpus, tmp_path / "cut")
    with pytest.raises(RunInterrupted):
        run(chosen, listen=interrupted_at_step(8))
    network = transformers.AutoModel.from_pretrained(base)
    network.get_input_embeddings().weight.data.add_(0.01)
    network.save_pretrained(base)
    with pytest.raises(ConfigError, match="checkpoint"):
        run(chosen, resume=True)


def test_settings_that_mean_nothing_here_are_refused(encoder, corpus, tmp_path):
    with pytest.raises(ConfigError, match=r"train\.seeds: has no effect on adapt"):
        run(tiny.adaptation(encoder("bert"), corpus, tmp_path / "out", **{"train.seeds": 2}))


def test_too_little_text(encoder, tmp_path):
    path = tmp_path / "one.txt"
    path.write_text("one line\n")
    with pytest.raises(DataError, match="is 1 document;"):
        run(config(encoder("bert"), path, tmp_path / "out"))


def test_unfreezing_begins_with_a_layer_where_nothing_is_above(encoder, corpus, tmp_path):
    chosen = {"adapt.objective": "contrastive", "train.unfreeze_share": 0.5, "train.epochs": 1}
    run(tiny.adaptation(encoder("bert"), corpus, tmp_path / "out", **chosen))


def test_contrasted_batches_are_never_parted(encoder, corpus, tmp_path):
    found = []
    for name, tokens in (("one", 4096), ("other", 64)):
        chosen = {"adapt.objective": "contrastive", "train.epochs": 1, "train.micro_batch_tokens": tokens}
        steps = []
        config = tiny.adaptation(encoder("bert"), corpus, tmp_path / name, **chosen)
        run(config, listen=lambda event, steps=steps: steps.append(event))
        found.append([step.loss for step in steps if isinstance(step, Step)])
    assert found[0] == found[1]
