"""What is computed in bfloat16 decides as float32 does, however wrong the draft is."""

import dataclasses

import numpy as np
import pytest
import torch

import tiny
from feinschliff import bundle, registry
from feinschliff.encode import tokenise
from feinschliff.models import draft, precision
from feinschliff.models.draft import drafting
from feinschliff.models.learner import Learner
from feinschliff.models.load import load_model, load_tokenizer
from feinschliff.models.recheck import Check
from feinschliff.pipeline import tune

RULES = {
    "classification": [{}, {"weights": [1, 1.5, 1]}, {"least": [0.36, 0.34, 0.34]}],
    "multilabel": [{}, {"thresholds": [0.45, 0.5, 0.55]}],
    "ner": [{}],
}
CASES = [(task, rules) for task, each in RULES.items() for rules in each]


@pytest.mark.parametrize(("task", "rules"), CASES)
def test_decisions_are_those_of_float32(encoder, task, rules):
    module = registry.load("tasks", task)
    labels = ("A", "B") if task == "ner" else ("a", "b", "c")
    folder = encoder("bert")
    network = load_model(folder, module.AUTO_CLASS, dropout=0.0, **module.head(labels)).eval()
    learner = Learner(network, module, torch.device("cpu"), "float32", 0)
    texts = [" ".join(text for text, _ in tiny.some(80)[n : n + 1 + n % 5]) for n in range(70)]
    units = "first" if task == "ner" else None
    encoded = tokenise(load_tokenizer(folder), texts, max_length_tokens=64, label_pieces=units)
    mean = torch.from_numpy(learner.logits(encoded).mean(0))
    with torch.no_grad():  # so that every label is given
        network.classifier.bias -= mean
    quick = drafting(learner, labels, rules)
    with torch.no_grad():  # far worse than bfloat16 would be
        for weight in quick.draft.model.parameters():
            weight += 0.2 * weight.std() * torch.randn(weight.shape, generator=torch.manual_seed(1))

    def decided(logits):
        found = module.decode(logits, encoded, labels, texts, rules)
        return [found.names, None if found.answered is None else found.answered.tolist()]

    expected = decided(learner.logits(encoded))
    assert decided(quick.draft.logits(encoded)) != expected
    told = []
    assert decided(quick.logits(encoded, told.append)) == expected
    assert sum(told) == encoded.num_windows
    alone = drafting(learner, labels, rules)
    for n in range(10):  # texts that come one by one are no measure yet
        one = encoded.take(np.array([n]))
        np.testing.assert_allclose(alone.logits(one), learner.logits(one), atol=1e-5)
    assert alone.check.compared >= 10
    if task != "ner":
        assert decided(quick.logits_and_vectors(encoded)[0]) == expected


def test_a_number_is_that_of_the_draft(encoder):
    module = registry.load("tasks", "regression")
    folder = encoder("bert")
    network = load_model(folder, module.AUTO_CLASS, dropout=0.0, **module.head(())).eval()
    learner = Learner(network, module, torch.device("cpu"), "float32", 0)
    encoded = tokenise(load_tokenizer(folder), [t for t, _ in tiny.some(80)], max_length_tokens=64)
    found = drafting(learner, (), {}).logits(encoded)
    exact = learner.logits(encoded)
    np.testing.assert_allclose(found, exact, atol=0.05)
    assert not np.array_equal(found, exact)


def test_a_number_far_from_zero_keeps_its_digits(encoder):
    module = registry.load("tasks", "regression")
    folder = encoder("bert")
    network = load_model(folder, module.AUTO_CLASS, dropout=0.0, **module.head(())).eval()
    with torch.no_grad():
        network.classifier.bias += 2020
    learner = Learner(network, module, torch.device("cpu"), "float32", 0)
    encoded = tokenise(load_tokenizer(folder), [t for t, _ in tiny.some(80)], max_length_tokens=64)
    found = drafting(learner, (), {}).logits(encoded)
    np.testing.assert_allclose(found, learner.logits(encoded), atol=0.05, rtol=0)


@pytest.mark.parametrize("has_it", [True, False])
def test_only_hardware_that_multiplies_bfloat16_is_made_to(encoder, monkeypatch, tmp_path, has_it):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(precision, "_cpu_has_bfloat16", lambda: has_it)
    tuned = tune(tiny.config(encoder("bert"), "none", **{"train.epochs": 1}), tiny.dataset(tiny.some(30)))
    bundle.save(tuned, tmp_path / "model")
    texts = [text for text, _ in tiny.some(100)]
    exact, fast = (bundle.load(tmp_path / "model", fast=fast) for fast in (False, True))
    assert isinstance(fast.learner, draft.DraftLearner) == has_it
    assert [p.label for p in fast.predict(texts)] == [p.label for p in exact.predict(texts)]


def test_some_records_are_encoded_as_they_are_alone():
    tokenizer = tiny.tokenizer_of("wordpiece", 64)
    texts = [" ".join(["good"] * n) for n in (3, 40, 1, 25, 7)]
    options = {"max_length_tokens": 16, "overlap_tokens": 4, "label_pieces": "first"}
    some = tokenise(tokenizer, texts, **options).take(np.array([1, 3, 4]))
    alone = tokenise(tokenizer, [texts[n] for n in (1, 3, 4)], **options)
    for field in dataclasses.fields(alone):
        if field.name != "cut":
            assert np.array_equal(getattr(some, field.name), getattr(alone, field.name)), field.name
    assert np.array_equal(some.token_record, np.repeat(alone.record, alone.lengths))


COSTS = [[0, 1, 1], [0.4, 0, 1], [0.4, 1, 0]]
SUMS = [[0, 1, 5, 5], [0, 1, 5, 5], [1, 0, 5, 5], [1, 0, 5, 5]]


@pytest.mark.parametrize(
    "rules",
    [
        {"costs": COSTS},
        {"least": [0.62, 0.02, 0.62]},
        {"weights": [1, 3, 1]},
        {"weights": [1, 3, 1], "least": [0.6] * 3},
        {"costs": COSTS, "least": [0.6] * 3},
        {"costs": COSTS, "unsure_cost": 0.3, "weights": [1, 2, 1], "least": [0.5] * 3},
    ],
)
def test_errors_as_large_as_seen_never_change_what_costs_and_limits_decide(rules):
    task = registry.load("tasks", "classification")
    rng = np.random.default_rng(0)
    exact = rng.normal(0, 1.2, (20_000, 3)).astype(np.float32)
    wrong = (exact + rng.uniform(-0.03, 0.03, exact.shape)).astype(np.float32)

    class Every:
        """Stands for as many encoded texts as there are rows."""

        num_records = len(exact)

        def take(self, rows):
            return rows

    check = Check(task, ("a", "b", "c"), rules, lambda rows: exact[rows], safety=2)
    check.correct(Every(), wrong)
    (said, given), (true, known) = (check._decide(each, Every()) for each in (wrong, exact))
    assert (given == known).all()
    assert (said == true)[known].all()
    assert 64 < check.compared < 10_000


@pytest.mark.parametrize("more", [{}, {"unsure_cost": 0.5}])
def test_costs_are_sums_which_all_labels_move(more):
    task, rules = registry.load("tasks", "classification"), {"costs": SUMS, **more}
    logits = np.log(np.array([[0.26, 0.26, 0.24, 0.24], [0.4, 0.4, 0.1, 0.1]], np.float32))
    check = Check(task, tuple("abcd"), rules, None, safety=1, error=0.05)
    assert check._open(None, logits).tolist() == [0]


def test_entities_decided_by_sums_are_computed_again(encoder):
    task = registry.load("tasks", "ner")
    encoded = tokenise(
        load_tokenizer(encoder("bert")), ["a joy", "a joy", "a"], max_length_tokens=8, label_pieces="first"
    )
    logits = np.zeros((len(encoded.input_ids), 3), np.float32)
    carries = np.flatnonzero(encoded.offsets[:, 1])
    logits[carries[0], 1] = logits[carries[1], 2] = 5  # B, then I: legal
    logits[carries[2], 0] = logits[carries[3], 2] = 5  # O, then I: not
    logits[carries[4], 2] = 5  # I at the beginning: not
    assert task.by_sums(logits, encoded).tolist() == [1, 2]


def test_rotations_keep_their_digits(encoder):
    module = registry.load("tasks", "classification")
    network = load_model(encoder("llama"), module.AUTO_CLASS, dropout=0.0, **module.head(("a", "b"))).eval()
    exact = dict(network.named_buffers())
    learner = Learner(network, module, torch.device("cpu"), "float32", 0)
    drafted = dict(drafting(learner, ("a", "b"), {}).draft.model.named_buffers())
    names = [name for name in exact if "inv_freq" in name]
    assert names
    for name in names:
        assert drafted[name].dtype == torch.float32
        assert torch.equal(drafted[name], exact[name])
    assert drafted[names[0]] is not exact[names[0]]
