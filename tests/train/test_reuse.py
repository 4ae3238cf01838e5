"""Frozen layers are computed once, and what is learnt is what is learnt without that."""

import numpy as np
import pytest
import torch
from workbench import bench, same

import tiny
from feinschliff.errors import RunInterrupted
from feinschliff.models.layers import layers
from feinschliff.train import fit, reuse
from feinschliff.train.events import Notice, Step

DEEP = ("bert", "roberta", "distilbert", "electra", "xlm-roberta", "deberta-v2", "modernbert", "mpnet")

SHARED = ("deberta-v2", "mpnet")
"""What is trained has a say in their frozen layers: relative positions, which all layers share."""


def counted(model) -> list[int]:
    """Count the calls of the lowest layer's own computation."""
    calls = []
    inner = next(m for m in layers(model)[0].modules() if getattr(m, "weight", torch.ones(1)).ndim == 2)
    inner.register_forward_hook(lambda *_: calls.append(1))
    return calls


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", [*DEEP, *tiny.DECODERS])
def test_the_same_losses_with_fewer_computations(encoder, monkeypatch, name, precision):
    settings = {"train.freeze_layers": 1, "train.dropout": 0.1, "train.precision": precision}
    found, calls = [], []
    for keeps in (True, False):
        work = bench(encoder(name), **settings)
        if not keeps:
            monkeypatch.setattr(fit, "frozen_depth", lambda *_: 0)
        calls.append(counted(work.model.learner.model))
        _, steps = work.fit()
        found.append([s.loss for s in steps])
    if name in SHARED:
        assert len(calls[0]) > len(calls[1])
    else:
        assert len(calls[0]) * 2 < len(calls[1])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4 if precision == "float32" else 0.05)


def test_all_layers_frozen_and_windows_and_adapters(encoder, monkeypatch):
    settings = {"model.max_length_tokens": 8, "model.window_overlap_tokens": 0, "train.freeze_layers": 2}
    for more in ({}, {"train.method": "lora", "train.freeze_layers": 1}):
        found = []
        for keeps in (True, False):
            with pytest.MonkeyPatch.context() as patch:
                if not keeps:
                    patch.setattr(fit, "frozen_depth", lambda *_: 0)
                _, steps = bench(encoder("bert"), **settings | more).fit(max_windows=2)
            found.append([s.loss for s in steps])
        np.testing.assert_allclose(found[0], found[1], rtol=1e-4)


def test_a_resumed_run_reads_the_same_numbers(encoder, tmp_path):
    settings = {"train.freeze_layers": 1, "train.dropout": 0.1}
    whole = bench(encoder("bert"), **settings)
    whole.fit()

    def stop(event):
        if isinstance(event, Step) and event.step == 7:
            import os
            import signal

            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(RunInterrupted):
        bench(encoder("bert"), **settings).fit(checkpoints=tmp_path, listen=stop)
    again = bench(encoder("bert"), **settings)
    again.fit(checkpoints=tmp_path)
    assert same(again.weights, whole.weights)


def test_large_ones_lie_in_a_file_and_too_large_ones_nowhere(encoder, monkeypatch):
    settings = {"train.freeze_layers": 1}
    expected = bench(encoder("bert"), **settings).fit()[1]
    monkeypatch.setattr(reuse, "LARGE_BYTES", 1000)
    steps = bench(encoder("bert"), **settings).fit()[1]
    assert [s.loss for s in steps] == [s.loss for s in expected]
    monkeypatch.delattr("os.posix_fallocate", raising=False)  # as on macOS
    steps = bench(encoder("bert"), **settings).fit()[1]
    assert [s.loss for s in steps] == [s.loss for s in expected]
    monkeypatch.setattr(reuse, "ROOM_SHARE", 0.0)
    heard = []
    steps = bench(encoder("bert"), **settings).fit(listen=heard.append)[1]
    np.testing.assert_allclose([s.loss for s in steps], [s.loss for s in expected], rtol=1e-4)
    texts = [n.text for n in heard if isinstance(n, Notice)]
    assert len(texts) == 1
    assert texts[0].endswith("They are computed in every pass.")
