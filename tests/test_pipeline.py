"""A run repeats to the bit, leaves a complete folder or none, and says how to go on."""

import errno
import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import tiny
from feinschliff import bundle, pipeline
from feinschliff.config import load_config
from feinschliff.errors import (
    ConfigError,
    DataError,
    FeinschliffError,
    QualityError,
    ResourceError,
    RunInterrupted,
)
from feinschliff.report import result as results
from feinschliff.report import run_folder
from feinschliff.train import checkpoint
from feinschliff.train.events import Notice, Stage, Step

SAME = ("model/model.safetensors", "model/config.json", "model/tokenizer.json", "predictions/test.jsonl")


@pytest.fixture
def config(encoder, toy_csv, tmp_path):
    """Give a function that makes the configuration of a quick run into a folder of this test."""
    return lambda name="run", **settings: tiny.config(encoder("bert"), toy_csv, tmp_path / name, **settings)


def files(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def same(one: Path, other: Path) -> bool:
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in SAME)


def press(at: int):
    """Return a listener that interrupts at a step, as Ctrl-C does."""

    def listen(event):
        if isinstance(event, Step) and event.step == at:
            os.kill(os.getpid(), signal.SIGINT)

    return listen


def test_the_folder_holds_what_it_should(trained):
    assert files(trained) - {"label_errors.csv"} == {
        "config.yaml",
        "result.json",
        "report.html",
        "predictions/test.jsonl",
        "model/config.json",
        "model/novelty.safetensors",
        "model/profile.json",
        "model/model.safetensors",
        "model/tokenizer.json",
        "model/tokenizer_config.json",
        "model/README.md",
        "model/feinschliff.json",
    }
    assert not (trained / "checkpoints").exists()


def test_settings_do_what_they_say_or_it_is_said_that_they_do_nothing(config, tmp_path):
    warnings = []

    def note(event):
        warnings.extend([event.text] if isinstance(event, Notice) and event.level == "warning" else [])

    idle = {"train.lora_rank": 4, "model.words": "wide", "model.label_pieces": "all"}
    quick = {"train.epochs": 1, "evaluate.baselines": ()}
    pipeline.run(config(**quick, **idle, **{"train.keep_checkpoints": True}), listen=note)
    assert [w for w in warnings if "no effect" in w] == [
        "train.lora_rank has no effect without train.method=lora.",
        "model.words has no effect on whole texts.",
        "model.label_pieces has no effect on whole texts.",
    ]
    assert list((tmp_path / "run" / "checkpoints").glob("step-*"))


def test_the_result_holds_what_tools_rely_on(trained):
    result = results.read(trained)
    assert (result["schema"], result["task"], result["primary_metric"]) == (1, "classification", "macro_f1")
    assert result["data"]["labels"] == ["bad", "good"]
    assert sum(result["data"]["splits"].values()) == 120
    assert [s["name"] for s in result["systems"]] == ["fine-tuned", "majority", "tfidf", "frozen"]
    assert [(c["a"], c["b"]) for c in result["comparisons"]] == [
        ("fine-tuned", name) for name in ("majority", "tfidf", "frozen")
    ]
    for part in ("dev", "test"):
        assert set(result["metrics"][part]["accuracy"]) == {"value", "low", "high"}
    assert result["metrics"]["test"] == result["systems"][0]["metrics"]
    weights = load_file(trained / "model" / "model.safetensors")
    assert result["model"]["parameters"] == sum(w.numel() for w in weights.values())
    assert result["cost"]["tokens"] > 0
    assert result["environment"]["device"] == "cpu"
    assert result["training"]["stopped"] == "finished"
    assert result["config"]["train"]["batch_size"] == 8
    steps = [point["step"] for point in result["training"]["curve"]]
    assert steps == sorted(set(steps))
    assert result["training"]["best_step"] in steps


def test_predictions_stand_in_the_order_of_the_records(trained):
    rows = [json.loads(line) for line in (trained / "predictions/test.jsonl").read_text().splitlines()]
    assert set(rows[0]) == {"id", "text", "label", "prediction", "probabilities", "novelty"}
    assert len(rows) == results.read(trained)["data"]["splits"]["test"]
    truth = dict(tiny.examples())
    assert all(truth[row["text"]] == row["label"] for row in rows)
    found = bundle.load(trained).predict_proba([row["text"] for row in rows])
    given = [[row["probabilities"][label] for label in ("bad", "good")] for row in rows]
    np.testing.assert_allclose(found, given, atol=1e-5)
    right = np.mean([row["label"] == row["prediction"] for row in rows])
    assert results.read(trained)["metrics"]["test"]["accuracy"]["value"] == pytest.approx(right)


def test_what_is_measured_is_what_the_saved_model_says(config, tmp_path):
    result = pipeline.run(config("half", **{"train.precision": "bfloat16", "train.seeds": 2}))
    said = (tmp_path / "half" / "predictions" / "test.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in said.splitlines()]
    found = bundle.load(tmp_path / "half").predict_proba([row["text"] for row in rows])
    given = [[row["probabilities"][label] for label in ("bad", "good")] for row in rows]
    np.testing.assert_allclose(found, given, atol=1e-5)
    assert result["environment"]["precision"] == "bfloat16"


def test_it_learns(config):
    result = pipeline.run(config(**{"train.epochs": 8}))
    assert result["metrics"]["test"]["accuracy"]["value"] > 0.8


def test_the_same_run_twice_in_a_process_is_the_same_to_the_bit(config, tmp_path):
    settings = {"train.dropout": 0.1, "evaluate.baselines": ("tfidf", "frozen")}
    pipeline.run(config("one", **settings))
    torch.manual_seed(99)
    pipeline.run(config("two", **settings))
    assert same(tmp_path / "one", tmp_path / "two")
    pipeline.run(config("other", **settings, seed=4))
    assert not same(tmp_path / "one", tmp_path / "other")


def test_the_saved_configuration_repeats_the_run(config, tmp_path, monkeypatch):
    settings = {
        "train.dropout": 0.1,
        "train.epochs": None,
        "train.learning_rate": None,
        "train.batch_size": 40,
        "train.precision": "auto",
    }
    chosen = config("one", **{k: v for k, v in settings.items() if v is not None})
    for name, value in settings.items():
        if value is None:
            setattr(chosen.train, name.partition(".")[2], None)
    pipeline.run(chosen)
    saved = load_config(tmp_path / "one" / "config.yaml")
    assert None not in (saved.train.epochs, saved.train.learning_rate, saved.model.max_length_tokens)
    assert saved.train.precision in ("float32", "bfloat16")
    monkeypatch.chdir("/")
    pipeline.run(load_config(tmp_path / "one" / "config.yaml", [f"output_dir={tmp_path / 'two'}"]))
    assert same(tmp_path / "one", tmp_path / "two")
    again = load_config(tmp_path / "two" / "config.yaml")
    assert again.model_copy(update={"output_dir": saved.output_dir}) == saved


def test_that_there_is_no_group_is_repeated_too(config, tmp_path):
    table = [
        {"text": text, "label": label, "product": f"p{number // 3}"}
        for number, (text, label) in enumerate(tiny.some(120))
    ]
    path = tmp_path / "products.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in table))

    def fingerprint(chosen):
        return pipeline.run(chosen)["data"]["fingerprint"]

    given = {"data.train": str(path), "data.group": "none"}
    first = fingerprint(config("one", **given))
    again = load_config(tmp_path / "one" / "config.yaml", [f"output_dir={tmp_path / 'two'}"])
    assert fingerprint(again) == first
    assert fingerprint(config("three", **given | {"data.group": "product"})) != first


def test_baselines_change_nothing(config, tmp_path):
    pipeline.run(config("with", **{"evaluate.baselines": ("majority", "tfidf", "frozen")}))
    pipeline.run(config("without"))
    assert same(tmp_path / "with", tmp_path / "without")


def test_an_interrupted_run_goes_on_to_the_same_bits(config, tmp_path):
    settings = {"train.dropout": 0.1}
    pipeline.run(config("whole", **settings))
    output = tmp_path / "run"
    with pytest.raises(RunInterrupted, match=f"feinschliff train --resume {output}"):
        pipeline.run(config(**settings), listen=press(5))
    assert {name for name in files(output) if "checkpoints" not in name} == {"config.yaml"}
    with pytest.raises(
        ConfigError, match=f"in use.*--overwrite, or go on with it: feinschliff train --resume {output}"
    ):
        pipeline.run(config(**settings))
    with pytest.raises(RunInterrupted):
        pipeline.run(load_config(output / "config.yaml"), resume=True, listen=press(20))
    pipeline.run(load_config(output / "config.yaml"), resume=True)
    assert same(output, tmp_path / "whole")
    assert not (output / "checkpoints").exists()
    with pytest.raises(ConfigError, match=r"the run is complete\. Run without --resume"):
        pipeline.run(load_config(output / "config.yaml"), resume=True)


def test_a_run_killed_before_its_first_checkpoint_starts_again(config, tmp_path):
    pipeline.run(config("whole"))
    output = tmp_path / "run"
    with pytest.raises(ConfigError, match="there is no run to go on with"):
        pipeline.run(config(), resume=True)
    output.mkdir()
    (output / "config.yaml").write_bytes((tmp_path / "whole" / "config.yaml").read_bytes())
    notices = []
    pipeline.run(config(), resume=True, listen=notices.append)
    assert Notice("There is no checkpoint yet; training starts at the beginning.") in notices
    assert same(output, tmp_path / "whole")


def test_a_run_goes_on_with_its_own_data_only(encoder, tmp_path):
    data = tiny.write_csv(tmp_path / "data.csv")
    chosen = tiny.config(encoder("bert"), data, tmp_path / "run")
    with pytest.raises(RunInterrupted):
        pipeline.run(chosen, listen=press(4))
    content = data.read_text()
    data.write_text(content.replace("good", "fine"))
    with pytest.raises(ConfigError, match=r"other data, or another order.*Restore the data and the base"):
        pipeline.run(chosen, resume=True)
    data.unlink()
    with pytest.raises(FeinschliffError, match=r"data\.csv"):
        pipeline.run(chosen, resume=True)
    data.write_text(content)
    pipeline.run(chosen, resume=True)
    assert (tmp_path / "run" / "result.json").is_file()


def test_a_run_goes_on_with_its_own_base_only_though_most_of_it_is_in_no_checkpoint(toy_csv, tmp_path):
    base = tiny.make(tmp_path / "base", "bert")
    chosen = tiny.config(base, toy_csv, tmp_path / "run", **{"train.freeze_layers": 2})
    with pytest.raises(RunInterrupted):
        pipeline.run(chosen, listen=press(4))
    weights = (base / "model.safetensors").read_bytes()
    tensors = load_file(base / "model.safetensors")
    tensors["embeddings.word_embeddings.weight"][0, 0] += 1
    save_file(tensors, base / "model.safetensors", {"format": "pt"})
    with pytest.raises(ConfigError, match=r"other data, or another order.*Restore the data and the base"):
        pipeline.run(chosen, resume=True)
    (base / "model.safetensors").write_bytes(weights)
    pipeline.run(chosen, resume=True)
    assert (tmp_path / "run" / "result.json").is_file()


def test_a_run_interrupted_before_training_leaves_nothing(config, tmp_path):
    def stop(event):
        if isinstance(event, Stage) and event.name == "train":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pipeline.run(config("deep/run"), listen=stop)
    assert not (tmp_path / "deep" / "run").exists()


def test_folders_that_cannot_be_the_output(config, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="is a file, not a folder"):
        pipeline.run(config("file"))
    with pytest.raises(ConfigError, match="the output folder cannot be made: Not a directory"):
        pipeline.run(config("file/run"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    for overwrite in (False, True):
        with pytest.raises(ConfigError, match=r"the output folder is in use\. Choose another"):
            pipeline.run(config("mine"), overwrite=overwrite)
    assert files(tmp_path / "mine") == {"thesis.txt"}
    (tmp_path / "empty").mkdir()
    pipeline.run(config("empty"))
    assert (tmp_path / "empty" / "result.json").is_file()


def test_overwriting_replaces_a_run_once_the_new_one_can_begin(config, tmp_path):
    pipeline.run(config(**{"evaluate.baselines": ("majority",)}))
    before = (tmp_path / "run" / "result.json").read_bytes()
    wrong = config(**{"data.label": "nowhere"})
    with pytest.raises(ConfigError, match="nowhere"):
        pipeline.run(wrong, overwrite=True)
    assert (tmp_path / "run" / "result.json").read_bytes() == before
    pipeline.run(config(**{"train.epochs": 1}), overwrite=True)
    assert results.read(tmp_path / "run")["config"]["train"]["epochs"] == 1


def test_what_a_new_run_replaces_stays_until_the_new_one_is_complete(config, tmp_path):
    """It comes back after a failure and after a kill; its exports go with it; notes of people stay."""
    pipeline.run(config())
    run = tmp_path / "run"
    (run / "onnx").mkdir()
    (run / "onnx" / "model.onnx").touch()
    (run / "notes.txt").touch()
    before = files(run)
    with pytest.raises(ConfigError, match="freeze_layers"):
        pipeline.run(config(**{"train.freeze_layers": 99}), overwrite=True)
    assert files(run) == before

    with pytest.raises(RunInterrupted, match=r"--resume .*the earlier one is kept in .*/run/\.old"):
        pipeline.run(config(), overwrite=True, listen=press(5))
    shutil.rmtree(run / "checkpoints")  # as if killed before the first one
    with pytest.raises(ConfigError, match="the run is complete"):
        pipeline.run(config(), resume=True)
    assert files(run) == before

    with pytest.raises(RunInterrupted):
        pipeline.run(config(), overwrite=True, listen=press(5))
    pipeline.run(config(), resume=True)
    assert files(run) == before - {"onnx/model.onnx"}


@pytest.mark.parametrize("moved", [0, 3, len(run_folder.CONTENT) - 1])
def test_a_run_that_was_being_moved_is_found_again(tmp_path, moved, encoder, toy_csv):
    for place, names in (("", run_folder.CONTENT[moved:]), (".old", run_folder.CONTENT[:moved])):
        (tmp_path / "run" / place).mkdir(exist_ok=True)
        for name in names:
            (tmp_path / "run" / place / name).touch()
    chosen = tiny.config(encoder("bert"), toy_csv, tmp_path / "run")
    with pytest.raises(ConfigError, match="in use"):
        pipeline.run(chosen)
    assert files(tmp_path / "run") == set(run_folder.CONTENT)


def test_two_runs_never_share_a_folder(config, tmp_path, monkeypatch):
    def begin(event):
        if isinstance(event, Stage) and event.name == "train":
            for way in ({}, {"overwrite": True}, {"resume": True}):
                with pytest.raises(ConfigError, match=r"run: another run is at work here\. Choose another"):
                    pipeline.run(config(), **way)

    pipeline.run(config(), listen=begin)
    monkeypatch.chdir(tmp_path)
    unnamed = config().model_copy(update={"output_dir": None})
    with run_folder.chosen(unnamed, False, False) as one, run_folder.chosen(unnamed, False, False) as two:
        assert (one.name, two.name) == ("toy-1", "toy-2")
    assert not (tmp_path / "runs").exists()


def test_what_model_and_settings_cannot_do_is_said_before_baselines_are_fitted(config, monkeypatch):
    def never(*_):
        raise AssertionError("baselines were fitted")

    monkeypatch.setattr(pipeline, "fit_baselines", never)
    for settings in (
        {"train.freeze_layers": 9},
        {"train.freeze_layers": 2, "train.method": "lora"},
    ):
        with pytest.raises(ConfigError, match="freeze_layers"):
            pipeline.run(config(**settings))


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"data.label": "nowhere"}, ConfigError),
        ({"model.source": "./nowhere"}, FeinschliffError),
        ({"model.max_length_tokens": 100}, ConfigError),
        ({"train.freeze_layers": 9}, ConfigError),
        ({"train.device": "toaster"}, ConfigError),
        ({"train.precision": "float16"}, ConfigError),
        ({"evaluate.baselines": ("magic",)}, ConfigError),
        ({"evaluate.require": ("beauty>=1",)}, ConfigError),
        ({"evaluate.require": ("entity_f1>=0.5",)}, ConfigError),
        ({"data.train": "nowhere.csv"}, ConfigError),
    ],
)
def test_what_cannot_be_leaves_no_folder(config, tmp_path, settings, kind):
    with pytest.raises(kind) as caught:
        pipeline.run(config(**settings))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_not_a_number_keeps_the_last_checkpoint(config, tmp_path, monkeypatch):
    from feinschliff.train import loop

    step, calls = loop._step, []

    def poisoned(*arguments):
        calls.append(1)
        loss, tokens = step(*arguments)
        return (float("nan") if len(calls) == 5 else loss), tokens

    monkeypatch.setattr(loop, "_step", poisoned)
    with pytest.raises(FeinschliffError) as caught:
        pipeline.run(config(**{"train.checkpoint_minutes": 1e-9}))
    text = str(caught.value)
    assert text.startswith("training: the loss is nan at step 5. Lower train.learning_rate")
    assert f"The last checkpoint is kept: feinschliff train --resume {tmp_path / 'run'}" in text
    assert sorted(p.name for p in (tmp_path / "run" / "checkpoints").iterdir()) == [
        "step-00000003",
        "step-00000004",
    ]


def full(*_, **__) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_at_the_first_checkpoint_leaves_nothing(config, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(ResourceError, match="the checkpoint cannot be written: no space left on its disk"):
        pipeline.run(config(**{"train.checkpoint_minutes": 1e-9}))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "place", ["feinschliff.report.run_folder.write_rows", "feinschliff.report.result.os.fsync"]
)
def test_a_full_disk_while_results_are_written(config, tmp_path, monkeypatch, place):
    listened = []

    def fill(event):
        listened.append(event)
        if isinstance(event, Stage) and event.name == "report":
            monkeypatch.setattr(place, full)

    with pytest.raises(ResourceError, match=r"No space left|no space left") as caught:
        pipeline.run(config(), listen=fill)
    assert str(tmp_path / "run") in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_full_disk_while_results_are_written_keeps_the_last_checkpoint(config, monkeypatch):
    monkeypatch.setattr(run_folder, "write_rows", full)
    with pytest.raises(ResourceError, match="last checkpoint is kept: feinschliff train --resume"):
        pipeline.run(config(**{"train.checkpoint_minutes": 1e-9}))


def test_an_interruption_after_training_says_the_way_on(config):
    def stop(event):
        if isinstance(event, Stage) and event.name == "evaluate":
            raise KeyboardInterrupt

    with pytest.raises(RunInterrupted, match=r"Interrupted\. Go on with: feinschliff train --resume"):
        pipeline.run(config(**{"train.checkpoint_minutes": 1e-9}), listen=stop)


def test_a_really_full_disk(encoder, toy_csv, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    if os.system(f"mount -t tmpfs -o size=300k none {small} 2>/dev/null"):
        pytest.skip("no right to mount a small disk")
    chosen = tiny.config(encoder("bert"), toy_csv, small / "run", **{"train.checkpoint_minutes": 1e-9})
    try:
        with pytest.raises(ResourceError, match="no space left on its disk") as caught:
            pipeline.run(chosen)
        assert f"The last checkpoint is kept: feinschliff train --resume {small}" in str(caught.value)
        assert {Path(name).parent.name for name in files(small)} == {"run", "step-00000001"}
        assert os.system(f"mount -o remount,size=5m {small}") == 0
        pipeline.run(chosen, resume=True)
        assert (small / "run" / "result.json").is_file()
    finally:
        os.system(f"umount {small}")


def test_a_missed_quality_is_said_after_all_is_written(config, tmp_path):
    with pytest.raises(QualityError, match=r"not reached: accuracy>=1\.1"):
        pipeline.run(config(**{"evaluate.require": ("accuracy>=1.1", "accuracy>=0")}))
    requirements = results.read(tmp_path / "run")["requirements"]
    assert [r["reached"] for r in requirements] == [False, True]


def test_long_texts_are_read_in_windows_or_cut_and_that_is_said(config, tmp_path):
    notices = []

    def note(event):
        if isinstance(event, Notice):
            notices.append(event.text)

    short = {"model.max_length_tokens": 8, "model.window_overlap_tokens": 2, "train.epochs": 1}
    few = {"model.max_train_windows": 2}
    result = pipeline.run(config("windows", **short, **few), listen=note)
    number = result["data"]["lengths"]["over_limit"]
    assert number > 60
    assert f"{number} texts are longer than 8 tokens, read in overlapping windows." in notices
    assert any("of train are longer than 2 windows; each step reads 2 of them" in n for n in notices)
    assert result["data"]["audit"]["truncated"] == 0
    assert bundle.load(tmp_path / "windows").spec.reading.max_length_tokens == 8
    result = pipeline.run(config("cut", **short, **{"model.long_text": "truncate"}), listen=note)
    assert f"{number} texts are longer than 8 tokens, cut there." in notices
    assert result["data"]["audit"]["truncated"] == number


def test_rows_left_out_of_training_are_listed(encoder, tmp_path):
    data = tiny.write_csv(tmp_path / "data.csv")
    rows = data.read_text().splitlines()
    data.write_text("\n".join([*rows, *rows[1:4]]) + "\n")
    pipeline.run(tiny.config(encoder("bert"), data, tmp_path / "run", **{"train.epochs": 1}))
    removed = [json.loads(line) for line in (tmp_path / "run" / "removed.jsonl").read_text().splitlines()]
    assert len(removed) == results.read(tmp_path / "run")["data"]["audit"]["dropped"] > 0
    assert set(removed[0]) == {"place", "text", "reason"}


def test_a_single_class_is_refused(encoder, tmp_path):
    data = tmp_path / "data.csv"
    data.write_text("text,label\n" + "".join(f"the soup number {n} was good,good\n" for n in range(40)))
    with pytest.raises(DataError, match="class"):
        pipeline.run(tiny.config(encoder("bert"), data, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_events_come_in_the_order_of_the_work(config):
    stages = []

    def listen(event):
        if isinstance(event, Stage) and (not stages or stages[-1] != event.name):
            stages.append(event.name)

    pipeline.run(config(**{"evaluate.baselines": ("majority",), "train.epochs": 1}), listen=listen)
    assert stages == ["data", "model", "baselines", "train", "evaluate", "report"]


def test_threads_of_scikit_learn(encoder):
    from joblib import parallel_backend
    from sklearn.model_selection import cross_val_score

    from feinschliff import FeinschliffClassifier

    texts, labels = zip(*tiny.some(60), strict=True)
    estimator = FeinschliffClassifier(
        str(encoder("bert")), settings={"train.epochs": 1, "train.precision": "float32"}
    )
    with parallel_backend("threading"):
        scores = cross_val_score(estimator, list(texts), list(labels), cv=3, n_jobs=3, error_score="raise")
    assert len(scores) == 3
