"""Two processes that share a model out train as one does, and leave an ordinary model."""

import json

import numpy as np
import pytest
from safetensors.torch import load_file

import tiny
from feinschliff import pipeline
from feinschliff.train.events import Step
from several import Pair, arguments


def of_one(config):
    """Train in this process; return what the steps were."""
    losses = []

    def note(event):
        if isinstance(event, Step):
            losses.append((event.step, event.loss, event.tokens))

    pipeline.run(config, listen=note)
    return np.array(losses)


def of_two(config, folder):
    """Train in two processes that share the model out; return what the steps were."""
    train = config.train.model_copy(update={"sharding": "full"})
    two = config.model_copy(update={"output_dir": str(folder / "two"), "train": train})
    pair = Pair(folder, *arguments(two, folder / "two.yaml"))
    codes, said = pair.end()
    assert codes == [0, 0], said
    assert not pair.steps(1)
    return np.array(pair.steps())


CASES = {
    "bert": ("bert", {"train.micro_batch_tokens": 64, "train.batch_size": 9}),
    "albert": ("albert", {}),
    "modernbert": ("modernbert", {}),
    "deberta": ("deberta-v2", {}),
    "lora": ("roberta", {"train.method": "lora", "train.lora_rank": 4}),
    "frozen": ("distilbert", {"train.freeze_layers": 1}),
    "unfreezing": ("electra", {"train.unfreeze_share": 0.5}),
    "seeds": ("bert", {"train.seeds": 2, "train.epochs": 2}),
}


@pytest.mark.parametrize("case", CASES)
def test_two_processes_give_the_losses_of_one(case, encoder, toy_csv, tmp_path):
    name, settings = CASES[case]
    config = tiny.config(encoder(name), toy_csv, tmp_path / "one", **settings)
    expected, found = of_one(config), of_two(config, tmp_path)
    np.testing.assert_allclose(found, expected, rtol=5e-4)
    one, two = (load_file(tmp_path / n / "model" / "model.safetensors") for n in ("one", "two"))
    assert {n: t.shape for n, t in one.items()} == {n: t.shape for n, t in two.items()}
    assert max(float((one[n] - two[n]).abs().max()) for n in one) < 2e-3
    results = [json.loads((tmp_path / n / "result.json").read_text()) for n in ("one", "two")]
    scores = [r["metrics"]["test"]["log_loss"]["value"] for r in results]
    assert scores[0] == pytest.approx(scores[1], rel=1e-3)
