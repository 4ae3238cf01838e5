"""Every token of every text is in some window, windows fit, and lengths are those of the whole text."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

import tiny
from feinschliff.encode import LINE_BREAK, Encoded, chunks, is_separated, tokenise
from feinschliff.models.load import load_tokenizer

KINDS = ("wordpiece", "bytes", "unigram")
WORDS = ["the", "soup", "was", "wonderful", "terrible", "zebra", "Straße", "日本", "🙂", ",", "\n", "  "]
sentences = st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join)


@pytest.fixture(scope="module")
def tokenizers():
    return {kind: tiny.tokenizer_of(kind, 64) for kind in KINDS}


class Counting:
    """A tokenizer that notes how many characters each call brings."""

    def __init__(self, tokenizer):
        self.tokenizer, self.sizes = tokenizer, []

    def __call__(self, *texts, **options):
        self.sizes.append(sum(len(text) for side in texts for text in side))
        return self.tokenizer(*texts, **options)

    def __getattr__(self, name):
        return getattr(self.tokenizer, name)


def windows_of(encoded: Encoded, record: int) -> list[np.ndarray]:
    first = encoded.first_window
    return [
        encoded.input_ids[encoded.starts[w] : encoded.starts[w + 1]]
        for w in range(first[record], first[record + 1])
    ]


@given(
    texts=st.lists(sentences, max_size=6),
    kind=st.sampled_from(KINDS),
    limit=st.integers(8, 40),
    overlap=st.integers(0, 30),
)
def test_windows_cover_every_token(tokenizers, texts, kind, limit, overlap):
    tokenizer = tokenizers[kind]
    encoded = tokenise(tokenizer, texts, max_length_tokens=limit, overlap_tokens=overlap)
    shared = min(overlap, (limit - 2) // 2)
    assert encoded.num_records == len(texts)
    assert encoded.cut == 0
    assert (encoded.lengths <= limit).all()
    assert (np.diff(encoded.record) >= 0).all()
    for record, text in enumerate(texts):
        whole = tokenizer(text)["input_ids"]
        assert encoded.full_lengths[record] == len(whole)
        windows = windows_of(encoded, record)
        joined = list(windows[0][1:-1])
        for window in windows[1:]:
            assert list(window[1 : 1 + shared]) == joined[len(joined) - shared :]
            joined += list(window[1 + shared : -1])
        assert joined == whole[1:-1]
        assert all(w[0] == whole[0] and w[-1] == whole[-1] for w in windows)


@pytest.mark.parametrize("paired", [False, True])
def test_the_tokenizer_is_given_few_characters_at_once(tokenizers, monkeypatch, paired):
    tokenizer = Counting(tokenizers["wordpiece"])
    texts = ["the soup was wonderful " * (1 + i % 30) for i in range(90)]
    pairs, pieces = (texts[::-1], "tokens") if paired else (None, "first")
    whole = tokenise(tokenizer, texts, pairs, max_length_tokens=32, label_pieces=pieces)
    assert max(tokenizer.sizes) > 20_000
    tokenizer.sizes.clear()
    monkeypatch.setattr(chunks, "CHARACTERS", 2_000)
    found = tokenise(tokenizer, texts, pairs, max_length_tokens=32, label_pieces=pieces)
    for name, value in vars(whole).items():
        assert np.array_equal(value, getattr(found, name)), name
    assert max(tokenizer.sizes) <= 2_000


@given(lengths=st.lists(st.integers(0, 3 * 2**20), max_size=20), most=st.integers(1, 5))
def test_chunks_hold_every_text_once(lengths, most):
    texts = [range(length) for length in lengths]
    found = list(chunks.chunks(texts, most=most))
    assert [row for rows in found for row in range(len(texts))[rows]] == list(range(len(texts)))
    for rows in found:
        num = rows.stop - rows.start
        assert 1 <= num <= most
        assert num == 1 or sum(lengths[rows]) <= chunks.CHARACTERS


@given(
    texts=st.lists(sentences, max_size=6), limit=st.integers(8, 40), ends=st.tuples(*[st.integers(0, 6)] * 2)
)
def test_a_part_is_what_taking_its_records_gives(tokenizers, texts, limit, ends):
    encoded = tokenise(tokenizers["wordpiece"], texts, max_length_tokens=limit, label_pieces="first")
    begin, end = sorted(min(end, len(texts)) for end in ends)
    part, taken = encoded.part(begin, end), encoded.take(np.arange(begin, end))
    for name, value in vars(part).items():
        assert np.array_equal(value, getattr(taken, name)), name


@given(texts=st.lists(sentences, max_size=6), limit=st.integers(8, 40))
def test_truncation_keeps_the_beginning_and_counts_the_cut(tokenizers, texts, limit):
    tokenizer = tokenizers["wordpiece"]
    encoded = tokenise(tokenizer, texts, max_length_tokens=limit, windows=False)
    whole = [tokenizer(text)["input_ids"] for text in texts]
    assert encoded.num_windows == len(texts)
    assert encoded.cut == sum(len(ids) > limit for ids in whole)
    assert list(encoded.full_lengths) == [len(ids) for ids in whole]
    for record, ids in enumerate(whole):
        (window,) = windows_of(encoded, record)
        assert list(window) == (ids if len(ids) <= limit else [*ids[: limit - 1], ids[-1]])


@given(pairs=st.lists(st.tuples(sentences, sentences), max_size=6), limit=st.integers(8, 40))
@example(pairs=[("the " * 8 + "wonderful", "the " * 7 + "wonderful")], limit=8)
def test_pairs_are_cut_as_the_tokenizer_cuts_them(tokenizers, pairs, limit):
    tokenizer = tokenizers["wordpiece"]
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    encoded = tokenise(tokenizer, first, second, max_length_tokens=limit)
    assert encoded.num_windows == len(pairs)
    for record, (a, b) in enumerate(pairs):
        expected = tokenizer([a], [b], truncation="longest_first", max_length=limit)
        (window,) = windows_of(encoded, record)
        assert list(window) == expected["input_ids"][0]
        begin, end = encoded.starts[record], encoded.starts[record + 1]
        assert list(encoded.token_type_ids[begin:end]) == expected["token_type_ids"][0]
        assert encoded.full_lengths[record] == len(tokenizer([a], [b])["input_ids"][0])
    assert encoded.cut == int((encoded.full_lengths > limit).sum())


def test_a_pair_of_very_long_texts_has_one_window(tokenizers):
    long = "the soup was wonderful " * 5000
    encoded = tokenise(tokenizers["wordpiece"], [long, "a"], [long, "b"], max_length_tokens=32)
    assert list(encoded.lengths) == [32, 5]
    assert encoded.cut == 1
    assert encoded.full_lengths[0] == 2 * len(tokenizers["wordpiece"].tokenize(long)) + 3


def test_a_text_of_200000_words(tokenizers):
    encoded = tokenise(tokenizers["wordpiece"], ["soup " * 200_000], max_length_tokens=512, overlap_tokens=32)
    assert encoded.full_lengths[0] == 200_002
    assert encoded.num_windows == 1 + -(-(200_000 - 510) // (510 - 32))
    assert encoded.windowed == 1
    cut = tokenise(tokenizers["wordpiece"], ["soup " * 200_000], max_length_tokens=512, windows=False)
    assert (cut.num_windows, cut.cut, cut.full_lengths[0]) == (1, 1, 200_002)


def test_a_text_without_tokens_gets_one():
    backend = Tokenizer(models.WordLevel({"[PAD]": 0, "a": 1}, unk_token="[PAD]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    from transformers import PreTrainedTokenizerFast

    bare = PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="[PAD]")
    encoded = tokenise(bare, ["", "a a", "  "], max_length_tokens=8, label_pieces="first")
    assert list(encoded.lengths) == [1, 2, 1]
    assert list(encoded.input_ids) == [0, 1, 1, 0]
    assert encoded.offsets.tolist() == [[0, 0], [0, 1], [2, 3], [0, 0]]


def test_no_texts(tokenizers):
    encoded = tokenise(tokenizers["bytes"], [], max_length_tokens=8)
    assert (encoded.num_records, encoded.num_windows, encoded.cut) == (0, 0, 0)
    assert encoded.token_type_ids is None


def test_more_texts_than_a_chunk_keep_their_order(tokenizers):
    texts = [f"soup {n % 7} " * (1 + n % 5) for n in range(2100)]
    encoded = tokenise(tokenizers["wordpiece"], texts, max_length_tokens=8, overlap_tokens=2)
    for record in (0, 1023, 1024, 2099):
        alone = tokenise(tokenizers["wordpiece"], [texts[record]], max_length_tokens=8, overlap_tokens=2)
        assert np.array_equal(np.concatenate(windows_of(encoded, record)), alone.input_ids)


@pytest.mark.parametrize(("name", "separated"), [("gpt2", False), ("bert", True), ("roberta", True)])
def test_the_texts_of_a_pair_do_not_run_into_each_other(encoder, name, separated):
    tokenizer = load_tokenizer(encoder(name))
    assert is_separated(tokenizer) == separated
    between = "" if separated else LINE_BREAK
    first, second = ["the soup", "the"], ["was fine", "soup was fine"]
    options = {"max_length_tokens": 32, "label_pieces": "tokens"}
    encoded = tokenise(tokenizer, first, second, between=between, **options)
    one, two = (np.concatenate(windows_of(encoded, record)).tolist() for record in (0, 1))
    assert one != two
    for record, (a, b) in enumerate(zip(first, second, strict=True)):
        begin, end = encoded.starts[record], encoded.starts[record + 1]
        joined = f"{a}\n{b}"
        shown = [joined[s:e].strip() for s, e in encoded.offsets[begin:end]]
        assert "".join(shown) == joined.replace(" ", "").replace("\n", "")
