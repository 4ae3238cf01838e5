"""The best weights win, patience ends, and an interruption costs nothing."""

import os
import signal
import threading

import numpy as np
import pytest
import torch
from workbench import bench, same

import tiny
from feinschliff.errors import RunInterrupted
from feinschliff.train import fit
from feinschliff.train.events import Notice, Step


def scripted(scores):
    """Return a look at dev with scripted scores, and what the weights were at each look."""
    seen, rest = [], iter(scores)

    def look(learner):
        seen.append({n: t.clone() for n, t in learner.model.state_dict().items() if "word_emb" not in n})
        return next(rest)

    return look, seen


def scores(*values: float, loss: float = 1.0):
    return [{"score": value, "loss": loss} for value in values]


def test_the_best_weights_win_and_patience_ends(encoder):
    work = bench(encoder("bert"), **{"train.epochs": 10, "train.patience": 3})
    look, seen = scripted(scores(0.5, 0.9, 0.6, 0.9, 0.7))
    fitted, steps = work.fit(look)
    assert fitted.stopped == "patience"
    assert fitted.progress.best_step == 8
    assert [s.best for s in steps if s.dev] == [True, True, False, False, False]
    assert steps[-1].step == 20 < steps[-1].num_steps
    final = {n: t for n, t in work.weights.items() if n in seen[1]}
    assert same(final, seen[1])
    assert not same(seen[1], seen[4])
    assert [p["dev_metric"] for p in fitted.progress.curve if "dev_metric" in p] == [0.5, 0.9, 0.6, 0.9, 0.7]


def test_ties_go_to_the_lower_loss_and_undefined_scores_to_nobody(encoder):
    work = bench(encoder("bert"), **{"train.epochs": 4, "train.patience": 9})
    look, _ = scripted([*scores(float("nan")), *scores(0.5), *scores(0.5, loss=0.4), *scores(float("nan"))])
    fitted, _ = work.fit(look)
    assert (fitted.progress.best_step, fitted.stopped) == (12, "finished")
    look, seen = scripted(scores(*[float("nan")] * 4))
    again = bench(encoder("bert"), **{"train.epochs": 4, "train.patience": 9})
    fitted, _ = again.fit(look)
    assert fitted.progress.best_step == 4
    assert same({n: t for n, t in again.weights.items() if n in seen[0]}, seen[0])


def test_later_weights_must_be_clearly_worse_to_be_dropped(encoder):
    """Of scores on a few texts the best is the luckiest."""
    work = bench(encoder("bert"), **{"train.epochs": 6, "train.patience": 2})
    noisy = [s | {fit.STANDARD_ERROR: 0.1} for s in scores(0.5, 0.9, 0.86, 0.87, 0.84, 0.86)]
    look, seen = scripted(noisy)
    fitted, steps = work.fit(look)
    assert [s.best for s in steps if s.dev] == [True, True, True, True, False, True]
    assert (fitted.progress.best_step, fitted.stopped) == (24, "finished")
    assert fitted.progress.best == pytest.approx(0.9, abs=1e-5)  # what later ones are measured by
    assert same({n: t for n, t in work.weights.items() if n in seen[-1]}, seen[-1])
    look, _ = scripted([s | {fit.STANDARD_ERROR: 0.1} for s in scores(0.9, 0.84, 0.84)])
    fitted, _ = bench(encoder("bert"), **{"train.epochs": 6, "train.patience": 2}).fit(look)
    assert (fitted.progress.best_step, fitted.stopped) == (4, "patience")


def test_patience_lasts_as_long_as_the_loss_on_dev_falls(encoder):
    """One lucky score must not end a training that goes on learning."""
    found = [s | {"loss": loss} for s, loss in zip(scores(0.9, *5 * [0.5]), (6, 5, 4, 3, 3, 3), strict=True)]
    fitted, steps = bench(encoder("bert"), **{"train.epochs": 7, "train.patience": 2}).fit(scripted(found)[0])
    assert (fitted.progress.best_step, fitted.stopped) == (4, "patience")
    assert len([s for s in steps if s.dev]) == 6


def test_several_looks_in_an_epoch(encoder):
    work = bench(encoder("bert"), **{"train.epochs": 1, "train.evaluations_per_epoch": 2})
    _, steps = work.fit()
    assert [s.step for s in steps if s.dev] == [2, 4]


@pytest.mark.parametrize("name", tiny.SHAPES)
def test_every_architecture_learns_in_bfloat16(encoder, name):
    work = bench(encoder(name), **{"train.precision": "bfloat16", "train.epochs": 5})
    _, steps = work.fit()
    assert sum(s.loss for s in steps[-4:]) < sum(s.loss for s in steps[:4])
    half = work.model.learner.logits(work.encoded["dev"])
    work.model.learner.precision = "float32"
    np.testing.assert_allclose(half, work.model.learner.logits(work.encoded["dev"]), atol=0.2)


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_precision(encoder, precision):
    work = bench(encoder("bert"), **{"train.precision": precision, "train.epochs": 5})
    _, steps = work.fit()
    assert steps[-1].loss < steps[0].loss
    assert {t.dtype for t in work.weights.values() if t.is_floating_point()} == {torch.float32}
    with torch.no_grad():
        learner = work.model.learner
        backbone = []
        learner.model.base_model.encoder.layer[0].attention.self.query.register_forward_hook(
            lambda module, given, result: backbone.append(result.dtype)
        )
        assert learner.logits(work.encoded["dev"]).dtype == "float32"
    assert set(backbone) == {getattr(torch, precision)}


@pytest.fixture
def heard():
    """Let SIGHUP come through, which is ignored where the tests run under `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def test_a_hangup_that_is_ignored_stays_so(encoder, tmp_path):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        bench(encoder("roberta")).fit(listen=lambda event: os.kill(os.getpid(), signal.SIGHUP))
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("at", "name"),
    [(n, signal.SIGINT) for n in (1, 5, 11, 12)] + [(5, signal.SIGTERM), (5, signal.SIGHUP)],
)
def test_an_interrupted_training_goes_on_to_the_same_bits(encoder, tmp_path, at, name, heard):
    settings = {"train.dropout": 0.1, "train.layer_decay": 0.8}
    whole = bench(encoder("roberta"), **settings)
    expected, every = whole.fit()
    before = signal.getsignal(name)

    def press(event):
        if isinstance(event, Step) and event.step == at:
            os.kill(os.getpid(), name)

    first = bench(encoder("roberta"), **settings)
    with pytest.raises(RunInterrupted) as caught:
        first.fit(checkpoints=tmp_path / "my run" / "checkpoints", listen=press)
    assert str(caught.value) == f"interrupted at step {at} of 12; a checkpoint was written."
    assert caught.value.exit_code == 130
    assert signal.getsignal(name) is before
    notices = []
    second = bench(encoder("roberta"), **settings)
    fitted, rest = second.fit(checkpoints=tmp_path / "my run" / "checkpoints", listen=notices.append)
    assert same(second.weights, whole.weights)
    assert [s.loss for s in rest] == [s.loss for s in every[at:]]
    assert fitted.progress.tokens == expected.progress.tokens
    assert fitted.progress.best_step == expected.progress.best_step
    assert Notice(f"Resumed at step {at} of 12.") in notices


def test_the_gradient_scaler_goes_on_too(encoder, tmp_path, monkeypatch):
    made = []

    def scaled(learner):
        accelerator = fit.Accelerator(cpu=True)
        accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=4.0, growth_interval=3)
        made.append(accelerator.scaler)
        return accelerator

    def press(event):
        if isinstance(event, Step) and event.step == 8:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(fit, "_accelerator", scaled)
    monkeypatch.setattr(fit.Accelerator, "clip_grad_norm_", lambda *_: torch.tensor(1.0))
    bench(encoder("bert")).fit()
    with pytest.raises(RunInterrupted):
        bench(encoder("bert")).fit(checkpoints=tmp_path, listen=press)
    bench(encoder("bert")).fit(checkpoints=tmp_path)
    whole, first, second = (scaler.state_dict() for scaler in made)
    assert whole == second
    assert (first["scale"], whole["scale"]) == (16.0, 64.0)


def test_an_interruption_without_a_folder_says_so(encoder):
    def press(event):
        if isinstance(event, Step) and event.step == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(RunInterrupted) as caught:
        bench(encoder("bert")).fit(listen=press)
    assert str(caught.value) == "interrupted at step 2 of 12."


def test_a_damaged_checkpoint_costs_steps_and_no_bits(encoder, tmp_path):
    always = {"train.checkpoint_minutes": 1e-9}
    whole = bench(encoder("bert"))
    whole.fit()

    def press(event):
        if isinstance(event, Step) and event.step == 7:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(RunInterrupted):
        bench(encoder("bert"), **always).fit(checkpoints=tmp_path, listen=press)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-00000006", "step-00000007"]
    (tmp_path / "step-00000007" / "tensors.safetensors").write_bytes(b"")
    notices = []
    again = bench(encoder("bert"), **always)
    again.fit(checkpoints=tmp_path, listen=notices.append)
    texts = [n.text for n in notices if isinstance(n, Notice)]
    assert texts[0].startswith("Checkpoint step-00000007 is damaged")
    assert texts[1] == "Resumed at step 6 of 12."
    assert same(again.weights, whole.weights)


def test_patience_that_had_ended_stays_so(encoder, tmp_path, monkeypatch):
    monkeypatch.setattr(fit, "WORTH_SAVING_SECONDS", 0)
    settings = {"train.epochs": 6, "train.patience": 1}
    first = bench(encoder("bert"), **settings)
    fitted, _ = first.fit(scripted(scores(0.9, 0.8))[0], checkpoints=tmp_path)
    again = bench(encoder("bert"), **settings)
    refitted, steps = again.fit(checkpoints=tmp_path)
    assert steps == []
    assert fitted.stopped == refitted.stopped == "patience"
    assert same(first.weights, again.weights)


def test_in_threads(encoder):
    found = {}

    def work(number: int) -> None:
        one = bench(encoder("bert"))
        found[number] = one.fit()[1][-1].step

    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {0: 12, 1: 12, 2: 12}


def test_what_accelerate_was_told_about_accumulation_does_not_count(encoder, monkeypatch):
    def losses() -> list[float]:
        fitted, _ = bench(encoder("bert")).fit()
        return [point["loss"] for point in fitted.progress.curve]

    plain = losses()
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4")
    assert losses() == plain


def test_one_after_the_other_in_another_precision(encoder, monkeypatch):
    from accelerate.state import AcceleratorState

    bench(encoder("bert")).fit()
    state = AcceleratorState._shared_state
    assert state["_cpu"]
    monkeypatch.setitem(state, "_mixed_precision", "fp16")  # as after a run on another device
    _, steps = bench(encoder("bert")).fit()
    assert len(steps) == 12
    assert AcceleratorState().mixed_precision == "no"
