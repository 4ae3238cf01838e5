"""`config` writes, explains and shows what `load_config` reads."""

from __future__ import annotations

import pytest
import yaml

from feinschliff import registry
from feinschliff.config import load_config, settings
from feinschliff.data import audit
from feinschliff.evaluate import METRICS


def test_init_writes_every_setting_with_its_default(cli, tmp_path):
    done = cli("config", "init", tmp_path / "run.yaml")
    assert done.code == 0
    assert load_config(tmp_path / "run.yaml") == load_config()
    text = (tmp_path / "run.yaml").read_text(encoding="utf-8")
    assert all(f"# {s.description}" in text for s in settings())


def test_init_never_replaces_a_file_unasked(cli, tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("mine", encoding="utf-8")
    done = cli("config", "init", file)
    assert done.code == 2
    assert "--overwrite" in done.err
    assert file.read_text(encoding="utf-8") == "mine"
    assert cli("config", "init", file, "--overwrite").code == 0


def test_init_in_a_folder_that_does_not_exist(cli, tmp_path):
    done = cli("config", "init", tmp_path / "none" / "run.yaml")
    assert done.code == 2
    assert "No such file or directory" in done.err


def test_explain_one_a_section_and_all(cli):
    one = cli("config", "explain", "train.learning_rate").out
    assert one.startswith("train.learning_rate\n  Peak learning rate")
    assert one.rstrip().endswith("Change it: --set train.learning_rate=VALUE")
    assert "Change it: --set 'evaluate.baselines=[VALUE, VALUE]'" in cli("config", "explain", "baselines").out
    assert cli("config", "explain", "learning_rate").out == one
    section = cli("config", "explain", "report").out
    assert section.count("Default:") == sum(s.name.startswith("report.") for s in settings())
    assert cli("config", "explain").out.count("Default:") == len(settings())


def test_one_value_will_do_where_a_list_is_meant(tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("evaluate: {require: accuracy>=0.8, baselines: }\nadapt: {probe_labels: 50}\n", "utf-8")
    found = load_config(file, ["train.trackers=mlflow"])
    assert found.evaluate.require == ("accuracy>=0.8",)
    assert found.evaluate.baselines == ()
    assert found.adapt.probe_labels == (50,)
    assert found.train.trackers == ("mlflow",)


@pytest.mark.parametrize("sign", ["@", "|", ";", "%"])
def test_a_delimiter_need_not_be_quoted(sign):
    assert load_config(overrides=[f"data.delimiter={sign}"]).data.delimiter == sign


def test_explain_lists_the_names_that_a_setting_takes(cli):
    for setting, names in (
        ("task", registry.names("tasks")),
        ("data.remove", audit.REMOVABLE),
        ("data.refuse", audit.KINDS),
        ("evaluate.baselines", registry.names("baselines")),
        ("evaluate.require", METRICS["ner"]),
    ):
        lines = cli("config", "explain", setting).out.splitlines()
        listed = {line.split(":")[0].strip() for line in lines[lines.index("  Names:") + 1 :]}
        assert listed >= set(names)
        assert setting != "data.remove" or listed == set(names)
    assert "Names:" not in cli("config", "explain", "train.epochs").out


def test_show_is_the_resolved_configuration(cli, tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("train:\n  epochs: 5\n", encoding="utf-8")
    done = cli("config", "show", "--config", file, "--set", "train.learning_rate=3e-5")
    tree = yaml.safe_load(done.out)
    assert (tree["train"]["epochs"], tree["train"]["learning_rate"]) == (5, 3e-5)


def test_a_wrong_name_in_a_file_is_found_with_its_nearest(cli, tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("train:\n  epoch: 5\n", encoding="utf-8")
    done = cli("train", "x.csv", "--config", file)
    assert done.code == 2
    assert "there is no setting 'train.epoch' (did you mean 'train.epochs'?)" in done.err
    assert str(file) in done.err
    file.write_text("train:\n  epochs: 5\n", encoding="utf-8")
    done = cli("train", "x.csv", "--config", file, "--set", "train.epoch=3")
    assert done.code == 2
    assert "--set: there is no setting 'train.epoch'" in done.err
