"""The loop computes the gradient of the whole batch, in the order of its seed, and stops on nonsense."""

import numpy as np
import pytest
import torch
from workbench import bench, same

from feinschliff.errors import FeinschliffError
from feinschliff.train import fit, loop


@pytest.mark.parametrize("length", [64, 8])
def test_micro_batches_add_up_to_the_batch(encoder, length):
    found = []
    for budget in (64, 10_000):
        work = bench(
            encoder("bert"),
            **{"train.batch_size": 16, "train.micro_batch_tokens": budget, "model.max_length_tokens": length},
            **{"model.window_overlap_tokens": 0},
        )
        sizes = []
        collate = loop.collate

        def counted(*args, sizes=sizes, collate=collate):
            batch = collate(*args)
            sizes.append(batch.input_ids.size)
            return batch

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loop, "collate", counted)
            _, steps = work.fit()
        found.append((len(sizes), [s.loss for s in steps], work.weights))
        assert [s.step for s in steps] == list(range(1, 7))
        assert steps[-1].tokens == 3 * work.encoded["train"].lengths.sum()
    (many, losses, weights), (few, expected, whole) = found
    assert many > 2 * few == 12
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    for name in weights:
        torch.testing.assert_close(weights[name], whole[name], rtol=1e-2, atol=2e-5, msg=name)


def test_the_seed_decides_the_order_and_the_dropout(encoder):
    def run(seed):
        work = bench(encoder("bert"), **{"train.dropout": 0.2, "seed": seed})
        _, steps = work.fit()
        return [s.loss for s in steps], work.weights

    (losses, weights), (again, again_weights), (other, _) = run(1), run(1), run(2)
    assert losses == again != other
    assert same(weights, again_weights)


def test_at_most_so_many_windows_of_a_text_are_read_in_a_step(encoder):
    settings = {"model.max_length_tokens": 8, "model.window_overlap_tokens": 0, "train.epochs": 1}
    tokens = []
    for most in (1, 8):
        work = bench(encoder("bert"), **settings)
        _, steps = work.fit(max_windows=most)
        tokens.append(steps[-1].tokens)
    assert tokens[0] < tokens[1] == work.encoded["train"].lengths.sum()


def test_steps_of_part_of_an_epoch(encoder):
    work = bench(encoder("bert"), **{"train.epochs": 0.5})
    fitted, steps = work.fit()
    assert (len(steps), steps[-1].num_steps, steps[-1].epoch) == (2, 2, 0.5)
    assert fitted.stopped == "finished"


def test_a_loss_that_is_not_a_number_ends_in_one_message(encoder):
    work = bench(encoder("bert"))
    with torch.no_grad():
        work.model.learner.model.get_input_embeddings().weight.fill_(float("nan"))
    with pytest.raises(
        FeinschliffError, match=r"training: the loss is nan at step 1\. Lower train.learning_rate"
    ):
        work.fit()


def test_so_does_a_gradient_and_a_loss_on_dev(encoder, monkeypatch):
    work = bench(encoder("bert"))
    with pytest.raises(FeinschliffError, match="the loss on dev is inf at step 4"):
        work.fit(look=lambda learner: {"score": 0.5, "loss": float("inf")})
    monkeypatch.setattr(fit.Accelerator, "clip_grad_norm_", lambda *_: torch.tensor(float("inf")))
    with pytest.raises(FeinschliffError, match="the gradient's length is inf at step 1"):
        work.fit()
