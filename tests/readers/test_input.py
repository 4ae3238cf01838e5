import os
import re

import pytest

from feinschliff.config import DataConfig
from feinschliff.errors import ConfigError, DataError
from feinschliff.readers import _encoding, read


def refuse(kind, source, **options):
    with pytest.raises(kind) as caught:
        read(source, DataConfig(**options))
    return str(caught.value)


def write(path, data):
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def test_a_missing_file_suggests_the_nearest(tmp_path):
    write(tmp_path / "reviews.csv", "a")
    message = refuse(ConfigError, tmp_path / "review.csv")
    assert message == (
        f"{tmp_path}/review.csv: no such file or folder. Did you mean '{tmp_path}/reviews.csv'?"
    )
    assert "does not exist either" in refuse(ConfigError, tmp_path / "no" / "x.csv")
    assert "Download the file first" in refuse(ConfigError, "https://example.org/a.csv")
    assert refuse(ConfigError, "x" * 5000)


def test_an_empty_file(tmp_path):
    path = write(tmp_path / "a.csv", "")
    assert refuse(DataError, path) == f"{path}: the file is empty."


def test_a_header_without_rows(tmp_path):
    path = write(tmp_path / "a.csv", "text,label\n")
    assert refuse(DataError, path).startswith(f"{path}: there is a header line but no rows below it.")


def test_a_folder_that_holds_no_classes(tmp_path):
    write(tmp_path / "a.csv", "text\nx\n")
    write(tmp_path / "readme.txt", "about\n")
    message = refuse(ConfigError, tmp_path)
    assert "is a folder without subfolders" in message
    assert "Name one of its files: a.csv, readme.txt" in message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path):
    path = write(tmp_path / "a.csv", "text\nx\n")
    path.chmod(0)
    assert "Permission denied" in refuse(ConfigError, path)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(range(200)), "begins like a PNG image"),
        (b"PK\x03\x04" + b"x" * 100, "begins like a ZIP archive"),
        (b"%PDF-1.7 ...", "begins like a PDF document"),
        (b"text,label\nfine,pos\nb\0d,neg\n", ":3: the content is not text: a NUL byte"),
        (bytes(range(1, 30)) * 20, "the content is not text"),
    ],
)
def test_what_is_not_text(tmp_path, content, what):
    assert what in refuse(DataError, write(tmp_path / "a.csv", content), format="csv")


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.tsv", "#FORMAT=WebAnno TSV 3.3\n\n1-1\t0-3\tUlm\tLOC\n", "WebAnno's TSV"),
        ("a.xml", "<?xml version='1.0'?>\n<reviews/>\n", "XML"),
        ("b.xml", '<reviews n="2">\n  <review/>\n</reviews>\n', "XML"),
        ("a.sgm", '<!DOCTYPE news SYSTEM "news.dtd">\n<NEWS>\n', "XML"),
        ("a.mbox", "From a@b.de Mon Nov 23 10:00:00 2026\nSubject: x\n", "a mailbox"),
    ],
)
def test_known_formats_that_are_not_read(tmp_path, name, content, what):
    path = write(tmp_path / name, content)
    assert f"looks like {what}, which is not read. Write JSON Lines" in refuse(DataError, path)
    assert read(path, DataConfig(format="text")).columns.column_names == ["text"]


def test_a_text_that_begins_with_a_tag_is_no_xml(tmp_path):
    path = write(tmp_path / "a.txt", "<b>Fine</b>, it is.\n<p>\nBad.\n")
    assert read(path).columns["text"].to_pylist() == ["<b>Fine</b>, it is.", "<p>", "Bad."]


def test_texts_with_a_suffix_nobody_knows_are_no_sentences_of_tokens(tmp_path):
    table = read(write(tmp_path / "a.raw", "It was so.\nit\n0\n"))
    assert table.columns["text"].to_pylist() == ["It was so.", "it", "0"]
    assert table.notes == ("read as text",)


def test_an_unknown_format_suggests_the_nearest(tmp_path):
    path = write(tmp_path / "a.csv", "text\nx\n")
    assert "Did you mean 'parquet'?" in refuse(ConfigError, path, format="parket")


def test_a_suffix_nobody_knows_is_read_by_content(tmp_path):
    path = write(tmp_path / "a.data", "text,label\nfine,pos\nawful,neg\n")
    table = read(path)
    assert table.columns.column_names == ["text", "label"]
    assert table.notes == ("read as csv",)


def test_plain_text_without_a_name_stays_text(tmp_path):
    path = write(tmp_path / "a", "Good, nice\nBad, awful\nSo, so\n")
    assert len(read(path).columns["text"]) == 3


def test_a_whole_file_is_one_text_where_that_is_said(tmp_path):
    content = "Vertrag, geschlossen in Ulm\r\n\r\n§ 1 Zweck\n\nDauer: „ein Jahr“\r"
    path = tmp_path / "contract.txt"
    path.write_bytes(content.encode("cp1252"))
    table = read(path, DataConfig(format="document"))
    assert table.columns.to_pylist() == [{"text": content}]
    assert (table.place(0), table.notes) == (f"{path}:1", ("encoding cp1252",))


def test_lines_that_look_like_one_text_are_said_to_be_read_one_by_one(tmp_path):
    said = "where the file is one text: --set data.format=document"
    document = write(tmp_path / "contract.txt", "\nAn agreement\n\n1. Term\n")
    assert read(document).notes[-1].endswith(said)
    for content in ("good\nbad\n", "\ngood\nbad\n\n", "good\n\n"):
        assert read(write(tmp_path / "texts.txt", content)).notes == ()


@pytest.mark.parametrize("name", ["train.ft.txt", "cooking.train", "reviews"])
def test_fasttext(tmp_path, name):
    path = write(tmp_path / name, "__label__2 Great CD: nice\n\n  __label__1 Bad, a __label\nopen\n")
    table = read(path)
    assert table.columns.to_pydict() == {
        "text": ["Great CD: nice", "Bad, a __label", "open"],
        "label": ["2", "1", None],
    }
    assert table.lines.to_pylist() == [1, 3, 4]
    path = write(tmp_path / name, "__label__sauce __label__hot Why?\nWie? __label__sauce\nopen\n")
    assert read(path).columns["label"].to_pylist() == [["sauce", "hot"], ["sauce"], []]


def test_what_is_no_source():
    assert "'int' is no source of rows" in refuse(ConfigError, 5)
    assert "'bytes' is no source of rows" in refuse(ConfigError, b"text")
    assert "is no source for the format 'folder'" in refuse(ConfigError, "a.csv", format="folder")


def test_magic_bytes_win_over_the_suffix(tmp_path):
    import pyarrow.parquet

    path = tmp_path / "a.csv"
    pyarrow.parquet.write_table(pyarrow.table({"text": ["fine"]}), path)
    assert read(path).notes == ("read as parquet",)


def test_pipes_are_read(tmp_path):
    import threading

    path = tmp_path / "pipe"
    os.mkfifo(path)
    threading.Thread(target=lambda: path.write_bytes(b"text,label\nfine,pos\nbad,neg\n")).start()
    assert len(read(path, DataConfig(format="csv"))) == 2


GERMAN = "text,label\n" + "Die Größe „stimmt“ – schöne Maße für 5 €.,pos\nüberhaupt nicht,neg\n" * 20


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings_are_found_and_named(tmp_path, encoding):
    path = write(tmp_path / "a.csv", GERMAN.encode(encoding))
    table = read(path)
    assert table.columns["text"][0].as_py() == "Die Größe „stimmt“ – schöne Maße für 5 €."
    assert table.columns.column_names == ["text", "label"]
    assert table.notes == (f"encoding {encoding}",)


@pytest.mark.parametrize("encoding", ["cp850", "mac_roman"])
def test_old_encodings_of_western_text_are_told_apart(tmp_path, encoding):
    text = "text\n" + "Die Größe der Straße überrascht: schöne Äpfel, Öl und Übung für jeden.\n" * 3
    path = write(tmp_path / "a.csv", text.encode(encoding))
    table = read(path)
    assert table.columns["text"][0].as_py().startswith("Die Größe der Straße überrascht: schöne Äpfel")
    assert f"encoding {encoding}" in table.notes


def test_other_scripts_are_not_guessed(tmp_path):
    path = write(tmp_path / "a.csv", ("text,label\n" + "Очень хороший фильм,да\n" * 20).encode("cp1251"))
    message = refuse(DataError, path)
    assert message.startswith(f"{path}:2: the bytes are neither UTF-8")
    assert "data.encoding" in message
    assert read(path, DataConfig(encoding="cp1251")).columns["label"][0].as_py() == "да"


def test_a_wrong_named_encoding_says_line_and_byte(tmp_path):
    path = write(tmp_path / "a.csv", GERMAN.encode("cp1252"))
    message = refuse(DataError, path, encoding="utf-8")
    assert re.search(r"a\.csv:2: byte 18 \(0xf6\) is not utf-8", message)
    assert "Did you mean 'latin" in refuse(ConfigError, path, encoding="latin-one")
    for name in ("base64", "idna", "punycode", "rot13"):
        assert "there is no text encoding" in refuse(ConfigError, path, encoding=name)


def test_a_file_of_two_encodings_is_repaired_and_counted(tmp_path):
    path = write(tmp_path / "a.csv", GERMAN.encode() + "noch schöner,pos\n".encode("cp1252"))
    table = read(path)
    assert table.columns["text"][-1].as_py() == "noch schöner"
    assert table.notes == ("encoding utf-8, but 1 other bytes, the first in line 42, read as cp1252",)


def test_characters_cut_by_a_chunk_stay_whole(tmp_path):
    text = "text\n" + "€" * (1 << 20) + "\n"
    path = write(tmp_path / "a.csv", "x" + text)
    assert read(path).notes == ()


def test_lines_that_never_end_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(_encoding, "MAX_LINE_BYTES", 1 << 21)
    path = write(tmp_path / "a.txt", "x" * (3 << 20))
    assert "a line has more than" in refuse(DataError, path)


def test_a_damaged_archive(tmp_path):
    path = write(tmp_path / "a.csv.gz", b"\x1f\x8b\x08\x00garbage garbage")
    assert "the compressed data is damaged" in refuse(DataError, path)
