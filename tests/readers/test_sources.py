"""Sources that are no single text file: data frames, iterables, folders, workbooks, Arrow files."""

import datetime

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from reader_samples import write_saved

from feinschliff.config import DataConfig
from feinschliff.errors import ConfigError, DataError
from feinschliff.readers import _gather, iter_batches, read


def test_pandas_keeps_kinds_and_leaves_the_index_out():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {"text": ["a", None], "n": [1, 2], "kind": pandas.Categorical(["x", "y"]), "mixed": [1, "b"]},
        index=[7, 8],
    )
    table = read(frame)
    assert table.columns.to_pylist() == [
        {"text": "a", "n": 1, "kind": "x", "mixed": "1"},
        {"text": None, "n": 2, "kind": "y", "mixed": "b"},
    ]
    assert table.notes == ("column 'mixed' mixes kinds of values and is read as text",)
    assert table.place(1) == "<DataFrame>, row 2"
    assert read(frame["text"]).columns.column_names == ["text"]
    assert read(pandas.DataFrame([["a", "x"]])).columns.column_names == ["0", "1"]
    with pytest.raises(DataError, match="there are no rows"):
        read(frame.iloc[:0])


def test_polars_and_arrow():
    rows = [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]
    table = pa.Table.from_pylist(rows)
    assert read(table).columns.to_pylist() == rows
    assert read(table.to_batches()[0]).columns.to_pylist() == rows
    wide = table.cast(pa.schema([("text", pa.large_string()), ("label", pa.string_view())]))
    assert set(read(wide).columns.schema.types) == {pa.string()}
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(rows).with_columns(polars.col("label").cast(polars.Categorical))
    assert read(frame).columns.to_pylist() == rows


def test_hugging_face_data_sets_give_class_names():
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])}
    )
    dataset = datasets.Dataset.from_dict({"text": ["a", "b", "c"], "label": [1, 0, 1]}, features=features)
    assert read(dataset).columns["label"].to_pylist() == ["pos", "neg", "pos"]
    assert read(dataset.select([2, 1])).columns["text"].to_pylist() == ["c", "b"]


def test_class_names_inside_lists():
    features = {
        "tags": {"feature": {"names": ["O", "B-LOC"], "_type": "ClassLabel"}, "_type": "Sequence"},
        "tokens": {"feature": {"dtype": "string", "_type": "Value"}, "_type": "Sequence"},
    }
    metadata = {"huggingface": str({"info": {"features": features}}).replace("'", '"')}
    table = pa.table({"tokens": [["in", "Ulm"], None, ["x"]], "tags": [[0, 1], None, [0]]})
    found = read(table.slice(0, 2).replace_schema_metadata(metadata)).columns.to_pylist()
    assert found[0] == {
        "text": "in Ulm",
        "tokens": ["in", "Ulm"],
        "spans": [{"start": 3, "end": 6, "label": "LOC"}],
    }


def test_iterables():
    assert read(["a", "b"]).columns.to_pylist() == [{"text": "a"}, {"text": "b"}]
    assert read([("a", 1), ("b", 2)]).columns.to_pylist() == [
        {"text": "a", "label": 1},
        {"text": "b", "label": 2},
    ]
    assert read([("a", "b", True)]).columns.column_names == ["text", "text_pair", "label"]
    assert read({"text": ("a", "b"), "label": [1, 2]}).columns.num_rows == 2
    assert read({"text": str(i)} for i in range(20_000)).columns["text"][-1].as_py() == "19999"
    endless = iter_batches((str(i) for i in range(10**9)), batch_rows=3)
    assert next(endless).columns["text"].to_pylist() == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("source", "fact"),
    [
        ([], "there are no rows"),
        ([1, None], "2 faults: row 1: int where a row is expected; row 2: NoneType where"),
        ([("a", 1, 2, 3)], "tuple where a row is expected"),
        ({"text": ["a"], "label": []}, r"not lists of one length \(text: 1, label: 0\)"),
        ({"text": "a"}, "not lists of one length"),
        ([{"text": object()}], None),
    ],
)
def test_iterables_that_hold_no_rows(source, fact):
    if fact is None:
        assert read(source).columns["text"][0].as_py().startswith('"<object object')
        return
    with pytest.raises(DataError, match=fact):
        read(source)


def test_a_folder_of_classes(tmp_path):
    for name, content in {
        "neg/1.txt": b"bad\n",
        "neg/deep/2.txt": b"worse",
        "pos/a": "schön".encode("cp1252"),
        "pos/b.txt": b"",
        "pos/.hidden": b"\0",
        "readme.txt": b"about",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    table = read(tmp_path)
    assert table.columns.to_pylist() == [
        {"text": "bad\n", "label": "neg"},
        {"text": "worse", "label": "neg"},
        {"text": "schön", "label": "pos"},
        {"text": "", "label": "pos"},
    ]
    assert table.place(1) == str(tmp_path / "neg" / "deep" / "2.txt")
    assert table.notes == ("encoding cp1252 (1 file)",)
    (tmp_path / "pos" / "x.png").write_bytes(b"\x89PNG....")
    (tmp_path / "pos" / "y.txt").write_bytes(b"a\0b")
    with pytest.raises(DataError, match=r"2 files cannot be read: .*x\.png: the content is not text"):
        read(tmp_path)


@pytest.fixture
def mails(tmp_path):
    for name in ("ham", "spam"):
        (tmp_path / name).mkdir()
        for i in range(20):
            (tmp_path / name / f"{i}.txt").write_bytes("Grüße aus dem Süden".encode("cp1252"))
    return tmp_path


def test_what_is_no_labelled_text_stays_out_of_the_classes(mails):
    for name in ("unsup/1.txt", "spam/cmds", "spam/a.json"):
        (mails / name).parent.mkdir(exist_ok=True)
        (mails / name).write_text("{}")
    table = read(mails)
    assert set(table.columns["label"].to_pylist()) == {"ham", "spam"}
    assert len(table) == 40
    assert "unsup, texts without a label" in table.notes[0]
    assert "left out: 2 files of other kinds, such as" in table.notes[1]


def test_tables_in_subfolders_are_named(tmp_path):
    (tmp_path / "intent").mkdir()
    (tmp_path / "intent" / "train.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"without subfolders of texts\. Name one .*intent/train\.json"):
        read(tmp_path)


def test_the_files_of_a_folder_agree_on_their_encoding(mails):
    (mails / "spam" / "0.txt").write_bytes(b"caf\xe9 \x8e")  # alone, this looks like an old Macintosh
    (mails / "spam" / "1.txt").write_bytes("안녕하세요 여러분 반갑습니다 오늘도 좋은 하루".encode("cp949"))
    (mails / "spam" / "2.txt").write_bytes(b"caf\x8e \x81")  # no byte of cp1252
    table = read(mails)
    assert len(table) == 38
    assert "café Ž" in table.columns["text"].to_pylist()
    assert table.notes[0] == "encoding cp1252 (38 files)"
    assert table.notes[1].startswith("left out: 2 files that cannot be read: ")
    (mails / "ham" / "x.png").write_bytes(b"\x89PNG....")
    with pytest.raises(DataError, match="3 files cannot be read"):
        read(mails)


def test_a_folder_without_classes_holds_unlabelled_texts(mails):
    table = read(mails / "ham")
    assert table.columns.column_names == ["text", "file"]
    assert table.columns["file"][1].as_py() == "1.txt"


def test_entities_of_brat_stand_beside_their_texts(tmp_path):
    def write(name, content):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content.encode())

    write("a/1.txt", "Neu-\r\nUlm 😀 und Ulm\r\n")
    write(
        "a/1.ann",
        "T1\tLOC 0 4;6 9\tNeu- Ulm\nT2\tLOC 16 19\tUlm\nT3\tPAIR 0 4;16 19\tNeu- Ulm\n"
        "R1\tnear Arg1:T1 Arg2:T2\n#1\tAnnotatorNotes T1\tsic\nT4\tLOC 16 19\tUlm\n",
    )
    write("a/2.txt", "none")
    write("a/2.ann", "")
    write("b/3.txt", "open")
    write("annotation.conf", "[entities]\nLOC\n")
    table = read(tmp_path)
    spans = [
        {"start": s, "end": e, "label": k} for s, e, k in ((0, 9, "LOC"), (0, 19, "PAIR"), (16, 19, "LOC"))
    ]
    assert table.columns.column_names == ["text", "file", "spans"]
    assert table.columns["spans"].to_pylist() == [spans, [], None]
    assert table.notes == ("1 entity of several parts is read from the first to the last character",)
    write("a/2.ann", "T1\tLOC 0\tno\nT2\tLOC 2 5\tne\n")
    with pytest.raises(
        DataError, match=r"2\.ann: 2 faults: line 1: .* is no entity; line 2: the span 2 to 5 "
    ):
        read(tmp_path)


def test_a_folder_of_splits_is_no_folder_of_classes(tmp_path):
    (tmp_path / "train" / "pos").mkdir(parents=True)
    (tmp_path / "test").mkdir()
    with pytest.raises(ConfigError, match=r"holds splits .* not classes"):
        read(tmp_path)


@pytest.fixture
def workbook(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")

    def write(*sheets):
        book = openpyxl.Workbook()
        book.remove(book.active)
        for i, rows in enumerate(sheets):
            sheet = book.create_sheet(f"Tabelle{i + 1}")
            for row in rows:
                sheet.append(row)
        path = tmp_path / "a.xlsx"
        book.save(path)
        return path

    return write


def test_excel_cells_keep_their_kinds(workbook):
    day = datetime.datetime(2024, 5, 1)
    table = read(
        workbook([["text", "stars", "day", "mixed"], ["fine", 5, day, 1], [None], ["bad", 1, day, "x"]])
    )
    assert table.columns.to_pylist() == [
        {"text": "fine", "stars": 5, "day": day, "mixed": "1"},
        {"text": "bad", "stars": 1, "day": day, "mixed": "x"},
    ]
    assert [table.place(i).rpartition(":")[2] for i in range(2)] == ["2", "4"]


def test_excel_takes_the_first_sheet_with_rows(workbook):
    path = workbook([], [["text"], ["a"]], [["other"], ["b"]])
    table = read(path)
    assert table.columns.to_pylist() == [{"text": "a"}]
    assert table.notes == ("sheet 'Tabelle2' is read; for another (data.sheet): 'Tabelle1', 'Tabelle3'",)
    with pytest.raises(DataError, match="no sheet has rows"):
        read(workbook([], []))


def test_excel_takes_the_sheet_that_is_named(workbook):
    path = workbook([["text"], ["a"]], [["text"], ["b"]], [])
    assert read(path, DataConfig(sheet="Tabelle2")).columns.to_pylist() == [{"text": "b"}]
    with pytest.raises(ConfigError, match=r"no sheet 'Tabelle4'.*There are: Tabelle1, Tabelle2, Tabelle3"):
        read(path, DataConfig(sheet="Tabelle4"))
    with pytest.raises(DataError, match="the sheet has no rows"):
        read(path, DataConfig(sheet="Tabelle3"))


def test_excel_without_header_or_with_cells_beyond_it(workbook):
    assert read(workbook([["a text", 1], ["more", 2]])).columns.column_names == ["column_1", "column_2"]
    with pytest.raises(DataError, match="row 3: 2 cells under 1 names"):
        read(workbook([["text"], ["a"], ["b", "c"]]))
    assert read(workbook([["a", "b"], ["c", "d"]]), DataConfig(header=False)).columns.num_rows == 2


def test_old_excel_files_are_named(tmp_path):
    path = tmp_path / "a.xls"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600)
    with pytest.raises(DataError, match="old or encrypted Excel file"):
        read(path)


def test_other_archives_are_no_workbooks(tmp_path):
    import zipfile

    pytest.importorskip("openpyxl")
    with zipfile.ZipFile(tmp_path / "a.csv", "w") as archive:
        archive.writestr("a.csv", "text")
    with pytest.raises(DataError, match=r"is a ZIP archive but no Excel workbook\. Unpack it"):
        read(tmp_path / "a.csv")


def test_a_missing_extra_names_the_command(monkeypatch, workbook):
    import sys

    path = workbook([["text"], ["a"]])
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(ConfigError.__mro__[1], match=r"pip install 'feinschliff\[excel\]'"):
        read(path)


def test_arrow_streams_and_compressed_feather(tmp_path):
    table = pa.table({"text": ["a", "b"]})
    with pa.OSFile(str(tmp_path / "a.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    pyarrow.feather.write_feather(table, tmp_path / "b.feather", compression="zstd")
    assert read(tmp_path / "a.arrow").columns.equals(table)
    assert read(tmp_path / "b.feather").columns.equals(table)


def test_saved_data_sets_are_read_with_all_splits(tmp_path):
    for name in ("train", "test", "unsupervised"):
        write_saved(tmp_path / name, [{"text": name}], [{"text": f"{name} too"}])
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "test", "unsupervised"]}')
    table = read(tmp_path)
    assert table.columns["text"].to_pylist() == ["train", "train too", "test", "test too"]
    assert table.columns["split"].to_pylist() == ["train", "train", "test", "test"]
    assert table.notes == (f"left out: {tmp_path / 'unsupervised'}, no split for train, dev or test",)
    (tmp_path / "test" / "data-00001-of-00002.arrow").unlink()
    with pytest.raises(DataError, match=r"state\.json: names a part that is not there: data-00001-of-"):
        read(tmp_path)
    (tmp_path / "test" / "state.json").write_text("[]")
    with pytest.raises(DataError, match=r"state\.json: does not say what the folder holds"):
        read(tmp_path)


def test_one_part_of_several_is_noted(tmp_path):
    write_saved(tmp_path / "a", [{"text": "a"}], [{"text": "b"}])
    note = "one of 2 parts of the data, as its name says; the others are not read"
    assert read(tmp_path / "a" / "data-00000-of-00002.arrow").notes == (note,)
    assert read(tmp_path / "a").notes == ()
    write_saved(tmp_path / "b", [{"text": "a"}])
    assert read(tmp_path / "b" / "data-00000-of-00001.arrow").notes == ()


def test_bytes_that_are_not_utf8_do_not_get_in(tmp_path):
    array = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")]
    )
    with pytest.raises(DataError, match="the data is damaged"):
        read(pa.table({"text": array}))
    pa.parquet.write_table(pa.table({"text": array}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="the data is damaged"):
        read(tmp_path / "a.parquet")


def test_large_sources_lie_on_disk(tmp_path, monkeypatch):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f'{{"text": "row {i}", "n": {i}}}\n' for i in range(60_000)))
    monkeypatch.setattr(_gather, "MEMORY_BYTES", 100_000)
    before = pa.total_allocated_bytes()
    table = read(path)
    assert table.columns.num_rows == 60_000
    assert table.columns["text"][-1].as_py() == "row 59999"
    assert table.place(59_999).endswith(":60000")
    assert pa.total_allocated_bytes() - before < 1_500_000


def test_kinds_that_differ_between_disk_and_memory(monkeypatch):
    rows = [{"text": "a", "n": 1}] * 20_000 + [{"text": "b", "n": "x"}] * 20_000
    monkeypatch.setattr(_gather, "MEMORY_BYTES", 100_000)
    table = read(rows)
    assert table.columns["n"][0].as_py() == "1"
    assert table.columns["n"][-1].as_py() == "x"


def test_entities_of_bionlp_stand_beside_their_texts(tmp_path):
    for name, content in (("txt", "Ulm"), ("a1", "T1\tLOC 0 3\tUlm\n"), ("a2", "E1\tGrowth:T2 Theme:T1\n")):
        (tmp_path / f"1.{name}").write_text(content)
    table = read(tmp_path)
    assert table.columns["spans"].to_pylist() == [[{"start": 0, "end": 3, "label": "LOC"}]]
    assert table.notes == ()
