"""Checkpoints come back to the bit, and a damaged, foreign or unwritable one does no harm."""

import dataclasses
import errno
import os

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from torch import nn

import tiny
from feinschliff.errors import ConfigError, ResourceError
from feinschliff.train import checkpoint
from feinschliff.train.loop import Progress
from feinschliff.train.tune import identity_of


def ready(seed: int = 0, width: int = 3):
    """Return a network with an optimiser that has made two steps, and one frozen weight."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(4, width), nn.Linear(width, 2))
    model[0].bias.requires_grad_(False)
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.1, fused=True)
    for _ in range(2):
        step(model, optimiser)
    return model, optimiser


def step(model, optimiser) -> None:
    model(torch.ones(1, 4)).square().sum().backward()
    optimiser.step()
    optimiser.zero_grad()


def best_of(model) -> dict[str, torch.Tensor]:
    return {n: p.detach().clone() for n, p in model.named_parameters() if p.requires_grad}


def progress_at(number: int) -> Progress:
    return Progress("data", number, 10 * number, 0.1 + number, 1 / 3, 1, 2, [{"step": 1, "loss": 0.1}])


def load(folder, model, optimiser, identity):
    progress, tensors, damaged = checkpoint.load(folder, model, identity)
    return progress, checkpoint.restore(model, optimiser, tensors.items()), damaged


def test_what_was_saved_comes_back_and_goes_on_alike(tmp_path):
    model, optimiser = ready()
    best = best_of(model)
    step(model, optimiser)
    checkpoint.save(tmp_path, model, optimiser, progress_at(3), best)
    again, again_optimiser = ready(seed=1)
    progress, found, damaged = load(tmp_path, again, again_optimiser, "data")
    assert progress == progress_at(3)
    assert found.keys() == best.keys()
    assert all(torch.equal(found[n], best[n]) for n in best)
    assert damaged == []
    again[0].bias.data.copy_(model[0].bias.data)
    for network, its in ((model, optimiser), (again, again_optimiser)):
        step(network, its)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))


def test_two_are_kept_and_leftovers_go(tmp_path):
    model, optimiser = ready()
    (tmp_path / ".step-00000001.part").mkdir()
    for number in (1, 2, 3):
        checkpoint.save(tmp_path, model, optimiser, progress_at(number), {})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-00000002", "step-00000003"]
    checkpoint.save(tmp_path, model, optimiser, progress_at(3), {})
    assert load(tmp_path, model, optimiser, "data")[0].step == 3


def test_no_checkpoint_is_a_beginning(tmp_path):
    model, optimiser = ready()
    for folder in (tmp_path, tmp_path / "none"):
        assert load(folder, model, optimiser, "data") == (Progress("data"), {}, [])


def flip(path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


DAMAGE = {
    "flipped bit": lambda folder: flip(folder / "tensors.safetensors"),
    "changed progress": lambda folder: (folder / "progress.json").write_text("{}"),
    "lost file": lambda folder: (folder / "tensors.safetensors").unlink(),
    "no checksum": lambda folder: (folder / "sha256").unlink(),
    "empty": lambda folder: [file.unlink() for file in folder.iterdir()],
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_one_is_passed_over_and_said(tmp_path, kind):
    model, optimiser = ready()
    checkpoint.save(tmp_path, model, optimiser, progress_at(1), best_of(model))
    saved = best_of(model)
    step(model, optimiser)
    DAMAGE[kind](checkpoint.save(tmp_path, model, optimiser, progress_at(2), best_of(model)))
    progress, _, damaged = load(tmp_path, model, optimiser, "data")
    assert progress.step == 1
    assert all(torch.equal(p, saved[n]) for n, p in model.named_parameters() if p.requires_grad)
    assert len(damaged) == 1
    assert damaged[0].startswith("Checkpoint step-00000002 is damaged (")
    assert damaged[0].endswith("; the one before it is used.")
    DAMAGE[kind](tmp_path / "step-00000001")
    progress, best, damaged = load(tmp_path, model, optimiser, "data")
    assert (progress, best, len(damaged)) == (Progress("data"), {}, 2)
    assert damaged[-1].endswith("; training starts at the beginning.")


def test_one_of_other_data_or_another_model_is_refused(tmp_path):
    model, optimiser = ready()
    checkpoint.save(tmp_path, model, optimiser, progress_at(1), {})
    with pytest.raises(ConfigError, match="of other data, or another order of it, or another model"):
        load(tmp_path, model, optimiser, "other data")
    with pytest.raises(ConfigError, match="of other data, or another order of it, or another model"):
        load(tmp_path, *ready(width=5), "data")


def full(*_) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def full_in_rust(*_) -> None:
    raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")


@pytest.mark.parametrize(
    ("place", "failure"), [("save_file", full_in_rust), ("flush", full), ("_digest", full)]
)
def test_a_full_disk_leaves_the_one_before(tmp_path, monkeypatch, place, failure):
    model, optimiser = ready()
    checkpoint.save(tmp_path, model, optimiser, progress_at(1), {})
    monkeypatch.setattr(checkpoint, place, failure)
    with pytest.raises(ResourceError, match="no space left on its disk"):
        checkpoint.save(tmp_path, model, optimiser, progress_at(2), {})
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["step-00000001"]
    assert load(tmp_path, model, optimiser, "data")[0].step == 1


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    model, optimiser = ready()
    with pytest.raises(ResourceError, match="cannot be written: Not a directory"):
        checkpoint.save(tmp_path / "file" / "checkpoints", model, optimiser, progress_at(2), {})


def test_what_others_left_unfinished_is_none_of_its_business(tmp_path):
    model, optimiser = ready()
    (tmp_path / ".weights.part").write_bytes(b"half of it")
    checkpoint.save(tmp_path, model, optimiser, progress_at(1), {})
    assert sorted(p.name for p in tmp_path.iterdir()) == [".weights.part", "step-00000001"]


def test_the_same_rows_in_another_order_are_another_training():
    rows = tiny.some(20)
    first = tiny.dataset(rows)
    second = dataclasses.replace(first, train=first.train.take(np.arange(len(first.train))[::-1].copy()))
    assert first.fingerprint == second.fingerprint
    assert identity_of(first, "base") == identity_of(tiny.dataset(rows), "base")
    assert len({identity_of(first, "base"), identity_of(second, "base"), identity_of(first, "other")}) == 3
