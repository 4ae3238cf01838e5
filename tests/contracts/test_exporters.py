"""An export answers as the original does, without torch, or is not kept."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from test_tasks import TEXTS, model_of, records

import tiny
from feinschliff import bundle, registry
from feinschliff.data import Records
from feinschliff.errors import ConfigError
from feinschliff.exporters import _gate, _int8

CASES = [
    ("classification", "bert"),
    ("classification", "albert"),
    ("classification", "xlm-roberta"),
    ("multilabel", "roberta"),
    ("multilabel", "mpnet"),
    ("regression", "deberta-v2"),
    ("regression", "distilbert"),
    ("ner", "modernbert"),
    ("ner", "electra"),
]
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "run_onnx.py"
RULES = {
    "classification": {"least": [0.9, 0.55], "possible": {"coverage": 0.9, "threshold": 0.3}},
    "multilabel": {"thresholds": [0.3, 0.8]},
    "regression": {"possible": {"coverage": 0.9, "threshold": 0.7}},
    "ner": {"spans": {"slope": 1.5, "intercept": -0.2}, "least": [0.4, 0.7]},
}


@pytest.mark.parametrize("target", registry.names("exporters"))
@pytest.mark.parametrize(("task", "architecture"), CASES)
def test_every_task_is_answered_alike(target, task, architecture, encoder, tmp_path):
    model = model_of(task, encoder(architecture))
    model.spec = dataclasses.replace(model.spec, decision=RULES[task])
    registry.load("exporters", target).export(model, tmp_path, "float32")
    again = bundle.load(tmp_path)
    assert again.encode(TEXTS).input_ids.tolist() == model.encode(TEXTS).input_ids.tolist()
    found = _gate.check(model, again, records(task))
    assert found["equal"] == 1
    assert found["loss"] < 1e-6
    assert (found["largest_difference"] or 0) < 1e-4
    before, after = (m.predictions(records(task)) for m in (model, again))
    for one, other in ((before.answered, after.answered), (before.possible, after.possible)):
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("target", registry.names("exporters"))
def test_what_a_target_cannot_write_is_refused(target, cli_main, trained, monkeypatch, capsys):
    module = registry.load("exporters", target)
    monkeypatch.setattr(module, "PRECISIONS", ("float32",))
    assert cli_main("export", trained, "--to", target, "--fp16") == 2
    assert "cannot be written in float16" in capsys.readouterr().err
    monkeypatch.setattr(module, "PRECISIONS", ("float32", "int8"))
    monkeypatch.setattr(module, "export", lambda model, folder, precision, texts=None: None)
    assert cli_main("export", trained, "--to", target, "--int8", "--recheck") == 2
    assert "cannot check decisions" in capsys.readouterr().err


def test_pairs_are_read_as_pairs(encoder, tmp_path):
    model = model_of("classification", encoder("bert"), pairs=True)
    registry.load("exporters", "onnx").export(model, tmp_path, "float32")
    expected = model.predict_proba(TEXTS, TEXTS[::-1])
    np.testing.assert_allclose(bundle.load(tmp_path).predict_proba(TEXTS, TEXTS[::-1]), expected, atol=1e-4)


@pytest.mark.parametrize(("task", "architecture"), [("classification", "bert"), ("ner", "modernbert")])
def test_calibrated_int8_is_close_and_does_not_depend_on_the_batch(task, architecture, encoder, tmp_path):
    model = model_of(task, encoder(architecture))
    rows = records(task)
    registry.load("exporters", "onnx").export(model, tmp_path, "int8", rows)
    again = bundle.load(tmp_path)
    encoded = model.encode(TEXTS)
    exact, found = (m.learner.logits(encoded) for m in (model, again))
    assert 0 < np.abs(found - exact).max() < 0.15 * np.abs(exact).max()
    one = again.encode([TEXTS[2]])
    begin = encoded.starts[encoded.first_window[2]]
    alone = again.learner.logits(one)
    together = found[begin : begin + len(alone)] if task == "ner" else found[2:3]
    np.testing.assert_allclose(alone, together, atol=1e-4)
    assert json.loads((tmp_path / "export.json").read_text())["calibration_texts"] == len(TEXTS)


@pytest.mark.parametrize("task", ["classification", "multilabel", "ner"])
def test_rechecked_int8_decides_as_float32(task, encoder, tmp_path):
    model = model_of(task, encoder("bert"))
    rows = Records(pa.table({"id": (texts := [t for t, _ in tiny.some(150)]), "text": texts}))
    with torch.no_grad():  # so that every label is given
        encoded = model.encode(texts)
        model.learner.model.classifier.bias -= torch.from_numpy(model.learner.logits(encoded).mean(0))
    registry.load("exporters", "onnx").export(model, tmp_path, "int8", records(task), recheck=True)
    again = bundle.load(tmp_path)
    graph = again.learner.forward
    rng = np.random.default_rng(0)

    def worse(batch):
        logits = graph(batch)
        return logits + rng.uniform(-0.4, 0.4, logits.shape).astype(np.float32)

    again.learner.forward = worse
    plain, drafted = model.predictions(rows), again.predictions(rows)
    assert drafted.names == plain.names
    assert task == "ner" or again.learner.check.compared < 64 + 150  # not all of them
    (tmp_path / "float32.onnx").unlink()
    alone = bundle.load(tmp_path)
    assert not hasattr(alone.learner, "check")
    graph, alone.learner.forward = alone.learner.forward, worse
    assert alone.predictions(rows).names != plain.names


def test_an_export_with_two_digits_everywhere_runs(encoder, tmp_path, monkeypatch):
    monkeypatch.setattr(_int8, "TOLERANCE", 0.0)
    model = model_of("classification", encoder("bert"))
    registry.load("exporters", "onnx").export(model, tmp_path, "int8", records("classification"))
    encoded = model.encode(TEXTS)
    exact, found = (m.learner.logits(encoded) for m in (model, bundle.load(tmp_path)))
    assert np.abs(found - exact).max() < 0.05 * np.abs(exact).max()


def test_channels_far_apart_and_stubborn_errors_are_mended():
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((400, 64)).astype(np.float32)
    weights = rng.standard_normal((64, 32)).astype(np.float32)
    uneven = rows * np.where(np.arange(64) == 5, 200, 1)
    wild = rows * np.exp(2.5 * rng.standard_normal((400, 1)))  # some tokens far larger than the others

    def error(rows, rule):
        integers, scales = _int8.quantised_weights(weights, rule.factors)
        exact = rows @ weights
        return (
            np.square(_int8._rounded(rows, rule) @ (integers * scales) - exact).mean()
            / np.square(exact).mean()
        )

    for values in (rows, uneven):
        rule = _int8.choose(_int8.Seen(values.min(0), values.max(0), [values]), weights)
        assert error(values, rule) < _int8.TOLERANCE or rule.two
    even = _int8.choose(_int8.Seen(uneven.min(0), uneven.max(0), [uneven]), weights)
    assert even.factors is not None or even.two
    plain = _int8._rule(_int8.Seen(wild.min(0), wild.max(0), [wild]), weights, None)
    assert error(wild, dataclasses.replace(plain, two=True)) < error(wild, plain) / 2


def test_half_precision_is_half_the_size(encoder, tmp_path):
    onnx = pytest.importorskip("onnx")
    model = model_of("classification", encoder("bert"))
    exporter = registry.load("exporters", "onnx")
    for precision in ("float32", "float16"):
        (tmp_path / precision).mkdir()
        exporter.export(model, tmp_path / precision, precision)
    sizes = [
        sum(len(t.raw_data) for t in onnx.load(tmp_path / p / "model.onnx").graph.initializer)
        for p in ("float16", "float32")
    ]
    assert sizes[0] < 0.6 * sizes[1]
    found = bundle.load(tmp_path / "float16").predict_proba(TEXTS)
    np.testing.assert_allclose(found, model.predict_proba(TEXTS), atol=0.02)


@pytest.mark.parametrize(
    ("task", "rules"),
    [
        ("classification", RULES["classification"]),
        ("classification", {"costs": [[0, 30], [1, 0]], "unsure_cost": 0.4}),
        ("classification", {"costs": [[0, 30], [1, 0]], "unsure_cost": None}),
        ("classification", {"weights": [30.0, 1.0]}),
        ("multilabel", RULES["multilabel"]),
    ],
)
def test_the_example_runs_an_export_without_torch_or_feinschliff(task, rules, encoder, tmp_path):
    model = model_of(task, encoder("bert"))
    plain = [p.label for p in model.predict(TEXTS)]
    model.spec = dataclasses.replace(model.spec, decision=rules)
    registry.load("exporters", "onnx").export(model, tmp_path, "float32")
    code = (
        "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0]);"
        "assert not {'torch', 'transformers', 'feinschliff'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(EXAMPLE), str(tmp_path), *TEXTS],
        capture_output=True,
        text=True,
        check=True,
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    expected = model.predict(TEXTS)
    assert [row["label"] for row in found] == [p.label for p in expected]
    assert [row["label"] for row in found] != plain, "the rules decide nothing"
    for row, p in zip(found, expected, strict=True):
        assert row["scores"] == pytest.approx(p.probabilities, abs=1e-4)


def test_the_example_refuses_what_it_cannot_read(encoder, tmp_path):
    registry.load("exporters", "onnx").export(model_of("regression", encoder("bert")), tmp_path, "float32")
    done = subprocess.run([sys.executable, EXAMPLE, tmp_path, "x"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "classification and multilabel of single texts, not regression" in done.stderr


def test_int8_from_the_command_line(cli_main, trained, toy_csv, tmp_path, capsys):
    assert cli_main("export", trained, "--int8", "-o", tmp_path / "a", "--max-loss", "0.1") == 0
    facts = json.loads((tmp_path / "a" / "export.json").read_text())
    assert facts["precision"] == "int8"
    assert facts["checked"]["texts"] > 0
    assert facts["calibration_texts"] == 120 - facts["checked"]["texts"]  # the run's file without test
    capsys.readouterr()
    model = shutil.copytree(trained / "model", tmp_path / "alone" / "model")
    options = ("--int8", "--data", toy_csv, "--label", "label", "--max-loss", "0.1")
    assert cli_main("export", model, *options, "-o", tmp_path / "b") == 0
    assert "no training texts to calibrate with" in capsys.readouterr().err
    assert cli_main("export", model, *options, "-o", tmp_path / "c", "--calibrate", toy_csv) == 0
    assert json.loads((tmp_path / "c" / "export.json").read_text())["calibration_texts"] == 120
    assert cli_main("export", trained, "--int8", "--recheck", "-o", tmp_path / "e", "--max-loss", "0") == 0
    assert json.loads((tmp_path / "e" / "export.json").read_text())["checked"]["equal"] == 1
    assert (tmp_path / "e" / "float32.onnx").is_file()
    assert not (tmp_path / "a" / "float32.onnx").exists()
    assert cli_main("export", model, "--recheck", "-o", tmp_path / "d") == 2
    assert "only --int8 has decisions to check" in capsys.readouterr().err
    assert cli_main("export", model, "--calibrate", toy_csv, "-o", tmp_path / "d") == 2
    assert cli_main("export", model, "--int8", "--fp16", "-o", tmp_path / "d") == 2


def test_overflow_is_avoided_only_where_there_is_one(tmp_path):
    from feinschliff.models.onnx import _adds_in_full

    facts = tmp_path / "cpuinfo"
    assert not _adds_in_full(facts)
    for flags, found in (
        ("sse2 avx2 avx512f", False),
        ("avx2 avx512_vnni amx_int8", True),
        ("avx_vnni", True),
    ):
        facts.write_text(f"processor : 0\nflags\t\t: fpu {flags}\nbugs : none\n", encoding="utf-8")
        assert _adds_in_full(facts) == found


def test_a_difference_is_found(encoder):
    model, other = (model_of("classification", encoder(name)) for name in ("bert", "electra"))
    found = _gate.check(model, other, records("classification"))
    assert len(found["differences"]) == round((1 - found["equal"]) * len(TEXTS)) > 0


def test_the_runtime_needs_no_torch_and_an_export_is_not_overwritten(cli_main, trained, tmp_path):
    assert cli_main("export", trained, "--to", "onnx", "-o", tmp_path / "a", "--json") == 0
    code = (
        "import sys, feinschliff; m = feinschliff.load(sys.argv[1]); p = m.predict([sys.argv[2]])[0];"
        "print(p.label, [n for n in ('torch', 'transformers') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a"), TEXTS[0]],
        capture_output=True,
        text=True,
        check=True,
    )
    expected = bundle.load(trained).predict([TEXTS[0]])[0].label
    assert done.stdout.strip() == f"{expected} []"
    with pytest.raises(ConfigError, match="no gradients"):
        bundle.load(tmp_path / "a").explain(TEXTS[:1])
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_text("".join(json.dumps({"text": t}) + "\n" for t in TEXTS), encoding="utf-8")
    assert cli_main("export", trained, "-o", tmp_path / "a", "--data", wrong) == 2


def test_an_export_that_answers_otherwise_is_refused(cli_main, trained, tmp_path, monkeypatch, capsys):
    from feinschliff.bundle import OnnxModel

    honest = OnnxModel.predictions

    def wrong(self, records, progress=None):
        found = honest(self, records, progress)
        return dataclasses.replace(found, decided=1 - found.decided)

    monkeypatch.setattr(OnnxModel, "predictions", wrong)
    assert cli_main("export", trained, "-o", tmp_path / "a") == 4
    assert not (tmp_path / "a").exists()
    assert "was not kept" in capsys.readouterr().err


@pytest.fixture
def cli_main():
    import signal

    from feinschliff.cli import main

    hook, handler = sys.excepthook, signal.getsignal(signal.SIGTERM)

    def run(*arguments):
        try:
            return main([str(a) for a in arguments])
        except SystemExit as end:
            return end.code or 0

    yield run
    sys.excepthook = hook
    signal.signal(signal.SIGTERM, handler)
