"""The learning-rate range test finds where training works, and leaves nothing behind."""

import json
import math

from feinschliff.errors import RunInterrupted
from feinschliff.train import rates
from feinschliff.train.events import Step
from feinschliff.train.rates import judge


def test_judges_by_the_steepest_fall_before_the_lowest_loss():
    rates = [10.0**-k for k in range(6, 0, -1)]
    found = judge(rates, [0.70, 0.69, 0.60, 0.40, 0.38, 2.0])
    assert (found.steepest, found.lowest) == (1e-4, 1e-2)
    assert judge(rates, [0.7, 0.8, 0.9, 1.0, 1.1, 1.2]).lowest == 1e-6


def test_the_loss_falls_and_then_blows_up(cli, encoder, toy_csv, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    quick = ("--model", encoder("bert"), "--set", "train.precision=float32", "--set", "train.batch_size=8")
    done = cli("tune", toy_csv, "--lr-range", "--high", 10, "--low", 1e-5, "--steps", 80, "--json", *quick)
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["rates"] == sorted(found["rates"])
    assert math.isclose(found["rates"][0], 1e-5)
    assert len(found["rates"]) == len(found["losses"]) <= 80
    assert 1e-4 < found["steepest"] <= found["lowest"] < 1
    assert min(found["losses"]) < 0.9 * found["losses"][0]
    assert list(tmp_path.iterdir()) == []


def test_shows_a_table_and_what_to_try(cli, encoder, toy_csv):
    done = cli("tune", toy_csv, "--lr-range", "--steps", 20, "--model", encoder("bert"))
    assert done.code == 0, done.err
    assert "falls fastest" in done.out
    assert f"train {toy_csv} --model {encoder('bert')} --set train.learning_rate=" in done.out
    assert "on dev" not in done.err


def test_settings_are_tried_against_those_that_are(cli, encoder, toy_csv, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    quick = ("--model", encoder("bert"), "--set", "train.epochs=1", "--set", "evaluate.bootstrap_samples=200")
    rates = ("--try", "train.learning_rate=1e-9,3e-3", "--set", "train.head_learning_rate=1e-9")
    done = cli("tune", toy_csv, *rates, "--json", *quick)
    assert done.code == 0, done.err
    plain, still, fast = json.loads(done.out)
    assert (plain["settings"], plain["gain"]) == ([], None)
    assert (still["settings"], fast["settings"]) == (
        ["train.learning_rate=1e-9"],
        ["train.learning_rate=3e-3"],
    )
    assert fast["score"]["value"] > still["score"]["value"]
    difference = fast["score"]["value"] - plain["score"]["value"]
    assert math.isclose(fast["gain"]["difference"], difference, abs_tol=1e-9)
    assert list(tmp_path.iterdir()) == []


def test_the_best_settings_are_suggested(cli, encoder, toy_csv):
    names = ("train.head_learning_rate", "train.learning_rate")
    still = [part for name in names for part in ("--set", f"{name}=1e-9")]
    quick = (
        "--model",
        encoder("bert"),
        "--set",
        "evaluate.bootstrap_samples=200",
        "--set",
        "data.dev_share=0.4",
    )
    done = cli("tune", toy_csv, "--try", f"{names[0]}=1e-2", "--try", f"{names[1]}=3e-3", *quick, *still)
    assert done.code == 0, done.err
    best = [f"{names[0]}=1e-2", f"{names[1]}=3e-3"]
    assert f"{', '.join(best)} is better than the settings as they are" in done.out
    assert f"--set {best[0]} --set {best[1]}" in done.out
    assert "1e-9" not in done.out


def test_wrong_use(cli, toy_csv):
    done = cli("tune", toy_csv)
    assert (done.code, "Add --lr-range" in done.err) == (2, True)
    done = cli("tune", toy_csv, "--lr-range", "--try", "train.epochs=1")
    assert (done.code, "two things" in done.err) == (2, True)
    for wrong in ("train.epochs", "train.epochs=", "train.epoch=1", "train.epochs=many", "seed=1,2"):
        done = cli("tune", toy_csv, "--try", wrong)
        assert done.code == 2, wrong
        assert "--try" in done.err or "--set" in done.err
    done = cli("tune", toy_csv, "--lr-range", "--low", 1e-2, "--high", 1e-3)
    assert (done.code, "--low" in done.err) == (2, True)


def test_an_interruption_is_no_result(cli, encoder, toy_csv, monkeypatch):
    def interrupted(*_, listen, **__):
        for number in range(12):
            listen(Step(number + 1, 60, 0.1, 1.0, 1e-5, 10, 1.0))
        raise RunInterrupted("interrupted at step 12 of 60")

    monkeypatch.setattr(rates, "fit", interrupted)
    done = cli("tune", toy_csv, "--lr-range", "--steps", 60, "--model", encoder("bert"))
    assert (done.code, done.out) == (130, "")
