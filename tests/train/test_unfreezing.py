"""Training reaches down from the head to the embeddings."""

import torch
from workbench import bench, same

from feinschliff.models.layers import depths
from feinschliff.train.events import Step


def changed(encoder, share: float, epochs: float = 4, **more) -> list[set[int]]:
    """Return the depths of the weights that each step changed."""
    settings = {"train.unfreeze_share": share, "train.epochs": epochs, "train.weight_decay": 0.0}
    work = bench(encoder("bert"), **settings, **more)
    model, found = work.model.learner.model, []
    depth = depths(model)
    last = {n: p.detach().clone() for n, p in model.named_parameters() if "word_emb" not in n}

    def compare(event):
        if isinstance(event, Step):
            now = {n: p.detach().clone() for n, p in model.named_parameters() if n in last}
            found.append({depth[n] for n in last if not torch.equal(now[n], last[n])})
            last.update(now)

    work.fit(listen=compare)
    return found


def test_from_the_head_down(encoder):
    steps = changed(encoder, 0.75)  # 16 steps, of which 12 for three more depths
    assert steps[0] == {3}
    assert steps[-1] == steps[12] == {0, 1, 2, 3}
    assert [len(s) for s in steps] == [1] * 4 + [2] * 4 + [3] * 4 + [4] * 4


def test_none_from_the_beginning(encoder):
    assert changed(encoder, 0.0, 1)[0] == {0, 1, 2, 3}


def test_frozen_layers_stay_so_and_bfloat16_waits_too(encoder):
    steps = changed(encoder, 0.5, **{"train.freeze_layers": 1, "train.precision": "bfloat16"})
    assert steps[0] == {3}
    assert steps[-1] == {2, 3}


def test_it_goes_on_to_the_same_bits(encoder, tmp_path, monkeypatch):
    import os
    import signal

    import pytest

    from feinschliff.errors import RunInterrupted

    settings = {"train.unfreeze_share": 0.6}
    whole = bench(encoder("bert"), **settings)
    whole.fit()

    def stop(event):
        if isinstance(event, Step) and event.step == 3:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(RunInterrupted):
        bench(encoder("bert"), **settings).fit(checkpoints=tmp_path, listen=stop)
    again = bench(encoder("bert"), **settings)
    again.fit(checkpoints=tmp_path)
    assert same(again.weights, whole.weights)
