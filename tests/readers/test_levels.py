"""Which folders are the classes, where they lie deeper than one level or are none."""

import pytest

from feinschliff.errors import ConfigError
from feinschliff.readers import read


@pytest.fixture
def write(tmp_path):
    def write(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(name)
        return tmp_path

    return write


def test_splits_are_told_by_a_word_of_their_names(write):
    with pytest.raises(ConfigError, match=r"holds splits .* not classes\. Name one of them"):
        read(write("news-bydate-train/a/1", "news-bydate-test/a/1"))


def test_classes_may_be_called_alike(write):
    assert set(read(write("unit_test/1", "load_test/1")).columns["label"].to_pylist()) == {
        "unit_test",
        "load_test",
    }


def test_one_folder_that_holds_the_classes_names_them(write):
    folder = write("data/README", "data/all/neg/1", "data/all/pos/1")
    with pytest.raises(ConfigError, match=rf"holds one folder.*\. Name {folder / 'data' / 'all'}\."):
        read(folder)


def test_classes_inside_of_numbered_folders(write):
    folder = write("mail1/ham/1", "mail1/spam/1", "mail1/Summary.txt", "mail2/ham/old/2", "mail2/spam/2")
    table = read(folder)
    assert table.columns["label"].to_pylist() == ["ham", "spam", "ham", "spam"]
    assert table.notes[0] == "mail1, mail2 hold the same folders each (ham, spam), which are the labels"
    assert table.notes[1].startswith("left out: 1 file beside these folders, such as ")


def test_classes_inside_of_other_folders_are_not_clear(write):
    with pytest.raises(ConfigError, match=r"so the classes are not clear\. Name one of them, such as "):
        read(write("books/neg/1", "books/pos/1", "films/neg/1", "films/pos/1"))


def test_folders_inside_of_classes_may_be_no_classes(write):
    folder = write("ham/2023/1", "ham/2024/1", "spam/2023/1", "spam/2024/1")
    assert read(folder).columns["label"].to_pylist() == ["ham", "ham", "spam", "spam"]
    assert read(folder).notes == ()


def test_numbered_folders_may_be_parts(write):
    with pytest.raises(ConfigError, match=r"holds parts \(part1, part10\), not classes"):
        read(write("part1/1", "part10/1"))


def test_other_numbered_folders_are_noted(write):
    table = read(write("grade-1/1", "grade-2/1"))
    assert table.columns["label"].to_pylist() == ["grade-1", "grade-2"]
    assert table.notes == ("the labels are the folders grade-1, grade-2, numbered alike: are they classes?",)


def test_numbers_are_classes(write):
    assert read(write("1/1", "2/1")).notes == ()
