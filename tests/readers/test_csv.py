import csv
import io

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feinschliff.config import DataConfig
from feinschliff.errors import ConfigError, DataError
from feinschliff.readers import _csv_fast, iter_batches, read, write_table
from feinschliff.readers import csv as reader
from feinschliff.readers._input import open_input
from feinschliff.readers._problems import Problems


@pytest.fixture
def write(tmp_path):
    def write(text, name="a.csv"):
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def rows(table):
    return [tuple(row.values()) for row in table.columns.to_pylist()]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_finds_the_delimiter(write, delimiter):
    lines = [["text", "label"], ["one, two; three", "a"], ["four | five", "b"], ["six", "a"]]
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter).writerows(lines)
    table = read(write(stream.getvalue()))
    assert rows(table) == [("one, two; three", "a"), ("four | five", "b"), ("six", "a")]
    assert table.notes == ({",": (), "\t": ("delimiter tab",)}.get(delimiter, (f"delimiter '{delimiter}'",)))


def test_takes_the_named_delimiter(write):
    path = write("text:label\na, b:x\nc:y\n")
    assert rows(read(path, DataConfig(delimiter=":"))) == [("a, b", "x"), ("c", "y")]
    with pytest.raises(ConfigError, match=r"data\.delimiter: '::' is not one character"):
        read(path, DataConfig(delimiter="::"))


@pytest.mark.parametrize("name", ["a.txt", "SMSCollection"])
@pytest.mark.parametrize("delimiter", ["\t", ";", "|"])
def test_a_text_and_its_label_in_a_file_without_a_suffix(write, name, delimiter):
    lines = [f"sentence number {n}, of many{delimiter}{'joy' if n % 3 else 'fear'}\n" for n in range(12)]
    table = read(write("".join(lines), name))
    assert rows(table)[1] == ("sentence number 1, of many", "joy")


def test_texts_with_a_semicolon_are_no_tables(write):
    path = write("".join(f"it was so; number {n} of it\n" for n in range(12)), "a.txt")
    assert read(path).columns.column_names == ["text"]
    named = read(path, DataConfig(delimiter=";"))
    assert rows(named)[1] == ("it was so", " number 1 of it")


@pytest.mark.parametrize("name", ["a.txt", "a", "a.dat"])
def test_a_named_delimiter_makes_a_table(write, name):
    table = read(write("good.@pos\nbad.@neg\n", name), DataConfig(delimiter="@", header=False))
    assert rows(table) == [("good.", "pos"), ("bad.", "neg")]


def test_a_column_called_like_another_is_noted(write):
    table = read(write("text,label,label\none,a,x\ntwo,b,y\n"))
    assert table.columns.column_names == ["text", "label", "label_3"]
    assert table.notes == ("a second column is called 'label' and is read as 'label_3'",)


def test_one_column_keeps_its_commas(write):
    assert rows(read(write("text\nHello, world\nBye\n"))) == [("Hello, world",), ("Bye",)]
    assert rows(read(write('text\n"Hello, world"\nBye\n'))) == [("Hello, world",), ("Bye",)]


def test_knows_lines_past_quoted_line_breaks_and_blank_lines(write):
    path = write('text,label\n"two\nlines",a\n\nplain,b\n"three\r\n\r\nlines",c\nlast,d')
    table = read(path)
    assert [table.place(i).rpartition(":")[2] for i in range(4)] == ["2", "5", "6", "9"]
    assert rows(table)[2] == ("three\r\n\r\nlines", "c")


def test_empty_cells_are_missing(write):
    assert rows(read(write('text,label\n,a\n"",b\nx,\n'))) == [(None, "a"), (None, "b"), ("x", None)]


def test_words_for_nothing_stay_words(write):
    assert rows(read(write("text,label\nNA,null\nnan,None\n"))) == [("NA", "null"), ("nan", "None")]


def test_reports_all_rows_of_another_width_at_once(write):
    path = write("text,label\n" + "fine,a\n" * 5 + "one, two,b\n" * 7 + "alone\n")
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(caught.value) == (
        f"{path}: 8 faults: line 7: 3 cells; line 8: 3 cells; line 9: 3 cells; line 10: 3 cells; "
        "line 11: 3 cells; ... Expected 2 cells with ',' between them. "
        "Put cells that hold the delimiter into double quotes, or set data.delimiter."
    )


def test_says_where_a_quote_was_opened(write):
    text = 'text,label\n"fine, quoted",a\n' + '"say ""hi""",b\n' * 5 + '"never closed,b\nmore, text,c\n'
    with pytest.raises(DataError, match=r"a\.csv:8: a quote opens here and is never closed"):
        read(write(text))


def test_quotes_may_be_ordinary_characters(write):
    table = read(write('text\tlabel\n"Hello\ta\n5" screen\tb\nsaid "no"\ta\n', "a.tsv"))
    assert rows(table) == [('"Hello', "a"), ('5" screen', "b"), ('said "no"', "a")]
    late = "text,label\n" + "plain,a\n" * 500 + '"late" quote,b\n'
    table = read(write(late))
    assert rows(table)[-1] == ('"late" quote', "b")
    assert table.notes == ("quotes as ordinary characters",)


def test_quotes_may_follow_a_backslash(write):
    table = read(write('text,label\n"say \\"hi\\", then go",a\n"b",c\n'))
    assert rows(table) == [('say "hi", then go', "a"), ("b", "c")]


def test_quotes_may_follow_a_space(write):
    assert rows(read(write('label, text\nx, "a, b"\ny, "c"\n'))) == [("x", "a, b"), ("y", "c")]


def test_single_quotes(write):
    text = "Web;Das, sagt er.\nEtat;'Er sagte; ''ja'' und \"nein\"'\nWeb;Rock 'n' Roll\n"
    assert rows(read(write(text)))[1] == ("Etat", "Er sagte; 'ja' und \"nein\"")
    assert rows(read(write("a,b\n'tis,1\nx,'y\n"))) == [("'tis", "1"), ("x", "'y")]


def test_single_quotes_around_cells_without_a_delimiter(write):
    table = read(write("'Web';'Gut, sehr gut.'\n'Etat';'Schlecht.'\n'Web';'Es geht.'\n"))
    assert rows(table) == [("Web", "Gut, sehr gut."), ("Etat", "Schlecht."), ("Web", "Es geht.")]
    assert table.notes[0] == "single quotes"
    assert rows(read(write("text,label\n'so ''it'' is',a\n" + "plain,b\n" * 20)))[0] == ("so 'it' is", "a")
    few = "text,label\n'so it is',a\n" + "plain,b\n" * 20
    assert rows(read(write(few)))[0] == ("'so it is'", "a")


def test_empty_cells_beyond_the_last_column(write):
    assert rows(read(write("label,text\nham,Hi,,\nspam,Buy\n"))) == [("ham", "Hi"), ("spam", "Buy")]
    with pytest.raises(DataError, match=":3: 3 cells"):
        read(write("label,text\nham,Hi\nspam,Buy,now\n"))


def test_rows_that_go_on_beyond_the_others(write):
    plain, wide = '1.5\t"Good\tso\n', "2\tBad\tno\thttp://a\thttp://b\n"
    path = write(plain * 300 + wide * 2 + plain)
    table = read(path)
    assert rows(table)[-2:] == [
        ("2", "Bad", "no", "http://a", "http://b"),
        ("1.5", '"Good', "so", None, None),
    ]
    assert "2 rows have up to 5 cells, the others 3: what is missing is empty" in table.notes
    batches = list(iter_batches(path, batch_rows=200))
    assert [row for batch in batches for row in rows(batch)] == rows(table)
    for text in (
        plain * 9 + wide,
        "n\ta\tb\n" + plain * 9 + wide * 2,
        (plain * 9 + wide * 2).replace("\t", ","),
    ):
        with pytest.raises(DataError, match=r"5 cells"):
            read(write(text))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("ham,Go until\nspam,Free entry\nham,Ok\n", ["column_1", "column_2"]),
        ("5,great\n1,bad\n", ["column_1", "column_2"]),
        ("this first line is quite clearly a text and no name,a\nb,c\n", ["column_1", "column_2"]),
        ("Great product!\nBad.\n", ["column_1"]),
        ('"te\nxt",label\na,b\n', ["te\nxt", "label"]),
        ("0,1\nx,y\n", ["0", "1"]),
        (",0,1\n0,x,y\n", ["column_1", "0", "1"]),
        ("v1,v2,,\nham,text,,\n", ["v1", "v2", "column_3", "column_4"]),
        ("text,text\na,b\n", ["text", "text_2"]),
    ],
)
def test_tells_names_from_values(write, text, names):
    assert read(write(text)).columns.column_names == names


def test_takes_the_word_of_the_user_about_the_header(write):
    path = write("good,pos\nbad,neg\n")
    assert rows(read(path)) == [("bad", "neg")]
    assert rows(read(path, DataConfig(header=False))) == [("good", "pos"), ("bad", "neg")]


def test_old_macintosh_line_ends(write):
    table = read(write("text,label\ra,b\rc,d\r"))
    assert rows(table) == [("a", "b"), ("c", "d")]
    assert table.place(1).endswith(":3")


def test_batches_report_faults_early(write):
    path = write("text,label\n" + "fine,a\n" * 10 + "bad\n" + "fine,a\n" * 10)
    batches = iter_batches(path, batch_rows=4)
    assert len(next(batches)) == 4
    with pytest.raises(DataError, match=r":12: one cell"):
        list(batches)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.lists(st.text(alphabet='ab",\r\n ü😀\\', max_size=6), min_size=2, max_size=2),
        min_size=1,
        max_size=8,
    ),
    st.booleans(),
)
def test_the_quick_and_the_exact_way_agree(tmp_path_factory, cells, windows):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    write_table(pa.table({"text": [text for text, _ in cells], "label": [label for _, label in cells]}), path)
    if windows:
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
        cells = [[cell.replace("\n", "\r\n") for cell in row] for row in cells]
    file = open_input(path)
    encoding, dialect = reader._look(file, DataConfig(header=True, delimiter=","))
    problems = Problems("a")
    exact = list(reader._rows(file, encoding, dialect, 100, problems))
    expected = [[cell or None for cell in row] for row in cells]
    assert not problems.count
    assert [list(row.values()) for row in exact[0].columns.to_pylist()] == expected
    try:
        quick = _csv_fast.read(file, dialect)
    except _csv_fast.NotWellFormed:
        return
    assert quick.columns.to_pylist() == exact[0].columns.to_pylist()
    assert quick.lines == exact[0].lines


def test_the_quick_way_takes_chunks_of_any_size(write, monkeypatch):
    text = "text,label\n" + "".join(
        f'"row {i}\nwith ""quotes"", yes",{i}\nplain {i},x\n' for i in range(20_000)
    )
    monkeypatch.setattr(_csv_fast, "BLOCK_BYTES", 10_007)
    file = open_input(write(text))
    _, dialect = reader._look(file, DataConfig())
    table = _csv_fast.read(file, dialect)
    assert len(table) == 40_000
    assert table.lines.to_pylist() == [line for i in range(20_000) for line in (2 + 3 * i, 4 + 3 * i)]


def test_cells_are_strings(write):
    assert set(read(write("text,label,n\na,1,1.5\nb,2,2.5\n")).columns.schema.types) == {pa.string()}


def test_quotes_far_behind_the_beginning_are_read_alike_in_parts(write):
    plain = "".join(f"sentence number {n} of many,neg\n" for n in range(9000))
    path = write("text,label\n" + plain + '"Great" he said to me,neg\n')
    parts = list(iter_batches(path, batch_rows=4096))
    assert sum(map(len, parts)) == 9001
    assert (
        parts[-1].columns["text"][-1].as_py()
        == read(path).columns["text"][-1].as_py()
        == '"Great" he said to me'
    )


def test_the_line_that_tells_excel_the_separator(write):
    table = read(write("sep=;\r\nText;Note\r\nGut, sehr gut;1\r\nSchlecht;2\r\n"))
    assert table.columns.to_pydict() == {"Text": ["Gut, sehr gut", "Schlecht"], "Note": ["1", "2"]}
    assert table.place(0).endswith(":3")


def test_a_title_above_the_names(write):
    table = read(write("Kundenbefragung 2024;;\nText;Note;Ort\nGut;1;Ulm\nSchlecht;2;Bonn\nNaja;3;Kiel\n"))
    assert table.columns.column_names == ["Text", "Note", "Ort"]
    assert (len(table), table.place(0)[-2:]) == (3, ":3")
    assert "the first line is a title and is passed over" in table.notes
    blank = read(write('\n"Report\nof May",,\ntext,label,n\nhello there,ham,x\nbuy now,spam,y\n'))
    assert blank.columns.column_names == ["text", "label", "n"]
    assert (len(blank), blank.place(0)[-2:]) == (2, ":5")
    for plain in (",text\ndoc1,Hello\ndoc2,Good\n", "text;\nHello world;ham\nGood bye;spam\n"):
        assert len(read(write(plain))) == 2
    index = read(write(",text\n0,Gut\n1,Schlecht\n2,Naja\n"))  # as data frames are written
    assert (index.columns.column_names[1], len(index)) == ("text", 3)
