"""One program at a time works on a folder, however calls begin and end beside each other."""

import os
import threading

import pytest

from feinschliff import files
from feinschliff.config import load_config
from feinschliff.errors import ConfigError
from feinschliff.report import run_folder

pytestmark = pytest.mark.skipif(os.name == "nt", reason="opens no folders there")


def at_open(monkeypatch, before=None, after=None):
    """Call something once, just before or after the next folder is opened."""
    opened, todo = os.open, [True]

    def open_(path, flags, *more, **named):
        now = todo and todo.pop()
        if now and before:
            before()
        handle = opened(path, flags, *more, **named)
        if now and after:
            after()
        return handle

    monkeypatch.setattr(files.os, "open", open_)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("third", [False, True])
def test_a_folder_removed_by_its_holder_is_made_anew_or_is_anothers(tmp_path, monkeypatch, when, third):
    first, other = files.beside(tmp_path / "x"), files.beside(tmp_path / "x")
    first.__enter__()

    def change():
        first.__exit__(None, None, None)
        if third:
            (other.__enter__() / "precious").write_text("x", "utf-8")

    at_open(monkeypatch, **{when: change})
    if third:
        with pytest.raises(ConfigError, match="another call"), files.beside(tmp_path / "x"):
            raise AssertionError("two are inside")
        assert (tmp_path / ".x.part" / "precious").is_file()
        other.__exit__(None, None, None)
    else:
        with files.beside(tmp_path / "x") as part:
            assert list(part.iterdir()) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_run_may_take_the_folder_that_another_has_just_given_up(tmp_path, monkeypatch, when):
    config = load_config(values={"data.train": "x.csv", "output_dir": str(tmp_path / "run")})
    first = run_folder.chosen(config, False, False)
    first.__enter__()
    at_open(monkeypatch, **{when: lambda: first.__exit__(None, None, None)})
    with run_folder.chosen(config, False, False) as folder:
        assert folder.is_dir()
        with pytest.raises(ConfigError, match="another run"), run_folder.chosen(config, False, False):
            raise AssertionError("two are inside")
    assert not (tmp_path / "run").exists() or list((tmp_path / "run").iterdir()) == []


def test_many_threads_that_come_and_go_are_never_two_inside(tmp_path):
    inside, most, entered = [], [], []

    def work():
        for _ in range(40):
            try:
                with files.beside(tmp_path / "x") as part:
                    inside.append(1)
                    most.append(len(inside))
                    (part / "file").write_text("x", "utf-8")
                    inside.pop()
                    entered.append(1)
            except ConfigError:
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert entered


@pytest.mark.parametrize("make", [lambda path: path.write_text("x"), lambda path: path.symlink_to("nowhere")])
def test_a_file_in_place_of_the_folder_is_an_error(tmp_path, make):
    make(tmp_path / "x")
    with pytest.raises(FileExistsError), files.held(tmp_path / "x", ConfigError("busy")):
        raise AssertionError("inside a file")


def test_temporary_folders_of_killed_programs_are_removed_and_no_others(tmp_path, monkeypatch):
    monkeypatch.setattr(files.tempfile, "tempdir", str(tmp_path))
    with files.scratch() as own:
        (own / "data").write_text("mine", "utf-8")
        left = own.with_name(".feinschliff-abandoned.scratch")
        others = [own.with_name(name) for name in ("feinschliff-work", ".feinschliff-new.scratch")]
        for folder in (left, *others):
            folder.mkdir()
        for folder in (left, own, others[0]):
            os.utime(folder, (1, 1))
        with files.scratch() as second:
            assert second != own
        assert (own / "data").read_text("utf-8") == "mine"
        assert sorted(tmp_path.iterdir()) == sorted([own, *others])
    assert sorted(tmp_path.iterdir()) == sorted(others)
