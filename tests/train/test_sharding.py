"""Two processes that share a model out train as one does, and leave an ordinary model."""

import json
import os
import shutil
import signal

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from workbench import bench, same

import tiny
from feinschliff import pipeline
from feinschliff.adapt.run import run as adapt
from feinschliff.config import load_config
from feinschliff.errors import MEMORY_SIGNS, ConfigError, ResourceError
from feinschliff.train.events import Step
from feinschliff.train.processes import Processes, is_lost, together
from feinschliff.train.sharding import asked, check, is_sharded, like, sharded, whole
from forks import server
from several import Pair, arguments, free_port


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Give a file of 50 labelled sentences: every step of two processes waits for both, many times."""
    return tiny.write_csv(tmp_path_factory.mktemp("data") / "few.csv", 50)


def of_one(config):
    """Train in this process; return what the steps were."""
    losses = []

    def note(event):
        if isinstance(event, Step):
            losses.append((event.step, event.loss, event.tokens))

    pipeline.run(config, listen=note)
    return np.array(losses)


def shared_out(config, output):
    train = config.train.model_copy(update={"sharding": "full"})
    return config.model_copy(update={"output_dir": str(output), "train": train})


def of_two(config, folder):
    """Train in two processes that share the model out; return what the steps were."""
    pair = Pair(folder, *arguments(shared_out(config, folder / "two"), folder / "two.yaml"))
    codes, said = pair.end()
    assert codes == [0, 0], said
    assert not pair.steps(1)
    return np.array(pair.steps())


NUMBERS = [{"text": f"{'very ' * (i % 5)}good {i}", "label": (i % 5) + 0.5 * (i % 2)} for i in range(60)]
NAMES = [
    {"text": f"Ann met {n} here.", "spans": [{"start": 8, "end": 8 + len(n), "label": "P"}]}
    for n in map(str, range(100, 160))
]
CASES = {
    "micro-batches": ("bert", {"train.micro_batch_tokens": 64, "train.batch_size": 9}),
    "layers used again, then stopped": (
        "albert",
        {"train.learning_rate": 1e-2, "train.batch_size": 5, "train.patience": 1, "train.epochs": 8},
    ),
    "frozen layers": ("modernbert", {"train.freeze_layers": 1}),
    "adapters": ("roberta", {"train.method": "lora", "train.lora_rank": 4}),
    "unfreezing": ("electra", {"train.unfreeze_share": 0.5}),
    "entities": ("distilbert", {"task": "ner", "train.micro_batch_tokens": 64, "train.dropout": 0}),
    "seeds, and an output of which a process has nothing": (
        "bert",
        {"task": "regression", "train.seeds": 2},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_two_processes_give_the_losses_of_one(case, encoder, few, tmp_path):
    name, settings = CASES[case]
    data = few
    if rows := {"ner": NAMES, "regression": NUMBERS}.get(settings.get("task")):
        data = tmp_path / "data.jsonl"
        data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = tiny.config(encoder(name), data, tmp_path / "one", **{"train.epochs": 2, **settings})
    expected, found = of_one(config), of_two(config, tmp_path)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)
    one, two = (load_file(tmp_path / n / "model" / "model.safetensors") for n in ("one", "two"))
    assert {n: t.shape for n, t in one.items()} == {n: t.shape for n, t in two.items()}
    assert max(float((one[n] - two[n]).abs().max()) for n in one) < 3e-3
    results = [json.loads((tmp_path / n / "result.json").read_text()) for n in ("one", "two")]
    for key in ("best_step", "stopped"):
        assert results[0]["training"][key] == results[1]["training"][key]
    assert (results[0]["training"]["stopped"] == "patience") == ("stopped" in case)


def test_a_sharded_run_goes_on_to_the_same_bits(encoder, few, tmp_path):
    """Interrupted by SIGTERM, then killed, then to the end; its checkpoints are those of any run."""
    settings = {"train.epochs": 6, "train.patience": 99, "train.checkpoint_minutes": 1e-3}
    config = tiny.config(encoder("bert"), few, tmp_path / "one", **settings)
    whole_run = Pair(tmp_path, *arguments(shared_out(config, tmp_path / "whole"), tmp_path / "w"))
    assert whole_run.end()[0] == [0, 0]
    (tmp_path / "steps-0.jsonl").unlink()
    pair = Pair(tmp_path, *arguments(shared_out(config, tmp_path / "run"), tmp_path / "c"))
    pair.wait_for_step(4)
    for process in pair.processes:
        os.kill(process.pid, signal.SIGTERM)
    codes, said = pair.end()
    assert codes == [130, 130], said
    assert "a checkpoint was written" in said[0]
    assert not said[1]
    before = max(step for step, *_ in pair.steps())
    pair = Pair(tmp_path, "train", "--resume", tmp_path / "run")
    pair.wait_for_step(before + 4)
    pair.processes[1].kill()
    codes, said = pair.end()
    assert codes == [1, -signal.SIGKILL], said
    assert "another process of this run ended or can no longer be reached" in said[0]
    assert f"feinschliff train --resume {tmp_path / 'run'}" in said[0]
    assert "Traceback" not in said[0]
    shutil.copytree(tmp_path / "run", tmp_path / "alone")
    alone = load_config(tmp_path / "alone" / "config.yaml", [f"output_dir={tmp_path / 'alone'}"])
    assert alone.train.sharding == "full"
    heard = []
    pipeline.run(alone, resume=True, listen=heard.append)
    assert "Resumed at step" in str(heard)
    assert Pair(tmp_path, "train", "--resume", tmp_path / "run").end()[0] == [0, 0]
    one, two = (load_file(tmp_path / n / "model" / "model.safetensors") for n in ("alone", "run"))
    assert max(float((one[n] - two[n]).abs().max()) for n in one) < 3e-3
    for name in ("model/model.safetensors", "predictions/test.jsonl"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def look_at_shares(rank, port, folder, encoder):
    """Be one of two processes that share a model out; write down what was seen."""
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ.update(shared, RANK=str(rank), LOCAL_RANK=str(rank))
    found = {}
    with together():
        work = bench(encoder)
        learner, before = work.model.learner, work.weights
        logits = learner.logits(work.encoded["dev"])
        with sharded(learner) as part:
            parameters = dict(part.model.named_parameters())
            local = sum(p.to_local().numel() for p in parameters.values())
            found["share"] = local / sum(p.numel() for p in parameters.values())
            found["logits"] = float(np.abs(part.logits(work.encoded["dev"]) - logits).max())
            found["sharded"] = is_sharded(part.model) and not is_sharded(learner.model)
            found["whole"] = all(torch.equal(whole(p), before[n]) for n, p in parameters.items())
            with torch.no_grad():
                for name, parameter in parameters.items():
                    parameter.copy_(like(before[name] + 1, parameter))
        found["after"] = same(work.weights, {n: t + 1 for n, t in before.items()})
        config = work.config.train.model_copy(update={"sharding": "full", "patience": 99})
        looks = iter([0.5, 0.9, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1])
        kept = {}

        def look(learner):
            score = next(looks)
            weights = {n: whole(p).detach().clone() for n, p in learner.model.named_parameters()}
            if score == 0.9:
                kept.update(weights)
            return {"score": score, "loss": 1.0}

        fitted, _ = work.fit(look, settings=config)
        found["best"] = fitted.progress.best_step
        now = dict(learner.model.named_parameters())
        found["kept"] = all(torch.equal(now[n], w) for n, w in kept.items() if "word_emb" not in n)
    (folder / f"found-{rank}.json").write_text(json.dumps(found))


def test_each_process_holds_half_and_the_best_weights_come_back(encoder, tmp_path):
    port, fork = free_port(), server()
    members = [
        fork.Process(target=look_at_shares, args=(rank, port, tmp_path, encoder("bert"))) for rank in (0, 1)
    ]
    for each in members:
        each.start()
    for each in members:
        each.join(120)
    for rank in (0, 1):
        found = json.loads((tmp_path / f"found-{rank}.json").read_text())
        assert found.pop("share") == pytest.approx(0.5, abs=0.01)
        assert found.pop("logits") < 1e-5
        assert found.pop("best") > 1
        assert found == {"sharded": True, "whole": True, "after": True, "kept": True}


def test_bfloat16_is_near_float32(encoder, few, tmp_path):
    config = tiny.config(encoder("bert"), few, tmp_path / "one", **{"train.epochs": 1})
    expected = of_one(config)
    half = config.model_copy(update={"train": config.train.model_copy(update={"precision": "bfloat16"})})
    np.testing.assert_allclose(of_two(half, tmp_path), expected, rtol=0.1)


def test_out_of_memory_says_what_to_set(encoder, monkeypatch):
    work = bench(encoder("bert"))

    def full(*_):
        raise RuntimeError(f"{MEMORY_SIGNS[0]}: tried to allocate 9 GiB")

    monkeypatch.setattr("feinschliff.train.loop._step", full)
    monkeypatch.setattr("feinschliff.train.loop.is_sharded", lambda model: True)
    monkeypatch.setattr("feinschliff.train.fit._kept_if_lost", None)
    with pytest.raises(ResourceError, match=r"Set train.micro_batch_tokens below 4096"):
        work.fit()


def test_what_does_not_go_together_is_said(encoder, few, tmp_path, monkeypatch):
    config = tiny.config(encoder("bert"), few, tmp_path / "run", **{"train.epochs": 0.1})
    assert asked(config.train) == "none"
    full = shared_out(config, tmp_path / "run")
    heard = []
    pipeline.run(full, listen=heard.append)
    assert "no effect on a single process" in str(heard)
    with pytest.raises(ConfigError, match="adapt does not share a model out"):
        adapt(full, ["one", "two"])
    narrow = full.train.model_copy(update={"precision": "float16"})
    with pytest.raises(ConfigError, match="float16 cannot be computed"):
        check(narrow, Processes(0, 2), heard.append)
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with together():
        assert asked(config.train) == "full"
        assert "ACCELERATE_USE_FSDP" not in os.environ
    assert os.environ["ACCELERATE_USE_FSDP"] == "true"


def test_only_a_broken_connection_is_a_lost_process():
    assert is_lost(
        RuntimeError("[x/third_party/gloo/gloo/transport/tcp/pair.cc:553] Connection closed by peer")
    )
    assert is_lost(torch.distributed.DistBackendError("timeout"))
    assert not is_lost(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
