"""From raw texts to an adapted base model that plain transformers loads and `train` takes."""

from __future__ import annotations

import json

import pytest
import torch
import transformers

import tiny
from feinschliff.adapt.run import run
from feinschliff.errors import DataError, RunInterrupted
from feinschliff.train.events import Step


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


def test_goes_on_to_the_same_bits(encoder, corpus, tmp_path):
    run(config(encoder("bert"), corpus, tmp_path / "whole"))
    seen = []

    def stop(event):
        if isinstance(event, Step):
            seen.append(event)
            if len(seen) == 8:
                import os
                import signal

                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(RunInterrupted, match="feinschliff adapt --resume"):
        run(config(encoder("bert"), corpus, tmp_path / "cut"), listen=stop)
    run(config(encoder("bert"), corpus, tmp_path / "cut"), resume=True)
    one, other = (
        transformers.AutoModelForMaskedLM.from_pretrained(tmp_path / name / "model").state_dict()
        for name in ("whole", "cut")
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_too_little_text(encoder, tmp_path):
    path = tmp_path / "one.txt"
    path.write_text("one line\n")
    with pytest.raises(DataError, match="1 documents"):
        run(config(encoder("bert"), path, tmp_path / "out"))
