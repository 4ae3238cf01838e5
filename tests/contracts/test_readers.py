"""What every reader promises; new ones are found by themselves and ask for a sample."""

import gzip
import io
import sys
from types import SimpleNamespace

import pyarrow as pa
import pytest
from reader_samples import SAMPLES, file_samples

from feinschliff import registry
from feinschliff.config import DataConfig
from feinschliff.errors import DataError, FeinschliffError
from feinschliff.readers import Table, iter_batches, read

NAMES = [name for name in registry.names("readers") if SAMPLES.get(name, True)]

TEXT_FORMATS = [
    "csv",
    "json",
    "jsonl",
    "text",
    "conll",
    "spans",
    "doccano",
    "label_studio",
    "fasttext",
    "pubtator",
    "dygie",
]
NO_DATA = [b"", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), b"\0" * 100]


def make(name, folder):
    assert name in SAMPLES, f"write a sample of '{name}' in tests/contracts/reader_samples.py"
    return SAMPLES[name](folder)


@pytest.mark.parametrize("name", registry.names("readers"))
def test_describes_itself(name):
    module = registry.load("readers", name)
    assert isinstance(module.SUFFIXES, tuple)
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in module.SUFFIXES)
    assert module.DESCRIPTION.endswith(".")
    assert "\n" not in module.DESCRIPTION
    is_found = module.SUFFIXES or hasattr(module, "accepts")
    assert is_found or "only where it is named" in module.DESCRIPTION, "how else would it be found?"


@pytest.mark.parametrize("name", NAMES)
def test_reads_back_what_was_written(name, tmp_path):
    source, expected = make(name, tmp_path)
    table = read(source)
    assert isinstance(table, Table)
    assert table.columns.to_pylist() == expected
    assert all(isinstance(note, str) for note in table.notes)


@pytest.mark.parametrize("name", NAMES)
def test_every_row_knows_its_place(name, tmp_path):
    source, expected = make(name, tmp_path)
    table = read(source)
    places = table.places().to_pylist()
    assert places == [table.place(row) for row in range(len(expected))]
    assert len(set(places)) == len(expected)
    assert table.lines is None or table.lines.type == pa.int64()
    assert table.slice(1, 2).places().to_pylist() == places[1:3]


@pytest.mark.parametrize("name", NAMES)
def test_batches_are_the_whole(name, tmp_path):
    source, expected = make(name, tmp_path)
    tables = list(iter_batches(source, batch_rows=2))
    assert [row for table in tables for row in table.columns.to_pylist()] == expected
    assert all(len(table) <= 2 for table in tables)
    places = [place for table in tables for place in table.places().to_pylist()]
    assert places == read(source).places().to_pylist()


@pytest.mark.parametrize("name", file_samples())
def test_can_be_named(name, tmp_path):
    source, expected = make(name, tmp_path)
    path = source.rename(tmp_path / "data.bin")
    assert read(str(path), DataConfig(format=name)).columns.to_pylist() == expected


@pytest.mark.parametrize("compression", ["gz", "zst"])
@pytest.mark.parametrize("name", file_samples())
def test_reads_compressed_files(name, compression, tmp_path):
    source, expected = make(name, tmp_path)
    data = source.read_bytes()
    packed = gzip.compress(data) if compression == "gz" else pa.Codec("zstd").compress(data, asbytes=True)
    path = tmp_path / f"{source.name}.{compression}"
    path.write_bytes(packed)
    assert read(path).columns.to_pylist() == expected
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(FeinschliffError):
        read(path)


@pytest.mark.parametrize("name", file_samples())
def test_reads_standard_input(name, tmp_path, monkeypatch):
    source, expected = make(name, tmp_path)
    data = SimpleNamespace(buffer=io.BytesIO(source.read_bytes()))
    monkeypatch.setattr(sys, "stdin", data)
    table = read("-", DataConfig(format=name))
    assert table.columns.to_pylist() == expected
    assert table.name == "<stdin>"


@pytest.mark.parametrize("name", TEXT_FORMATS)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_takes_byte_order_marks_and_windows_line_ends(name, encoding, tmp_path):
    source, expected = make(name, tmp_path)
    windows = source.read_bytes().decode().replace("\n", "\r\n")
    source.write_bytes(windows.encode(encoding))
    rows = read(source).columns.to_pylist()
    for row in rows:
        row["text"] = row["text"].replace("\r\n", "\n")
    assert rows == expected


@pytest.mark.parametrize("name", file_samples())
@pytest.mark.parametrize("content", NO_DATA, ids=["empty", "png", "zeros"])
def test_refuses_what_is_not_its_format(name, content, tmp_path):
    source, _ = make(name, tmp_path)
    source.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read(source)
    assert str(caught.value).startswith(str(source))


@pytest.mark.parametrize("name", ["csv", "json", "jsonl", "parquet", "text"])
def test_reading_again_gives_the_same(name, tmp_path):
    source, _ = make(name, tmp_path)
    assert read(source).columns.equals(read(source).columns)
