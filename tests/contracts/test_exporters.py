"""An export answers as the original does, without torch, or is not kept."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest
from test_tasks import TEXTS, model_of, records

from feinschliff import bundle, registry
from feinschliff.errors import ConfigError
from feinschliff.exporters import _gate

CASES = [
    ("classification", "bert"),
    ("multilabel", "roberta"),
    ("regression", "deberta-v2"),
    ("ner", "modernbert"),
]


@pytest.mark.parametrize("target", registry.names("exporters"))
@pytest.mark.parametrize(("task", "architecture"), CASES)
def test_every_task_is_answered_alike(target, task, architecture, encoder, tmp_path):
    model = model_of(task, encoder(architecture))
    registry.load("exporters", target).export(model, tmp_path, "float32")
    again = bundle.load(tmp_path)
    assert again.encode(TEXTS).input_ids.tolist() == model.encode(TEXTS).input_ids.tolist()
    found = _gate.check(model, again, records(task))
    assert found["equal"] == 1
    assert found["loss"] < 1e-6
    assert (found["largest_difference"] or 0) < 1e-4


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
