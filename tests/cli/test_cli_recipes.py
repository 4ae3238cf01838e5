"""The recipes of adaptation as a user runs them: from their files, with data where they say it lies."""

import gzip
import json
from pathlib import Path

import pytest

import tiny

RECIPES = Path(__file__).parents[2] / "recipes" / "adapt"
SMALL = {
    **tiny.ADAPT,
    "adapt.objective": "contrastive",
    "adapt.probe_labels": "[16]",
    "adapt.probe_seeds": 2,
    "train.epochs": 0.2,
}


def write_data(folder):
    """Write corpora and labelled texts under the names the recipes give them."""
    folder.mkdir()
    corpus = "\n".join(json.dumps({"text": text}) for text in tiny.documents())
    for name in ("contracts", "court_decisions"):
        (folder / f"{name}.jsonl.gz").write_bytes(gzip.compress(corpus.encode()))
    rows = tiny.some(90)
    for name, part in (("train", rows[:60]), ("test", rows[60:])):
        clauses = [json.dumps({"text": t, "label": label, "contract": t[:9]}) for t, label in part]
        (folder / f"cuad_clauses_{name}.jsonl").write_text("\n".join(clauses))
        sentences = ["\n".join(f"{w} {'B-X' if w == 'the' else 'O'}" for w in t.split()) for t, _ in part]
        (folder / f"ler_{name}.conll").write_text("\n\n".join(sentences) + "\n")


@pytest.mark.parametrize("recipe", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_an_adaptation_and_what_is_built_on_it(cli, encoder, tmp_path, monkeypatch, recipe):
    monkeypatch.chdir(tmp_path)
    write_data(tmp_path / "data")
    settings = [f"--set={name}={value}" for name, value in SMALL.items()]
    done = cli("adapt", "--config", recipe, "--model", encoder("bert"), *settings)
    assert done.code == 0, done.err
    assert "Held-out documents: loss" in done.out
    assert "16 labels, 2 trainings" in done.out
    command = done.out.strip().splitlines()[-1]
    model = command.removeprefix("  feinschliff train DATA --model ")
    assert model == str(tmp_path / "runs" / recipe.stem / "model")
    quick = [f"--set={n}={v}" for n, v in tiny.QUICK.items() if not isinstance(v, tuple)]
    probed = json.loads((tmp_path / "runs" / recipe.stem / "result.json").read_text())
    data = probed["config"]["adapt"]["probe"][0]
    done = cli("train", data, "--model", model, *quick, "--set", "evaluate.baselines=[majority]")
    assert done.code == 0, done.err
