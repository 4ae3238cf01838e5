"""Take texts a chunk at a time, so that what is made of them on the way stays small."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

CHARACTERS = 2**21


def chunks(*texts: Sequence[str], most: int = 1024, characters: int | None = None) -> Iterator[slice]:
    """Yield slices of at most `most` texts and that many characters (`CHARACTERS`), of one text at least.

    Args:
        texts: N texts; of pairs, N first and N second ones.

    >>> list(chunks(["a", "b", "c"], most=2))
    [slice(0, 2, None), slice(2, 3, None)]
    """
    limit = CHARACTERS if characters is None else characters
    begin = size = 0
    for row, parts in enumerate(zip(*texts, strict=True)):
        length = sum(map(len, parts))
        if row > begin and (row - begin == most or size + length > limit):
            yield slice(begin, row)
            begin, size = row, 0
        size += length
    if begin < len(texts[0]):
        yield slice(begin, len(texts[0]))
