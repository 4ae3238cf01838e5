"""What every task keeps, whatever it learns: found in its folder, tried with tiny encoders."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pytest
import torch

from feinschliff import bundle, registry
from feinschliff.config import TrainConfig
from feinschliff.data import Records
from feinschliff.data.dataset import TARGET_TYPES, kind_of
from feinschliff.encode import Reading, collate
from feinschliff.models import load as loading
from feinschliff.models.layers import output_layer

TEXTS = [
    "the soup was wonderful today.",
    "",
    "my order came broken again, as always, to my surprise, for the whole family und das ist schön.",
    "a joy",
    "the new phone stopped working. " * 12,
    "our hotel room is a pain.",
]
LABELS = {"regression": ()}
"""By kind, where they are not the usual two."""
TARGETS = {
    "classification": ["good", "bad", "bad", "good", "bad", "bad"],
    "multilabel": [["good"], [], ["bad", "good"], [], ["bad"], []],
    "regression": [4.5, 3.0, 1.0, 4.0, 1.5, 2.0],
    "ner": [
        [{"start": 4, "end": 8, "label": "good"}],
        [],
        [{"start": 3, "end": 8, "label": "bad"}, {"start": 9, "end": 20, "label": "good"}],
        [],
        [{"start": 4, "end": 13, "label": "good"}, {"start": 283, "end": 292, "label": "bad"}],
        [],
    ],
}
NAMES = registry.names("tasks")


def records(task: str, rows: list[int] | None = None) -> Records:
    kind = kind_of(task)
    chosen = range(len(TEXTS)) if rows is None else rows
    columns = {
        "id": pa.array([str(i) for i in chosen]),
        "text": pa.array([TEXTS[i] for i in chosen]),
        "target": pa.array([TARGETS[kind][i] for i in chosen], TARGET_TYPES[kind]),
    }
    return Records(pa.table(columns))


def model_of(task: str, folder, **reading) -> bundle.Model:
    """Return an untrained model whose logits differ enough to decide."""
    labels = LABELS.get(kind_of(task), ("bad", "good"))
    part = registry.load("tasks", task)
    network = loading.load_model(folder, part.AUTO_CLASS, **part.head(labels))
    with torch.no_grad():
        output = output_layer(network, network.config.num_labels)
        output.weight.normal_(0, 2, generator=torch.Generator().manual_seed(3))
    spec = bundle.Spec(task, labels, Reading(48, window_overlap_tokens=8, **reading))
    return bundle.Model(network, loading.load_tokenizer(folder), spec, device="cpu")


@pytest.fixture(params=NAMES)
def task(request):
    return request.param


def same(a, b, tolerance=1e-4) -> None:
    """Compare predictions, numbers up to rounding."""
    assert a.labels == b.labels
    if a.kind == "regression":
        np.testing.assert_allclose(a.decided, b.decided, atol=tolerance)
    else:
        assert a.names == b.names
    if a.scores is not None:
        np.testing.assert_allclose(a.scores, b.scores, atol=tolerance)
    if a.kind == "ner":
        scores = [[[s["score"] for s in spans] for spans in p.decided] for p in (a, b)]
        for one, other in zip(*scores, strict=True):
            np.testing.assert_allclose(one, other, atol=tolerance)


@pytest.mark.parametrize("architecture", ["bert", "xlm-roberta"])
def test_batched_is_single_and_padded_is_unpadded(task, architecture, encoder):
    model = model_of(task, encoder(architecture))
    together = model.predictions(records(task))
    assert len(together) == len(TEXTS)
    for row in range(len(TEXTS)):
        same(model.predictions(records(task, [row])), together.take([row]))


def test_it_says_what_its_answers_look_like(task, encoder):
    part = registry.load("tasks", task)
    assert part.KIND == kind_of(task) != "unlabelled"
    assert model_of(task, encoder("bert")).predictions(records(task)).kind == part.KIND


def test_rows_keep_their_order(task, encoder):
    model = model_of(task, encoder("bert"))
    rows = [4, 0, 5, 2, 1, 3]
    same(model.predictions(records(task, rows)), model.predictions(records(task)).take(rows))


def test_saved_and_loaded_predicts_the_same(task, encoder, tmp_path):
    model = model_of(task, encoder("bert"))
    part = registry.load("tasks", task)
    encoded = model.encode(TEXTS)
    targets = part.targets(records(task), model.labels, encoded)
    decision = part.decision(model.learner.logits(encoded), targets, encoded, model.labels)
    model.spec = dataclasses.replace(model.spec, decision=decision)
    bundle.save(model, tmp_path / "model")
    again = bundle.load(tmp_path / "model", device="cpu")
    same(again.predictions(records(task)), model.predictions(records(task)), 1e-6)


def test_nothing_in_nothing_out(task, encoder):
    assert len(model_of(task, encoder("bert")).predictions(records(task, []))) == 0


@pytest.mark.parametrize(
    ("loss", "weights"), [("cross_entropy", "none"), ("focal", "balanced"), ("cross_entropy", "sqrt")]
)
def test_learns_its_targets(task, loss, weights, encoder):
    """Sixty steps on six texts: the loss falls, and the targets come back."""
    if task == "regression" and (loss, weights) != ("cross_entropy", "none"):
        pytest.skip("numbers have no classes")
    part = registry.load("tasks", task)
    model = model_of(task, encoder("bert"))
    encoded, labels = model.encode(TEXTS), model.labels
    given = records(task)
    targets = part.targets(given, labels, encoded)
    network = model.learner.model
    output = output_layer(network, network.config.num_labels)
    objective = part.objective(targets, output.out_features, TrainConfig(loss=loss, class_weights=weights))
    finish = part.begin(output, targets, lambda: model.learner.logits_and_vectors(encoded)[1])
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    windows = np.arange(encoded.num_windows)
    batch = collate(encoded, windows, model.learner.pad_id, np.arange(len(TEXTS)))
    truth = targets
    if part.UNIT == "token":
        truth = np.full(batch.input_ids.shape, -100)
        for row in windows:
            begin, end = encoded.starts[row], encoded.starts[row + 1]
            truth[row, : end - begin] = targets[begin:end]
    losses = []
    for _ in range(60):
        loss_value = objective(model.learner.forward(batch), torch.from_numpy(truth))
        loss_value.backward()
        optimiser.step()
        optimiser.zero_grad()
        losses.append(float(loss_value.detach()))
    finish()
    assert losses[-1] < losses[0] / 3
    logits = model.learner.logits(encoded)
    decision = part.decision(logits, targets, encoded, labels)
    found = part.decode(logits, encoded, labels, TEXTS, decision)
    if task == "regression":
        np.testing.assert_allclose(found.names, TARGETS[task], atol=0.5)
    else:
        assert found.names == TARGETS[task]
