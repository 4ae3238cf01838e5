"""Two processes train as one does, only the first writes, and a dead one ends the run."""

import json
import os
import signal

import numpy as np
import pytest
from safetensors.torch import load_file

import tiny
from feinschliff import pipeline
from feinschliff.train.events import Step
from feinschliff.train.processes import Processes
from several import Pair, arguments


def test_two_processes_give_the_losses_of_one(encoder, toy_csv, tmp_path):
    settings = {"train.micro_batch_tokens": 64, "train.batch_size": 9, "evaluate.baselines": ("majority",)}
    losses = []
    whole = tiny.config(encoder("bert"), toy_csv, tmp_path / "one", **settings)

    def note(event):
        if isinstance(event, Step):
            losses.append((event.step, event.loss, event.tokens))

    pipeline.run(whole, listen=note)
    pair = Pair(
        tmp_path, *arguments(whole.model_copy(update={"output_dir": str(tmp_path / "two")}), tmp_path / "c")
    )
    codes, said = pair.end()
    assert codes == [0, 0], said
    assert not pair.steps(1)
    found = np.array(pair.steps())
    np.testing.assert_allclose(found, np.array(losses), rtol=2e-4)
    one, two = (load_file(tmp_path / n / "model" / "model.safetensors") for n in ("one", "two"))
    assert max(float((one[n] - two[n]).abs().max()) for n in one) < 1e-3
    results = [json.loads((tmp_path / n / "result.json").read_text()) for n in ("one", "two")]
    scores = [r["metrics"]["test"] for r in results]
    assert scores[0]["accuracy"] == scores[1]["accuracy"]
    assert scores[0]["log_loss"]["value"] == pytest.approx(scores[1]["log_loss"]["value"], rel=1e-3)
    assert [r["environment"]["processes"] for r in results] == [1, 2]


def test_a_dead_process_ends_the_run_and_the_run_goes_on_to_the_same_bits(encoder, toy_csv, tmp_path):
    """Interrupted, too: killed first, then SIGTERM, then to the end."""
    settings = {"train.epochs": 12, "train.patience": 99}
    config = tiny.config(encoder("bert"), toy_csv, tmp_path / "run", **settings)
    whole = Pair(
        tmp_path,
        *arguments(config.model_copy(update={"output_dir": str(tmp_path / "whole")}), tmp_path / "w"),
    )
    assert whole.end()[0] == [0, 0]
    (tmp_path / "steps-0.jsonl").unlink()
    pair = Pair(tmp_path, *arguments(config, tmp_path / "c"))
    pair.wait_for_step(7)
    pair.processes[1].kill()
    codes, said = pair.end()
    assert codes == [1, -signal.SIGKILL]
    assert "another process of this run ended or can no longer be reached" in said[0]
    assert f"feinschliff train --resume {tmp_path / 'run'}" in said[0]
    assert "Traceback" not in said[0]
    pair = Pair(tmp_path, "train", "--resume", tmp_path / "run")
    pair.wait_for_step(60)
    for process in pair.processes:
        os.kill(process.pid, signal.SIGTERM)
    codes, said = pair.end()
    assert codes == [130, 130]
    assert "a checkpoint was written" in said[0]
    assert not said[1]
    assert Pair(tmp_path, "train", "--resume", tmp_path / "run").end()[0] == [0, 0]
    for name in ("model/model.safetensors", "predictions/test.jsonl"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_wrong_data_is_said_once(encoder, tmp_path):
    codes, said = Pair(tmp_path, "train", tmp_path / "nowhere.csv", "--model", encoder("bert")).end()
    assert codes == [2, 1]
    assert "nowhere.csv" in said[0]
    assert not said[1]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_every_window_has_one_owner(encoder, size):
    from workbench import bench

    from feinschliff.encode import plan_epoch

    work = bench(encoder("bert"), **{"model.max_length_tokens": 8, "model.window_overlap_tokens": 0})
    train = work.encoded["train"]
    plan = plan_epoch(train, 5, 64, 2, np.random.default_rng(0))
    for step in plan:
        shares = [Processes(rank, size).share(train, step) for rank in range(size)]
        for part in (0, 1):
            expected = np.concatenate([micro[part] for micro in step])
            found = np.concatenate([micro[part] for share in shares for micro in share])
            assert sorted(found) == sorted(expected)
        for share in shares:
            assert all(set(train.record[windows]) == set(records) for records, windows in share)
