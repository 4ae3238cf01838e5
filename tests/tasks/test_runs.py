"""Each task from a file to a model folder that transformers reads the same way."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

import tiny
from feinschliff import bundle
from feinschliff.config import TrainConfig, load_config
from feinschliff.data import Records
from feinschliff.errors import ConfigError, DataError
from feinschliff.pipeline import run
from feinschliff.tasks import regression

WORDS = {"soup": "food", "film": "art", "phone": "thing", "hose": "thing", "hotel": "place"}


def write(path: Path, rows) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def texts() -> list[str]:
    return [text for text, _ in tiny.some(120)]


def documents() -> list[str]:
    """Three sentences each, which is more than a window holds."""
    sentences = [text for text, _ in tiny.some(360)]
    return [" ".join(sentences[i : i + 3]) for i in range(0, len(sentences), 3)]


def multilabel(text: str) -> list[str]:
    return sorted({name for name in ("wonderful", "today", "phone") if name in text})


def spans(text: str) -> list[dict]:
    return [
        {"start": found.start(), "end": found.end(), "label": WORDS[found.group()]}
        for found in re.finditer("|".join(WORDS), text)
    ]


def numbers(text: str) -> float:
    """Prices around 1,000: far from what a new head puts out."""
    return 1000.5 + 200 * ("phone" in text) - 150 * ("soup" in text)


@pytest.fixture(scope="module")
def finished(encoder, tmp_path_factory):
    """Give the folder of a run per task, made once."""
    targets = {
        "multilabel": ("labels", multilabel),
        "ner": ("spans", spans),
        "regression": ("price", numbers),
    }
    made: dict[str, Path] = {}

    def folder(task: str) -> Path:
        if task not in made:
            root = tmp_path_factory.mktemp(task)
            name, target = targets[task]
            rows = documents() if task == "ner" else texts()
            data = write(root / "data.jsonl", [{"text": t, name: target(t)} for t in rows])
            settings = {"task": task, "data.text": "text", "data.label": name, "train.epochs": 12}
            if (
                task == "ner"
            ):  # documents in windows; the others fit, for transformers has no windows for them
                settings |= {"model.max_length_tokens": 24, "model.window_overlap_tokens": 8}
            run(tiny.config(encoder("bert"), data, root / "run", **settings))
            made[task] = root / "run"
        return made[task]

    return folder


def reference(folder: Path, task: str, **options):
    """Return what `transformers.pipeline` says about all texts."""
    from transformers import pipeline

    return pipeline(task, model=str(folder / "model"), device="cpu")(texts(), **options)


def score(folder: Path, metric: str) -> float:
    return json.loads((folder / "result.json").read_text())["metrics"]["test"][metric]["value"]


def test_regression_gives_the_users_unit_everywhere(finished):
    folder = finished("regression")
    assert score(folder, "pearson") > 0.9
    assert score(folder, "rmse") < 80
    ours = [p.label for p in bundle.load(folder).predict(texts())]
    theirs = [row["score"] for row in reference(folder, "text-classification")]
    np.testing.assert_allclose(ours, theirs, atol=0.01)


def test_numbers_far_from_zero_keep_their_digits_in_bfloat16():
    layer = torch.nn.Linear(4, 1)
    inputs = torch.randn(32, 4)
    plain = layer(inputs).detach()
    finish = regression.begin(layer, np.array([2019.0, 2021.0]), lambda: inputs.numpy())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = layer(inputs)
    finish()
    assert (found - 2020 - plain).abs().max() < 0.05


def test_numbers_learnt_once_are_learnt_further(finished, tmp_path):
    folder = finished("regression")
    data = write(tmp_path / "more.jsonl", [{"text": t, "price": numbers(t)} for t in texts()])
    settings = {"task": "regression", "data.text": "text", "data.label": "price", "train.epochs": 12}
    run(tiny.config(folder / "model", data, tmp_path / "run", **settings))
    assert score(tmp_path / "run", "rmse") < 80


def test_an_output_without_a_bias_begins_near_the_mean():
    layer = torch.nn.Linear(8, 1, bias=False)
    inputs = torch.randn(64, 8) * 0.1 + torch.arange(8)
    around = np.random.default_rng(0).normal(40, 4, 64)
    finish = regression.begin(layer, around, lambda: inputs.numpy())
    begun = layer(inputs).detach()
    finish()
    assert (begun - 40).abs().max() < 8
    assert torch.allclose(layer(inputs), begun, atol=1e-3)
    with pytest.raises(DataError, match=r"near 2,?02\d .*no bias.*Subtract 202\d from all of them"):
        regression.begin(layer, around + 1985, lambda: inputs.numpy())


def test_numbers_that_need_more_digits_are_refused():
    times = Records(pa.table({"text": ["a", "b", "c"], "target": [1_700_000_000.0 + n for n in range(3)]}))
    with pytest.raises(DataError, match="near 1700000001 .* compute with 7 digits. Subtract 1700000001 from"):
        regression.notes(times, regression.targets(times, (), None), None, ())
    same = Records(pa.table({"text": ["a", "b"], "target": [0.1, 0.1]}))
    assert regression.notes(same, regression.targets(same, (), None), None, ()) == []


def test_multilabel_gives_the_same_probabilities(finished):
    folder = finished("multilabel")
    assert score(folder, "micro_f1") > 0.9
    model = bundle.load(folder)
    assert len(model.spec.decision["thresholds"]) == 3
    theirs = [
        {row["label"]: row["score"] for row in rows}
        for rows in reference(folder, "text-classification", top_k=None)
    ]
    for prediction, other in zip(model.predict(texts()), theirs, strict=True):
        assert prediction.probabilities == pytest.approx(other, abs=1e-4)
        limits = zip(model.labels, model.spec.decision["thresholds"], strict=True)
        assert prediction.label == [name for name, limit in limits if other[name] >= limit]


def test_ner_gives_the_same_spans(finished):
    folder = finished("ner")
    assert score(folder, "entity_f1") > 0.9
    theirs = reference(folder, "token-classification", aggregation_strategy="first")
    for prediction, rows in zip(bundle.load(folder).predict(texts()), theirs, strict=True):
        ours = [(s["start"], s["end"], s["label"]) for s in prediction.spans]
        assert ours == [(r["start"], r["end"], r["entity_group"]) for r in rows]


def test_words_are_as_wide_as_the_entities_allow_and_stay_so(finished, encoder, tmp_path):
    assert bundle.load(finished("ner")).spec.reading.words == "wide"
    rows = [{"text": re.sub(r"(soup|film)", r"\1-lover", t), "spans": spans(t)} for t in documents()]
    data = write(tmp_path / "data.jsonl", rows)
    settings = {"task": "ner", "data.text": "text", "data.label": "spans", "train.epochs": 1}
    cut = tiny.config(encoder("bert"), data, tmp_path / "run", **settings)
    run(cut)
    assert bundle.load(tmp_path / "run").spec.reading.words == "narrow"
    assert load_config(tmp_path / "run/config.yaml").model.words == "narrow"


def test_ner_reads_a_text_of_any_length(finished):
    text = "\n".join(documents())
    (found,) = bundle.load(finished("ner")).predict([text])
    ours = [(s["start"], s["end"], s["label"]) for s in found.spans]
    wanted = [(s["start"], s["end"], s["label"]) for s in spans(text)]
    assert ours == sorted(ours)
    assert len(set(ours) & set(wanted)) > 0.9 * max(len(ours), len(wanted))
    assert wanted[-1] in ours


@pytest.mark.parametrize(
    ("name", "value"), [("loss", "focal"), ("class_weights", "sqrt"), ("label_smoothing", 0.1)]
)
def test_settings_of_labels_are_refused_for_numbers(name, value):
    with pytest.raises(ConfigError, match=rf"^train\.{name}: has no effect"):
        regression.objective(np.ones(3), 1, TrainConfig(**{name: value}))
