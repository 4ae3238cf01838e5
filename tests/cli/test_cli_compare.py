"""`feinschliff compare` from the command line, on runs it really made."""

import json

import pytest

import tiny


@pytest.fixture(scope="module")
def runs(encoder, toy_csv, tmp_path_factory):
    """Two runs on the same data, and one on other data."""
    from feinschliff.pipeline import run

    root = tmp_path_factory.mktemp("compare")
    other = tiny.write_csv(root / "other.csv", 80)
    for name, data, epochs in (("one", toy_csv, 1), ("two", toy_csv, 6), ("other", other, 1)):
        run(tiny.config(encoder("bert"), data, root / name, **{"train.epochs": epochs}))
    return root


def test_a_table_and_a_sentence(cli, runs, tmp_path):
    done = cli("compare", runs / "one", runs / "two", "--html", tmp_path / "page.html", "--language", "de")
    assert done.code == 0, done.err
    assert "macro_f1" in done.out
    assert f"{runs / 'one'} against {runs / 'two'}: -" in done.out
    assert "<!doctype html>" in (tmp_path / "page.html").read_text()
    assert "train.<wbr>epochs" in (tmp_path / "page.html").read_text()


def test_json(cli, runs):
    done = cli("compare", runs / "one", runs / "two", "--json", "--metric", "accuracy")
    found = json.loads(done.out)
    assert found["metric"] == "accuracy"
    scores = [json.loads((runs / n / "result.json").read_text())["metrics"]["test"] for n in ("one", "two")]
    assert [r["metrics"]["accuracy"]["value"] for r in found["runs"]] == pytest.approx(
        [s["accuracy"]["value"] for s in scores]
    )


def test_other_data_ends_with_3(cli, runs):
    done = cli("compare", runs / "one", runs / "other")
    assert done.code == 3
    assert "fingerprints" in done.err
    assert done.out == ""


@pytest.mark.parametrize("arguments", [["one"], ["one", "one"], ["one", "none"], ["one", "two", "--html"]])
def test_wrong_use_ends_with_2(cli, runs, arguments):
    given = [a if a.startswith("--") else runs / a for a in arguments]
    if "--html" in arguments:
        given += [runs / "x.html", runs / "other"]
    assert cli("compare", *given).code == 2


def test_a_page_that_cannot_be_written(cli, runs, tmp_path):
    done = cli("compare", runs / "one", runs / "two", "--html", tmp_path / "no" / "page.html")
    assert done.code == 1
    assert "cannot be written" in done.err
