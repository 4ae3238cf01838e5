"""Without padding a model computes what it computes with it: answers, gradients, losses."""

import dataclasses

import numpy as np
import pytest
import torch
from workbench import bench

import tiny
from feinschliff.models import unpadded
from feinschliff.models.layers import layers
from feinschliff.train.unpadding import agrees, pays

ABLE = ("bert", "roberta", "distilbert", "electra", "xlm-roberta", "modernbert", *tiny.DECODERS)
UNABLE = ("deberta-v2", "mpnet")
TEXTS = ["a", "this film was terrible for the whole family again and again", "the soup was wonderful."]


@pytest.mark.parametrize("name", ABLE)
def test_the_same_answers_and_gradients(encoder, name):
    work = bench(encoder(name), **{"train.dropout": 0.0})
    learner, batch = work.model.learner, work.model.encode(TEXTS * 3)
    assert agrees(learner, batch)
    found = []
    for without in (False, True):
        work.model.learner.model.zero_grad()
        one = dataclasses.replace(learner, unpadded=without)
        from feinschliff.encode import collate

        logits = one.forward(collate(batch, np.arange(9), learner.pad_id))
        logits.square().sum().backward()
        found.append((logits.detach(), {n: p.grad for n, p in learner.model.named_parameters()}))
    torch.testing.assert_close(found[0][0], found[1][0], atol=1e-5, rtol=1e-4)
    for parameter, gradient in found[0][1].items():
        if gradient is not None:
            torch.testing.assert_close(found[1][1][parameter], gradient, atol=1e-4, rtol=1e-3, msg=parameter)


@pytest.mark.parametrize("name", ["bert", "roberta", "modernbert"])
def test_the_same_losses(encoder, name):
    losses = []
    for without in (False, True):
        work = bench(encoder(name))
        work.model.learner.unpadded = without
        seen = []
        layers(work.model.learner.model)[1].register_forward_pre_hook(
            lambda m, a, s=seen: s.append(a[0].shape)
        )
        _, steps = work.fit()
        losses.append([s.loss for s in steps])
        assert all((shape[0] == 1) == without for shape in seen)
    np.testing.assert_allclose(*losses, rtol=1e-3)


def test_the_window_of_local_attention_counts(encoder):
    """A text longer than the window, whose middle does not see its end in a local layer."""
    work = bench(encoder("modernbert"))
    long = work.model.encode([" ".join(TEXTS * 3), "a"])
    assert long.lengths.max() > 2 * work.model.learner.model.config.local_attention
    assert agrees(work.model.learner, long)
    with pytest.MonkeyPatch.context() as patch:
        plain = unpadded._one_by_one
        patch.setattr(unpadded, "_one_by_one", lambda *a: plain(*a[:-1], (-1, -1)))
        assert not agrees(work.model.learner, long)


@pytest.mark.parametrize("task", ["token", "pair"])
def test_any_head(encoder, task):
    from feinschliff.models.load import load_model, load_tokenizer

    kind = {"token": "AutoModelForTokenClassification", "pair": "AutoModelForMultipleChoice"}[task]
    model = load_model(encoder("bert"), kind, dropout=0.0).eval()
    tokens = load_tokenizer(encoder("bert"))(TEXTS, padding=True, return_tensors="pt")
    if task == "pair":
        tokens = {name: value[None] for name, value in tokens.items()}
    mask = tokens["attention_mask"].flatten(0, -2)
    with torch.no_grad():
        expected = model(**tokens).logits
        with unpadded.unpadded(model, mask):
            found = model(**tokens).logits
        assert torch.equal(model(**tokens).logits, expected)
    keep = mask.bool() if task == "token" else ...
    torch.testing.assert_close(found[keep], expected[keep], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", UNABLE)
def test_attention_of_its_own_kind_keeps_its_padding(encoder, name):
    work = bench(encoder(name))
    assert not agrees(work.model.learner, work.model.encode(TEXTS))


def test_dropout_in_attention_and_cpus_keep_it_too(encoder):
    work = bench(encoder("bert"), **{"train.dropout": 0.1})
    assert agrees(work.model.learner, work.model.encode(TEXTS))
    work.model.learner.model.config.attention_probs_dropout_prob = 0.1
    assert not agrees(work.model.learner, work.model.encode(TEXTS))
    assert not pays(work.model.learner)


def test_with_frozen_layers(encoder):
    losses = []
    for without in (False, True):
        work = bench(encoder("bert"), **{"train.freeze_layers": 1})
        work.model.learner.unpadded = without
        losses.append([s.loss for s in work.fit()[1]])
    np.testing.assert_allclose(*losses, rtol=1e-3)


def test_a_cap_on_the_scores_of_attention_is_not_left_out(encoder):
    model = bench(encoder("bert")).model.learner.model
    assert unpadded.supported(model)
    model.config.attn_logit_softcapping = 50.0
    assert not unpadded.supported(model)
