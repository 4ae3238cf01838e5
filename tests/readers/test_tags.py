import pytest
from hypothesis import given
from hypothesis import strategies as st

from feinschliff.config import DataConfig
from feinschliff.errors import ConfigError, DataError
from feinschliff.readers import _tags, read

SCHEMES = ["iob1", "iob2", "bioes", "bilou"]
SENTENCES = st.lists(
    st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["O", "PER", "LOC"])), min_size=1, max_size=6),
    min_size=1,
    max_size=5,
)


def encode(sentence, scheme):
    """Return (tags, entities) of a sentence of (length, type); written apart from the decoder."""
    tags, entities, before = [], [], "O"
    for length, kind in sentence:
        if kind == "O":
            tags += ["O"] * length
        else:
            entities.append((len(tags), len(tags) + length, kind))
            begin = "B" if scheme != "iob1" or before == kind else "I"
            prefixes = begin + "I" * (length - 1)
            if scheme in ("bioes", "bilou"):
                end, single = ("E", "S") if scheme == "bioes" else ("L", "U")
                prefixes = single if length == 1 else prefixes[:-1] + end
            tags += [f"{prefix}-{kind}" for prefix in prefixes]
        before = kind
    return tags, entities


@pytest.mark.parametrize("scheme", SCHEMES)
@given(SENTENCES)
def test_decodes_what_was_encoded(scheme, sentences):
    for sentence in sentences:
        tags, entities = encode(sentence, scheme)
        split = [_tags.split_tag(tag, scheme) for tag in tags]
        assert list(_tags.to_entities(split)) == entities
        pairs = zip([("O", ""), *split], [*split, ("O", "")], strict=True)
        assert not any(_tags.fault(before, tag, scheme) for before, tag in pairs)


@pytest.mark.parametrize("scheme", SCHEMES)
@given(SENTENCES)
def test_finds_a_scheme_that_gives_the_same_entities(scheme, sentences):
    encoded = [encode(sentence, scheme) for sentence in sentences]
    found = _tags.find_scheme({pair for tags, _ in encoded for pair in _tags.pairs_of(tags)})
    for tags, entities in encoded:
        split = [_tags.split_tag(tag, found) for tag in tags]
        assert list(_tags.to_entities(split)) == entities


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        ("I-A I-A O I-B B-B", "iob1"),
        ("B-A I-A O B-B", "iob2"),
        ("B-A I-A O I-B", "iob2"),
        ("B-A E-A S-B", "bioes"),
        ("B-A L-A U-B", "bilou"),
        ("PER PER O LOC", "io"),
        ("O O", "iob2"),
    ],
)
def test_tells_schemes_apart(tags, scheme):
    assert _tags.find_scheme(set(_tags.pairs_of(tags.split()))) == scheme


@pytest.fixture
def write(tmp_path):
    def write(text, name="a.conll"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def spans(table, row=0):
    return [(s["start"], s["end"], s["label"]) for s in table.columns["spans"][row].as_py()]


GOOD = "Anna B-PER\nSmith I-PER\nsah O\nUlm B-LOC\n\n" * 3


def test_all_illegal_tags_are_reported_at_once(write):
    path = write(GOOD + "in O\nBad I-LOC\nEms I-LOC\n\nIch O\nBonn I-LOC\n")
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(caught.value) == (
        f"{path}: 2 faults: line 17: tag 'I-LOC' follows 'O', which IOB2 does not allow; expected 'B-LOC'; "
        "line 21: tag 'I-LOC' follows 'O', which IOB2 does not allow; expected 'B-LOC'. "
        "Set data.tag_scheme=iob1 to accept it."
    )
    assert spans(read(path, DataConfig(tag_scheme="iob1")), 3) == [(3, 10, "LOC")]


def test_prefixes_in_lower_case(write):
    text = "anna b-per\nsmith i-per\nsah o\nulm b-loc\n\n" * 3
    assert spans(read(write(text))) == [(0, 10, "per"), (15, 18, "loc")]
    assert spans(read(write(text.upper()))) == [(0, 10, "PER"), (15, 18, "LOC")]
    bilou = "anna b-per\nsmith l-per\nsah o\nulm u-loc\n\n"
    assert spans(read(write(bilou))) == [(0, 10, "per"), (15, 18, "loc")]
    with pytest.raises(DataError, match="tag 'I-loc' follows 'O'"):
        read(write(text + "in o\nulm i-loc\n"))


def test_types_that_look_like_prefixes_in_lower_case(write):
    table = read(write("a@b.de e-mail\nund O\nanna person\n\n", "a.conll"))
    assert spans(table) == [(0, 6, "e-mail"), (11, 15, "person")]
    assert spans(read(write("a@b.de e-mail\nund O\n\n"))) == [(0, 6, "e-mail")]


def test_an_entity_that_never_ends(write):
    path = write("Anna B-PER\nSmith E-PER\nUlm B-LOC\nist O\n\nBonn S-LOC\n")
    with pytest.raises(DataError, match=r":4: tag 'O' follows 'B-LOC', .* expected 'E-LOC'"):
        read(path)


def test_a_named_scheme_is_noted_by_nobody(write):
    path = write("Anna I-PER\nsah O\n\nUlm I-LOC\n")
    assert read(path).notes == ("tag scheme iob1",)
    assert read(path, DataConfig(tag_scheme="iob1")).notes == ()


def test_four_columns_documents_and_comments(write):
    table = read(
        write(
            "-DOCSTART- -X- -X- O\n\n# a comment\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\n# NNP B-NP O\n\n"
            "-DOCSTART- -X- -X- O\n\nUlm NNP B-NP B-LOC\n"
        )
    )
    assert table.columns["text"].to_pylist() == ["EU rejects", "#", "Ulm"]
    assert table.columns["document"].to_pylist() == [1, 1, 2]
    assert [spans(table, i) for i in range(3)] == [[(0, 2, "ORG")], [], [(0, 3, "LOC")]]
    assert table.notes == ("tokens in column 1, tags in column 4 of 4 (data.tag_column)",)
    assert table.place(2).endswith(":11")


def test_germeval_counts_its_tokens_and_nests_its_tags(write):
    table = read(
        write(
            "#\thttp://example.org [2009-10-17]\n1\tDie\tO\tO\n2\tUni\tB-ORG\tO\n3\tUlm\tI-ORG\tB-LOC\n\n"
            "1\tKöln\tB-LOC\tO\n",
            "a.tsv",
        )
    )
    assert table.columns["tokens"].to_pylist() == [["Die", "Uni", "Ulm"], ["Köln"]]
    assert spans(table) == [(4, 11, "ORG")]


def test_the_last_column_may_hold_no_tags(write):
    text = "in\tO\tO\t_\nUlm\tB-LOC\tB-LOC-city\tQ3\n\n" * 3
    assert spans(read(write(text))) == [(3, 6, "LOC-city")]
    assert spans(read(write(text, "a.tsv"), DataConfig(tag_column="2"))) == [(3, 6, "LOC")]
    sick = "a man\ta person\tB_neutral_A\tTRAIN\n"  # a pair of sentences
    assert "spans" not in read(write(sick * 9, "b.tsv")).columns.column_names
    with pytest.raises(ConfigError, match=r"no column '5'.*There are: 1, 2, 3, 4"):
        read(write(text), DataConfig(tag_column="5"))


def test_types_without_prefixes_are_found_by_the_tokens_outside(write):
    for name, text in (("a.txt", "in\tO\nUlm\tcity\n\nja\tO\n"), ("b.txt", "Bonn LOC-B\nlebt O\n\nja O\n")):
        assert len(read(write(text, name)).columns["spans"].to_pylist()) == 2
    assert "spans" not in read(write("Ulm\tcity\nBonn\tcity\n\nja\tO\n", "c.tsv")).columns.column_names


def test_a_row_may_name_the_columns(write):
    rows = "in\tO\tO\t_\nUlm\tB-LOC\tO\tEndOfSentence\nund\tO\tO\t_\n"
    hipe = write("TOKEN\tNE-COARSE-LIT\tNE-NESTED\tMISC\n# language = de\n" + rows, "a.tsv")
    assert [spans(read(hipe), i) for i in range(2)] == [[(3, 6, "LOC")], []]
    assert spans(read(hipe, DataConfig(tag_column="NE-NESTED"))) == []
    assert read(write("Token Tag\nUlm city\nin O\n")).columns["text"].to_pylist() == ["Ulm in"]


@pytest.mark.parametrize("comment", ["# id 7 x", "# id", "# id 7\tdomain=de"])
def test_comments_as_wide_as_the_file(write, comment):
    table = read(write(f"{comment}\nin _ _ O\nUlm _ _ B-LOC\n# _ _ O\n\n# _ _ B-SIGN\n\n" * 2, "a.txt"))
    assert table.columns["text"].to_pylist() == ["in Ulm #", "#"] * 2
    two = read(write("# 0\nin O\nUlm B-LOC\n\n# 1\nin O\nBonn B-LOC\n", "b.txt"))
    assert two.columns["text"].to_pylist() == ["in Ulm", "in Bonn"]


def test_another_scheme_is_no_remedy_for_what_is_no_tag(write):
    with pytest.raises(DataError, match=r"'x'.*Tags are O, B-TYPE and I-TYPE\.$"):
        read(write(GOOD + "in x\n"))


def test_tags_without_names(write):
    assert spans(read(write("Anna B\nSmith I\nsah O\n"))) == [(0, 10, "entity")]


def test_lines_of_another_width(write):
    with pytest.raises(DataError, match=r":3: one column\. Expected 2 columns"):
        read(write("Anna B-PER\nsah O\nUlm\nBonn B-LOC\nOst I-LOC\n"))


def test_tokens_and_tags_in_other_formats_become_spans():
    rows = [{"tokens": ["Anna", "sah", "Bad", "Ems"], "ner_tags": ["B-PER", "O", "B-LOC", "I-LOC"]}]
    table = read(rows)
    assert table.columns.column_names == ["text", "tokens", "spans"]
    assert spans(table) == [(0, 4, "PER"), (9, 16, "LOC")]
    with pytest.raises(DataError, match=r"row 1: 2 tokens but 1 tag\. Each token needs one tag\.$"):
        read([{"tokens": ["a", "b"], "tags": ["O"]}])
    assert read([{"tokens": ["Nur", "Text"]}]).columns["text"].to_pylist() == ["Nur Text"]


def test_the_tag_may_stand_first(write):
    two = "O\tin\nB-LOC\tNew\nI-LOC\tYork\n\nO\tja\n"
    four = "O\t0\t2\tin\nB-LOC\t3\t6\tNew\nI-LOC\t7\t11\tYork\n\nO\t12\t14\tja\n"
    chunks = "O\t0\tin\tB-PP\nB-LOC\t3\tNew\tB-NP\nI-LOC\t7\tYork\tI-NP\n\nO\t12\tja\tO\n"
    for lines in (two, four, chunks):
        table = read(write(lines, "a.bio"))
        assert table.columns["text"].to_pylist() == ["in New York", "ja"]
        assert table.columns["spans"].to_pylist() == [[{"start": 3, "end": 11, "label": "LOC"}], []]


def test_one_sentence_without_an_end_is_pointed_out(write):
    lines = "in O\nUlm B-LOC\n" * 300
    (note,) = read(write(lines, "a.bio")).notes
    assert note.startswith("no blank line stands between sentences")
    assert not read(write(lines + "\nja O\n", "a.bio")).notes


def test_the_language_before_each_token_is_taken_off(write):
    table = read(write("de:in\tO\nde:Ulm\tB-LOC\n\nde::\tO\n", "train"))
    assert table.columns["tokens"].to_pylist() == [["in", "Ulm"], [":"]]
    assert table.columns["spans"].to_pylist() == [[{"start": 3, "end": 6, "label": "LOC"}], []]
    assert table.notes == ("read as conll", "'de:' before each token is taken off")
    assert read(write("de:in\tO\nen:Ulm\tB-LOC\n", "train")).columns["text"][0].as_py() == "de:in en:Ulm"


def test_a_word_in_each_row_with_the_number_of_its_sentence(write):
    rows = "sentence_id;word;ner\n7;In;O\n7;Ulm;I-LOC\n8;Köln;I-LOC\n8;;O\n"
    table = read(write(rows, "a.csv"))
    assert table.columns["text"].to_pylist() == ["In Ulm", "Köln"]
    assert table.columns["spans"].to_pylist()[1] == [{"start": 0, "end": 4, "label": "LOC"}]
    assert table.place(1).endswith(":4")
    plain = read(write("sentence_id,word,label\n1,big,1\n2,small,0\n", "b.csv"))
    assert plain.columns.column_names == ["sentence_id", "word", "label"]


def test_words_between_blank_lines(write):
    for blank in ("\n", ",\n"):
        table = read(write(f"word,tag\nIn,O\nUlm,B-LOC\n{blank}Köln,B-LOC\nist,O\n", "a.csv"))
        assert table.columns["text"].to_pylist() == ["In Ulm", "Köln ist"]
        assert spans(table) == [(3, 6, "LOC")]
    with pytest.raises(
        DataError, match=r"each row is one word, and no column numbers the sentences\. Such as"
    ):
        read(write("word,tag\nIn,O\nUlm,B-LOC\nKöln,B-LOC\nist,O\n", "a.csv"))


@pytest.mark.parametrize("num_between", [1, 300])
def test_a_quote_may_be_a_word(write, num_between):
    quotes = ('2\t"\tO\n' + "2\tso\tO\n" * num_between) * 2
    table = read(write(f"sentence_id\ttoken\tner\n1\tIn\tO\n1\tUlm\tB-LOC\n{quotes}", "a.tsv"))
    assert table.columns["tokens"].to_pylist() == [["In", "Ulm"], ['"', *["so"] * num_between] * 2]
    assert table.notes == ("quotes as ordinary characters",)
