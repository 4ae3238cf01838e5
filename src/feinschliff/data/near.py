"""Find near duplicates: texts in which at most two words in eleven differ, order aside.

Words are compared in lower case, without punctuation and signs that nobody sees (soft hyphens, zero-width
spaces), as bags (a word that stands twice counts twice). Texts of fewer than `SHORT` words must be the same
words in the same order: there, one word makes another meaning.
MinHash signatures of the bags, cut into bands, propose candidate pairs; each is then verified by its true
number of differing words. Everything is vectorised over Arrow and NumPy arrays and hashed by content.
Cost is linear: in a bucket of more than `SMALL_BUCKET` texts each is compared with its first and next only.

Source: Broder, On the resemblance and containment of documents, 1997; Leskovec, Rajaraman, Ullman, Mining of
Massive Datasets, section 3.4 (banding). How bands and limits were chosen: docs/experiments.md.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

DIFFERING = 2 / 11
"""Largest share of differing words in a near duplicate: every text with one word in ten changed is one."""
SHORT = 8
NUM_BANDS, ROWS_PER_BAND = 16, 4
SMALL_BUCKET = 6
MOST_COMPARED = 200
LONG = 512
"""Longer texts are sampled for the comparison once all texts together pass `BUDGET` words."""
BUDGET = 64_000_000
_CHUNK = 8_192
_UNSEEN = r"\p{Cf}+"
_NO_WORD = r"[^\pL\pN\pM]+"
_MIX = np.uint64(0xD6E8FEB86659FD93)
_LOW = 2**31 - 1
_WITHOUT_BLANKS = r"([\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Khmer}\p{Lao}\p{Myanmar}])"


@dataclass(frozen=True)
class Bags:
    """The words of all texts, hashed, as rows of a sparse matrix.

    Attributes:
        starts: int64 [N + 1].
        words: int32, ascending within a text; those of text i at `words[starts[i]:starts[i + 1]]`.
        size: int32 [N], number of words.
        below: int32 [N], how many of them have a hash below the bound for sampling.
        sampled: bool [N], whether only those are stored.
        sequence: uint64 [N], equal for the same words in the same order.
    """

    starts: np.ndarray
    words: np.ndarray
    size: np.ndarray
    below: np.ndarray
    sampled: np.ndarray
    sequence: np.ndarray

    def __len__(self) -> int:
        return len(self.size)

    def differing(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Return float64 [P]: the share of words that differ between texts a[i] and b[i], of the longer one.

        Where a text is sampled, this is an estimate.
        """
        from scipy.sparse import csr_array

        shape = (len(self), _LOW)
        matrix = csr_array((np.ones(len(self.words), dtype=np.int8), self.words, self.starts), shape=shape)
        matrix.has_canonical_format = True
        result = np.empty(len(a))
        step = max(1, 8_000_000 // max(1, len(self.words) // max(1, len(self))))
        for i in range(0, len(a), step):
            left, right = a[i : i + step], b[i : i + step]
            shared = np.diff(matrix[left].multiply(matrix[right]).indptr)
            longer = np.where(
                self.sampled[left] | self.sampled[right],
                np.maximum(self.below[left], self.below[right]),
                np.maximum(self.size[left], self.size[right]),
            )
            result[i : i + step] = 1 - shared / np.maximum(longer, 1)
        return result

    def similar(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Return bool [P]: whether texts a[i] and b[i] are near duplicates."""
        same = self.sequence[a] == self.sequence[b]
        longer = np.maximum(self.size[a], self.size[b])
        close = np.minimum(self.size[a], self.size[b]) >= (1 - DIFFERING) * longer - 1e-6
        unsure = np.flatnonzero(~same & close & (longer >= SHORT))
        same[unsure] = self.differing(a[unsure], b[unsure]) <= DIFFERING + 1e-6
        return same


def near_duplicates(texts: pa.Array) -> tuple[np.ndarray, Bags]:
    """Return (int64 [N], the smallest row number of each row's near-duplicate cluster; the bags).

    Clusters are the connected components of all pairs found: what is nearly the same as one row of a cluster
    belongs to it.
    """
    bags, bands = sketch(texts)
    a, b = candidates(bands)
    found = bags.similar(a, b)
    return components(a[found], b[found], len(texts)), bags


def matches(bags: Bags, cluster: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return int64 [len(left)]: a text of `right` that is a near duplicate of each text of `left`, or -1.

    A cluster chains texts, so not every two of it are near duplicates of each other. Beyond `MOST_COMPARED`
    texts of one cluster on the right, its first is taken unseen.

    Args:
        cluster: int64 [N], from `near_duplicates`.
        left, right: int64, text numbers.
    """
    right = right[np.lexsort((right, cluster[right]))]
    begin = np.searchsorted(cluster[right], cluster[left], side="left")
    counts = np.searchsorted(cluster[right], cluster[left], side="right") - begin
    compared = np.minimum(counts, MOST_COMPARED)
    owner = np.repeat(np.arange(len(left)), compared)
    offset = np.arange(len(owner)) - np.repeat(np.cumsum(compared) - compared, compared)
    partner = right[begin[owner] + offset]
    found = np.full(len(left), -1, dtype=np.int64)
    unseen = counts > MOST_COMPARED
    found[unseen] = right[begin[unseen]]
    hit = np.flatnonzero((left[owner] == partner) | bags.similar(left[owner], partner))[::-1]
    found[owner[hit]] = partner[hit]
    return found


def components(a: np.ndarray, b: np.ndarray, num_rows: int) -> np.ndarray:
    """Return int64 [N]: the smallest row number connected to each row by the pairs (a[i], b[i])."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(a), dtype=np.int8), (a, b)), shape=(num_rows, num_rows))
    numbers = connected_components(graph, directed=False)[1]
    _, first = np.unique(numbers, return_index=True)
    return first[numbers].astype(np.int64)


def candidates(bands: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (a, b), int64 [P], a < b: the pairs of rows that agree in a band, without repeats.

    Args:
        bands: uint64 [NUM_BANDS, N].
    """
    num_rows = bands.shape[1]
    if num_rows < 2:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    bits = np.uint64((num_rows - 1).bit_length())
    rows = np.arange(num_rows, dtype=np.uint64)
    pairs: list[np.ndarray] = []
    for keys in bands:
        packed = np.sort(((keys >> bits) << bits) | rows)  # one sort of plain numbers; ties in row order
        ordered = packed >> bits
        order = (packed & ((np.uint64(1) << bits) - np.uint64(1))).astype(np.int64)
        begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        sizes = np.diff(np.r_[begins, num_rows])
        is_large = np.repeat(sizes > SMALL_BUCKET, sizes)
        found = [np.repeat(order[begins], sizes)[is_large] * num_rows + order[is_large]]
        for distance in range(1, min(SMALL_BUCKET, num_rows)):
            left = np.flatnonzero(ordered[distance:] == ordered[:-distance])
            left = left if distance == 1 else left[~is_large[left]]
            found.append(order[left] * num_rows + order[left + distance])
        pairs += found
    codes = np.sort(np.concatenate(pairs))
    codes = codes[np.r_[True, codes[1:] != codes[:-1]]] if len(codes) else codes
    a, b = np.divmod(codes, num_rows)
    return a[a < b], b[a < b]


def sketch(texts: pa.Array) -> tuple[Bags, np.ndarray]:
    """Return the bags of all texts, and the band keys, uint64 [NUM_BANDS, N], of their MinHash signatures."""
    num_rows = len(texts)
    bands = np.empty((NUM_BANDS, num_rows), dtype=np.uint64)
    sequence = np.empty(num_rows, dtype=np.uint64)
    size, below, kept = (np.empty(num_rows, dtype=np.int32) for _ in range(3))
    parts: list[np.ndarray] = []
    rate = _sampling_rate(texts)
    bound = int(rate * _LOW)
    for start in range(0, num_rows, _CHUNK):
        chunk = slice(start, min(start + _CHUNK, num_rows))
        words, counts = _words(texts.slice(start, _CHUNK))
        starts = np.concatenate([[0], np.cumsum(counts)])
        size[chunk] = counts
        sequence[chunk] = _in_order(words, starts)
        bag = _bag(words, counts)
        small = bag < bound
        below[chunk] = np.add.reduceat(small, starts[:-1], dtype=np.int32)
        stay = small | np.repeat(counts <= LONG, counts)
        kept[chunk] = np.add.reduceat(stay, starts[:-1], dtype=np.int32)
        parts.append(bag if rate == 1 else bag[stay])
        bands[:, chunk] = _band_keys(bag, starts)
    flat = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32)
    offsets = np.concatenate([[0], np.cumsum(kept, dtype=np.int64)])
    return Bags(offsets, flat, size, below, kept < size, sequence), bands


def _sampling_rate(texts: pa.Array) -> float:
    """Return the share of words kept of long texts, so that all bags fit the budget."""
    num_bytes = pc.sum(pc.binary_length(texts)).as_py() or 0
    return min(1.0, BUDGET / max(num_bytes / 6, 1))  # a word and its blank take some six bytes


def _in_order(words: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return uint64 [N]: a hash of each text's words in their order."""
    place = (np.arange(len(words)) - np.repeat(starts[:-1], np.diff(starts))).astype(np.uint64)
    with np.errstate(over="ignore"):
        mixed = (words ^ (place * np.uint64(0x9E3779B97F4A7C15))) * np.uint64(0xFF51AFD7ED558CCD)
        mixed ^= mixed >> np.uint64(32)
        return np.add.reduceat(mixed * np.uint64(0xC2B2AE3D27D4EB4F), starts[:-1])


def _bag(words: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return int32: the words of each text as 31-bit hashes, ascending; repeats get hashes of their own.

    No hash stands twice in a text: `Bags.differing` takes the sparse matrix of them to be canonical.
    """
    rows = np.repeat(np.arange(len(counts), dtype=np.int64), counts) << 31
    keys = np.sort(rows | (words >> np.uint64(33)).astype(np.int64))
    tries = 0
    while len(again := np.flatnonzero(keys[1:] == keys[:-1]) + 1):  # a new hash may be another word's
        begins = np.r_[True, keys[1:] != keys[:-1]]
        nth = again - np.flatnonzero(begins)[np.cumsum(begins)[again] - 1] + (tries << 24)
        with np.errstate(over="ignore"):
            mixed = ((keys[again] & _LOW).astype(np.uint64) + (nth.astype(np.uint64) << np.uint64(32))) * _MIX
        keys[again] = (keys[again] & ~_LOW) | (mixed >> np.uint64(33)).astype(np.int64)
        keys.sort()
        tries += 1
    return (keys & _LOW).astype(np.int32)


def _words(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return (uint64 hashes of all words, int64 [N] number of words of each text); at least one each."""
    plain = pc.utf8_lower(pc.utf8_normalize(texts, "NFKC"))
    if pc.any(pc.match_substring_regex(plain, _UNSEEN)).as_py():
        plain = pc.replace_substring_regex(plain, _UNSEEN, "")
    spaced = pc.replace_substring_regex(plain, _NO_WORD, " ")
    if pc.any(pc.match_substring_regex(spaced, _WITHOUT_BLANKS)).as_py():
        spaced = pc.replace_substring_regex(spaced, _WITHOUT_BLANKS, r" \1 ")
    spaced = pc.utf8_trim_whitespace(spaced)
    wordless = pc.equal(spaced, "")  # only signs and pictures: the whole text is one word
    if pc.any(wordless).as_py():
        spaced = pc.if_else(wordless, pc.coalesce(pc.replace_substring_regex(plain, r"\s+", ""), ""), spaced)
    split = pc.utf8_split_whitespace(spaced)
    encoded = split.flatten().dictionary_encode()
    digests = b"".join(
        hashlib.blake2b(w.encode(), digest_size=8).digest() for w in encoded.dictionary.to_pylist()
    )
    hashed = np.frombuffer(digests, dtype="<u8")
    return hashed[encoded.indices.to_numpy()], pc.list_value_length(split).to_numpy().astype(np.int64)


def _band_keys(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return uint64 [NUM_BANDS, N]: equal where all minima of a band are equal."""
    keys = np.empty((NUM_BANDS, len(starts) - 1), dtype=np.uint64)
    factors = _factors()
    wide = values.astype(np.uint64) + np.uint64(1)
    with np.errstate(over="ignore"):
        for band in range(NUM_BANDS):
            key = np.zeros(len(starts) - 1, dtype=np.uint64)
            for row in range(ROWS_PER_BAND):
                mixed = wide * factors[band, row]
                mixed ^= mixed >> np.uint64(32)
                mixed *= _MIX
                key = (key ^ np.minimum.reduceat(mixed, starts[:-1])) * np.uint64(0xFF51AFD7ED558CCD)
                key ^= key >> np.uint64(31)
            keys[band] = key
    return keys


def _factors() -> np.ndarray:
    """Return fixed odd numbers, uint64 [NUM_BANDS, ROWS_PER_BAND]; each makes one hash function."""
    random = np.random.Generator(np.random.PCG64(20_261_123))
    return random.integers(0, 2**64, (NUM_BANDS, ROWS_PER_BAND), dtype=np.uint64) | np.uint64(1)
