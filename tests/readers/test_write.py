import json
import tempfile

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feinschliff.config import DataConfig
from feinschliff.errors import ConfigError, DataError
from feinschliff.readers import TableWriter, read, write_table

TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc"]) | st.sampled_from("\t\n\r"), max_size=12
)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
@given(cells=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=6))
def test_what_was_written_reads_back(tmp_path_factory, suffix, cells):
    path = tmp_path_factory.mktemp("write") / f"a{suffix}"
    columns = pa.table({"text": [text or None for text, _ in cells], "x": [x or None for _, x in cells]})
    write_table(columns.cast(pa.schema([("text", pa.string()), ("x", pa.string())])), path)
    assert read(path, DataConfig(header=True)).columns.to_pylist() == columns.to_pylist()


def test_single_columns_keep_their_empty_rows(tmp_path):
    write_table(pa.table({"text": ["a", None, "b"]}), tmp_path / "a.csv")
    assert read(tmp_path / "a.csv").columns["text"].to_pylist() == ["a", None, "b"]


def test_lists_are_json_in_csv(tmp_path):
    write_table(pa.table({"text": ["a"], "labels": [["x", "y"]], "score": [0.5]}), tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == 'text,labels,score\na,"[""x"", ""y""]",0.5\n'


def test_parts_become_one_file(tmp_path):
    with TableWriter(tmp_path / "a.jsonl") as writer:
        writer.write(pa.table({"text": ["ä"]}))
        assert not (tmp_path / "a.jsonl").exists()
        writer.write(pa.table({"text": ["b"]}))
    assert (tmp_path / "a.jsonl").read_text() == '{"text": "ä"}\n{"text": "b"}\n'
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_failure_leaves_the_old_file(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"old")

    def write():
        with TableWriter(path) as writer:
            writer.write(pa.table({"text": ["new"]}))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_refuses_what_it_cannot_write(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot be written as '\.docx'\. One of \.csv, \.tsv"):
        TableWriter(tmp_path / "a.docx")
    with pytest.raises(ConfigError, match=r"the folder .* does not exist"):
        TableWriter(tmp_path / "no" / "a.csv")
    (tmp_path / "b.csv").mkdir()
    with pytest.raises(ConfigError, match="is a folder"):
        TableWriter(tmp_path / "b.csv")


def test_what_a_killed_writer_left_is_removed_and_a_living_ones_is_not(tmp_path):
    target = tmp_path / "out[1].csv"
    (tmp_path / ".out[1].csv-abcdefgh.unfinished").write_text("text\n", encoding="utf-8")
    (tmp_path / ".out[1].csv-my own").write_text("text\n", encoding="utf-8")
    rows = pa.table({"text": ["a"]})
    with TableWriter(target) as slow:
        assert len(list(tmp_path.glob("*.unfinished"))) == 1
        write_table(rows, target)
        slow.write(rows)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".out[1].csv-my own", "out[1].csv"]


def test_another_writer_that_clears_up_between_making_and_locking_a_file_does_no_harm(tmp_path, monkeypatch):
    target, rows, make, others = tmp_path / "out.csv", pa.table({"text": ["a"]}), tempfile.mkstemp, []

    def disturbed(*arguments):
        made = make(*arguments)
        if not others:
            others.append(True)
            write_table(rows, target)
        return made

    monkeypatch.setattr(tempfile, "mkstemp", disturbed)
    write_table(pa.table({"text": ["b"]}), target)
    assert target.read_text("utf-8") == "text\nb\n"
    assert [p.name for p in tmp_path.iterdir()] == ["out.csv"]


def test_json_has_no_word_for_what_is_no_number(tmp_path):
    write_table(
        pa.table({"text": ["a", "b", "c"], "x": [float("nan"), float("inf"), 1.5]}), tmp_path / "a.jsonl"
    )
    rows = [json.loads(line, parse_constant=pytest.fail) for line in (tmp_path / "a.jsonl").open()]
    assert [row["x"] for row in rows] == [None, None, 1.5]
    inner = pa.table({"text": ["a"], "e": [[1.0, float("nan")]], "s": [{"x": float("inf")}]})
    write_table(inner, tmp_path / "b.jsonl")
    row = json.loads((tmp_path / "b.jsonl").read_text(), parse_constant=pytest.fail)
    assert (row["e"], row["s"]) == ([1.0, None], {"x": None})


def test_objects_without_keys_and_columns_that_change_in_parquet(tmp_path):
    write_table(pa.table({"text": ["a"], "meta": pa.array([{}], pa.struct([]))}), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet").columns["meta"].to_pylist() == ["{}"]
    with TableWriter(tmp_path / "b.parquet") as writer:
        writer.write(pa.table({"text": ["a"], "x": [1]}))
        with pytest.raises(DataError, match=r"after 1 rows values are of another kind.*Write \.jsonl"):
            writer.write(pa.table({"text": ["b"], "x": ["one"]}))


def test_a_link_stays_one(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "out.csv").symlink_to(tmp_path / "there" / "real.csv")
    for text in ("a", "b"):
        write_table(pa.table({"text": [text]}), tmp_path / "out.csv")
        assert (tmp_path / "out.csv").is_symlink()
        assert (tmp_path / "there" / "real.csv").read_text() == f"text\n{text}\n"
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["out.csv", "real.csv", "there"]


def test_a_links_own_name_chooses_the_format(tmp_path):
    for suffix, begins in ((".jsonl", b'{"text"'), (".tsv", b"text\tn"), (".parquet", b"PAR1")):
        link, target = tmp_path / f"out{suffix}", tmp_path / f"object-{suffix[1:]}"
        link.symlink_to(target)
        write_table(pa.table({"text": ["a"], "n": [1]}), link)
        assert target.read_bytes().startswith(begins)
    (tmp_path / "self.csv").symlink_to(tmp_path / "self.csv")
    with pytest.raises(ConfigError, match="cannot be written"):
        write_table(pa.table({"text": ["a"]}), tmp_path / "self.csv")


def test_cells_of_csv_are_as_empty_in_formats_that_know_missing_ones(tmp_path):
    (tmp_path / "a.csv").write_text("text,labels\none,a;b\ntwo,\n")
    (tmp_path / "a.jsonl").write_text('{"text": "one", "labels": "a;b"}\n{"text": "two", "labels": null}\n')
    for name, cell in (("a.csv", ""), ("a.jsonl", None)):
        columns = read(tmp_path / name, DataConfig()).with_empty_cells()
        assert columns["labels"].to_pylist() == ["a;b", cell]
