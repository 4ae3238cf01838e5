"""A task is one file: two new ones, put beside the others, are trained, measured, exported and served."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import feinschliff
import tiny

GRADES = '''"""Grades: labels with an order, where what is far off costs more."""

import torch

from feinschliff.tasks.classification import *  # noqa: F403
from feinschliff.tasks.classification import AUTO_CLASS, KIND, PIPELINE_TAG, UNIT  # noqa: F401

TITLE = "Grades"


def objective(targets, num_labels, settings):
    """Return how far off the answer is expected to be, beside the usual loss."""
    place = torch.arange(num_labels)

    def loss(logits, targets):
        far = (place - targets[:, None]).abs()
        usual = torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
        return usual + (logits.softmax(1) * far).sum()

    return loss
'''
TERMS = '''"""Terms: spans of the text, named otherwise than entities."""

from feinschliff.tasks.ner import *  # noqa: F403
from feinschliff.tasks.ner import AUTO_CLASS, KIND, PIPELINE_TAG, UNIT  # noqa: F401

TITLE = "Terms"
'''
USE = """
import json, sys
from pathlib import Path

from fastapi.testclient import TestClient

from feinschliff import cli
from feinschliff.serve.app import create_app
from feinschliff.serve.service import Service
from feinschliff.serve.settings import Limits
from feinschliff.serve.shelf import Shelf, named



def main(arguments):
    try:
        return cli.main(arguments)
    except SystemExit as end:
        return end.code or 0


task, data, encoder, out = sys.argv[1:]
run, export = f"{out}/run", f"{out}/onnx"
settings = ["train.epochs=2", "train.batch_size=16", "model.max_length_tokens=32", "train.precision=float32"]
settings += ["evaluate.bootstrap_samples=100", "evaluate.explain_texts=4", "evaluate.robustness_texts=10"]
options = [part for setting in settings for part in ("--set", setting)]
codes = {
    "audit": main(["audit", data, "--task", task]),
    "train": main(["train", data, "--task", task, "--model", encoder, "--output-dir", run, *options]),
    "again": main(["train", "--config", f"{run}/config.yaml", "--output-dir", f"{out}/again"]),
    "compare": main(["compare", run, f"{out}/again", "--html", f"{out}/both.html"]),
    "evaluate": main(["evaluate", run, data]),
    "predict": main(["predict", run, data, "-o", f"{out}/said.jsonl", "--fast", "--explain"]),
    "export": main(["export", run, "-o", export]),
}
with TestClient(create_app(Service(Shelf(named([f"new={run}", f"export={export}"])), Limits()))) as client:
    about = client.get("/models/new").json()
    paths = ["/models/new/predict", "/models/export/predict", "/models/new"]
    status = [client.post(path, json={"inputs": "the soup was wonderful."}).status_code for path in paths]
found = json.loads(Path(run, "result.json").read_text())
print(json.dumps({"codes": codes, "about": about, "status": status, "found": found}))
"""


def records(task: str) -> str:
    """Return JSON Lines for a task."""
    rows = []
    for text, label in tiny.some(90):
        first = {"start": 0, "end": len(text.split()[0]), "label": label}
        rows.append({"text": text, **({"label": label} if task == "grades" else {"spans": [first]})})
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize(
    ("task", "code", "kind"), [("grades", GRADES, "classification"), ("terms", TERMS, "ner")]
)
def test_one_file_is_all_it_takes(task, code, kind, encoder, tmp_path):
    package = tmp_path / "package" / "feinschliff"
    skipped = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(feinschliff.__file__).parent, package, ignore=skipped)
    (package / "tasks" / f"{task}.py").write_text(code)
    (tmp_path / "data.jsonl").write_text(records(task))
    done = subprocess.run(
        [sys.executable, "-c", USE, task, tmp_path / "data.jsonl", encoder("bert"), tmp_path],
        env={**os.environ, "PYTHONPATH": str(package.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert set(said["codes"].values()) == {0}, (said["codes"], done.stderr)
    assert said["status"] == [200, 200, 200]
    assert (said["about"]["task"], said["about"]["kind"]) == (task, kind)
    assert (said["found"]["task"], len(said["found"]["systems"])) == (task, 4)
    card = (tmp_path / "run" / "model" / "README.md").read_text()
    assert f"fine-tuned with Feinschliff for {task}" in card
    row = json.loads((tmp_path / "said.jsonl").read_text().splitlines()[0])
    assert ("spans" in row) == (kind == "ner")
