"""Which folders are the classes, where they lie deeper than one level or are none."""

import pytest

from feinschliff.errors import ConfigError, DataError
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


def test_versions_of_one_corpus_are_no_classes(write):
    names = [f"{kind}/part{i}/{i}-msg{n}.txt" for kind in ("bare", "stop") for i in (1, 2) for n in (1, 2)]
    with pytest.raises(ConfigError, match=r"hold the same 4 files each: versions .* not classes"):
        read(write(*names))
    write("bare/part1/more.txt")
    assert set(read(write(*names)).columns["label"].to_pylist()) == {"bare", "stop"}


def test_numbered_texts_of_numbered_parts_are_no_versions(write):
    names = [f"{kind}/part{i}/{n}.txt" for kind in ("neg", "pos") for i in (1, 2) for n in (1, 2)]
    assert set(read(write(*names)).columns["label"].to_pylist()) == {"neg", "pos"}


def test_classes_that_differ_in_a_number_are_pointed_out(write):
    table = read(write("ham/1", "spam/1", "spam_2/1"))
    assert table.notes == ("the folders 'spam' and 'spam_2' are two labels: if they are one, join them",)
    assert "are they classes?" in read(write("../mails/000/1", "../mails/001/1") / "../mails").notes[0]


def test_a_list_of_labels_beside_the_texts(write):
    folder = write("data/mail.1", "data/mail.2", "data/mail.3")
    (folder / "full").mkdir()
    listed = folder / "full" / "index"
    listed.write_text("spam ../data/mail.1\nham ../data/mail.3\n")
    with pytest.raises(ConfigError, match=rf"labels stand in a list .*Name the list, such as {listed}"):
        read(folder)
    table = read(listed)
    assert table.columns.to_pylist() == [
        {"text": "data/mail.1", "label": "spam"},
        {"text": "data/mail.3", "label": "ham"},
    ]
    assert table.place(1).endswith("mail.3")
    outside = folder.parent / f"{folder.name}-secret"
    outside.write_text("nobody's mail")
    listed.write_text(f"spam ../data/mail.1\nham ../data/mail.9\nham ../../{outside.name}\nham\n")
    with pytest.raises(
        DataError, match=r"3 faults: line 2: there is no file .*mail\.9.*line 4: 'ham' is no label"
    ):
        read(listed)


def test_a_file_for_each_split_is_named(write):
    folder = write("test.txt", "dev.txt", "train.txt")
    with pytest.raises(
        ConfigError, match=rf"Name them: {folder}/train.txt --dev .*/dev.txt --test .*/test.txt"
    ):
        read(folder)


def test_files_of_one_format_are_one_table(tmp_path):
    for i, word in enumerate(("Ulm", "Bonn")):
        (tmp_path / f"{i}.conll").write_text(f"in O\n{word} B-LOC\n\nja O\n")
    table = read(tmp_path)
    assert table.columns["text"].to_pylist() == ["in Ulm", "ja", "in Bonn", "ja"]
    assert table.columns["document"].to_pylist() == [0, 0, 1, 1]
    assert table.place(2) == f"{tmp_path}/1.conll:1"
