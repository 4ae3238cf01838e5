"""When memory runs out the same batch is computed in smaller parts, and that is said once."""

import numpy as np
import pytest
import torch
from workbench import bench

from feinschliff.errors import ResourceError
from feinschliff.train.events import Notice
from feinschliff.train.memory import smaller


def limited(learner, most: int, error: Exception) -> None:
    """Let a learner's forward pass fail, after some work, for batches of more than `most` tokens."""
    forward = learner.forward

    def narrow(batch):
        logits = forward(batch)
        if batch.input_ids.size > most and torch.is_grad_enabled():
            raise error
        return logits

    learner.forward = narrow


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 MiB"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory"
        ),
        RuntimeError("MPS backend out of memory (MPS allocated: 1 GB"),
        MemoryError(),
    ],
)
def test_the_batch_stays_the_same(encoder, error):
    settings = {"train.batch_size": 16, "train.micro_batch_tokens": 1024}
    whole = bench(encoder("bert"), **settings)
    _, expected = whole.fit()
    work, notices = bench(encoder("bert"), **settings), []
    limited(work.model.learner, 100, error)
    fitted, steps = work.fit(listen=lambda e: notices.append(e) if isinstance(e, Notice) else None)
    np.testing.assert_allclose([s.loss for s in steps], [s.loss for s in expected], rtol=1e-4)
    assert steps[-1].tokens == expected[-1].tokens
    assert fitted.progress.micro_batch_tokens < 1024
    assert [n.text.split(":")[0] for n in notices] == ["Memory ran out"]


def test_too_little_for_one_text_ends_in_one_message(encoder):
    work = bench(encoder("bert"))
    limited(work.model.learner, 2, MemoryError())
    with pytest.raises(ResourceError, match="out of memory, even with one text at a time"):
        work.fit()


def test_other_errors_pass(encoder):
    work = bench(encoder("bert"))
    limited(work.model.learner, 2, RuntimeError("expected scalar type Long"))
    with pytest.raises(RuntimeError, match="scalar type"):
        work.fit()


def test_halves():
    assert smaller(4096, 512) == 2048
    with pytest.raises(ResourceError):
        smaller(512, 512)
