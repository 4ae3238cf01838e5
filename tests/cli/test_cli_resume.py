"""`predict` goes on after a kill, and chooses its runtime."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys

import pytest

from feinschliff.cli import predict
from feinschliff.cli._parts import Parts, key
from feinschliff.cli.export import note
from feinschliff.files import beside
from feinschliff.models.digest import weights_digest

KILLED = """
import os, signal, sys
from feinschliff.cli import main, predict
predict.CHUNK_ROWS = 32
whole, done = predict.with_predictions, []
def some(*arguments):
    if len(done) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    done.append(1)
    return whole(*arguments)
predict.with_predictions = some
main(sys.argv[1:])
"""


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr("feinschliff.cli.predict.CHUNK_ROWS", 32)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_killed_call_goes_on_and_writes_the_same(
    cli, trained, toy_csv, tmp_path, suffix, small_chunks, monkeypatch
):
    whole, cut = tmp_path / f"whole{suffix}", tmp_path / f"cut{suffix}"
    assert cli("predict", trained, toy_csv, "-o", whole).code == 0
    command = [sys.executable, "-c", KILLED, "predict", trained, toy_csv, "-o", cut]
    assert subprocess.run([str(c) for c in command], capture_output=True).returncode == -9
    assert not cut.exists()
    assert (tmp_path / f".cut{suffix}.parts").is_dir()
    honest, predicted = predict.with_predictions, []
    monkeypatch.setattr(
        predict,
        "with_predictions",
        lambda model, part, *rest: predicted.append(1) or honest(model, part, *rest),
    )
    done = cli("predict", trained, toy_csv, "-o", cut)
    assert done.code == 0
    assert "Going on after 64 rows" in done.err
    assert len(predicted) == 2  # of four chunks
    assert cut.read_bytes() == whole.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([whole.name, cut.name])


def test_a_full_disk_loses_nothing(cli, trained, toy_csv, tmp_path, small_chunks, monkeypatch):
    from pyarrow import feather

    honest, written = feather.write_feather, []

    def full(rows, path, **options):
        if len(written) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(path)
        honest(rows, path, **options)

    monkeypatch.setattr(feather, "write_feather", full)
    done = cli("predict", trained, toy_csv, "-o", tmp_path / "out.csv")
    assert (done.code, "Free some space there" in done.err) == (1, True)
    monkeypatch.setattr(feather, "write_feather", honest)
    done = cli("predict", trained, toy_csv, "-o", tmp_path / "out.csv")
    assert (done.code, "Going on after 64 rows" in done.err) == (0, True)
    assert [p.name for p in tmp_path.iterdir()] == ["out.csv"]


@pytest.mark.parametrize(("failure", "code"), [(MemoryError(), 1), (KeyboardInterrupt(), 130)])
def test_what_ends_a_call_keeps_its_parts_and_one_that_is_damaged_is_made_again(
    cli, trained, toy_csv, tmp_path, small_chunks, monkeypatch, failure, code
):
    honest, predicted = predict.with_predictions, []

    def some(*arguments):
        if len(predicted) == 2:
            raise failure
        predicted.append(1)
        return honest(*arguments)

    target = tmp_path / "out.csv"
    monkeypatch.setattr(predict, "with_predictions", some)
    done = cli("predict", trained, toy_csv, "-o", target)
    assert (done.code, "defect" in done.err) == (code, False)
    assert ("The same command goes on from here" in done.err) == (code == 130)
    monkeypatch.setattr(predict, "with_predictions", honest)
    (tmp_path / ".out.csv.parts" / "00000001.arrow").write_bytes(b"half")
    assert "Going on after 64 rows" in cli("predict", trained, toy_csv, "-o", target).err
    assert target.read_text().count("\n") == 121


def test_two_calls_never_share_an_output(cli, trained, toy_csv, tmp_path):
    with Parts(tmp_path / "out.csv", {}):
        done = cli("predict", trained, toy_csv, "-o", tmp_path / "out.csv")
        assert (done.code, "out.csv: is being written by another call" in done.err) == (2, True)
    with beside(trained / "onnx"):
        done = cli("export", trained)
        assert (done.code, "onnx: is being written by another call" in done.err) == (2, True)
    assert not list(tmp_path.iterdir())
    assert not list(trained.glob("*onnx*"))


def test_parts_of_another_input_are_not_taken(cli, trained, toy_csv, tmp_path, small_chunks):
    source, cut = shutil.copy(toy_csv, tmp_path / "in.csv"), tmp_path / "cut.csv"
    command = [sys.executable, "-c", KILLED, "predict", trained, source, "-o", cut]
    assert subprocess.run([str(c) for c in command], capture_output=True).returncode == -9
    with source.open("a", encoding="utf-8") as file:
        file.write("the soup was new.,good\n")
    done = cli("predict", trained, source, "-o", cut)
    assert done.code == 0
    assert "Going on" not in done.err
    assert "Wrote 121 rows" in done.err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cut.csv", "in.csv"]


def test_the_runtime_can_be_named_and_is_chosen_where_there_are_two(cli, trained, toy_csv, tmp_path):
    run = shutil.copytree(trained, tmp_path / "run")
    missing = cli("predict", run, toy_csv, "-o", tmp_path / "a.jsonl", "--runtime", "onnx")
    assert missing.code == 2
    assert "feinschliff export" in missing.err
    assert cli("predict", run, toy_csv, "--runtime", "tpu").code == 2
    done = cli("export", run)
    assert (done.code, f"Wrote {run / 'onnx'}" in done.out) == (0, True)

    def predicted(runtime, tried):
        target = tmp_path / f"{runtime}-{tried}.jsonl"
        done = cli("predict", run, toy_csv, "-o", target, "--runtime", runtime)
        assert done.code == 0
        assert ("which was faster" in done.err) == tried
        return [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]

    by_torch = predicted("torch", tried=False)
    assert predicted("auto", tried=False) == by_torch  # an export would leave out the novelty
    assert "novelty" in by_torch[0]
    (run / "model" / "novelty.safetensors").unlink()
    note(run / "onnx", weights_sha256=weights_digest(run / "model"))
    found = {runtime: predicted(runtime, runtime == "auto") for runtime in ("onnx", "auto")}
    assert [row["prediction"] for row in found["onnx"]] == [row["prediction"] for row in by_torch]
    for row in by_torch:
        del row["novelty"]
    assert found["auto"] in (found["onnx"], by_torch)
    assert found["onnx"] != by_torch  # other kernels round otherwise
    export = run / "onnx"
    assert cli("predict", export, toy_csv, "-o", tmp_path / "b.csv", "--runtime", "torch").code == 2
    export.rename(
        run / "onnx-int8"
    )  # what `export --int8` leaves is taken where it is asked for, and only there
    assert cli("predict", run, toy_csv, "-o", tmp_path / "c.jsonl", "--runtime", "onnx").code == 0
    assert "which was faster" not in cli("predict", run, toy_csv, "-o", tmp_path / "d.jsonl").err
    (run / "onnx-int8").rename(export)
    before = key(run, toy_csv, {})
    note(export, weights_sha256="of another model")
    assert key(run, toy_csv, {}) != before  # what was predicted with another export is not taken
    done = cli("predict", run, toy_csv, "-o", tmp_path / "e.jsonl")
    assert done.code == 0
    assert f"Warning: {export} is not used, for it was not made of the model beside it" in done.err
    assert "which was faster" not in done.err
    done = cli("predict", run, toy_csv, "-o", tmp_path / "f.jsonl", "--runtime", "onnx")
    assert (done.code, "has not been exported" in done.err) == (2, True)
