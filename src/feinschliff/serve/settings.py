"""What the server allows, and how long it waits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits of requests, of the queue, and of patience.

    A text of up to 1,000 characters counts as one text, a longer one as several: see `weight`.

    Attributes:
        body_bytes: Most bytes of a request's body.
        texts: Most texts of one request.
        characters: Most characters of one text.
        queued_texts: Texts that may wait; a request that would exceed it is refused.
        batch_texts: Most texts computed at once.
        wait_seconds: How long a batch waits for more texts while there is load.
        answer_seconds: A request that is not answered by then is given up.
        body_seconds: Time a sender has for a request's headers, and again for its body.
        idle_seconds: Time a connection may stay open between requests.
        stop_seconds: Time to finish accepted requests after a signal to stop.
        connections: Most connections at once.
    """

    body_bytes: int = 1_000_000
    texts: int = 256
    characters: int = 50_000
    queued_texts: int = 1024
    batch_texts: int = 64
    wait_seconds: float = 0.002
    answer_seconds: float = 30.0
    body_seconds: float = 10.0
    idle_seconds: float = 30.0
    stop_seconds: float = 30.0
    connections: int = 1000


CHARACTERS_OF_A_TEXT = 1000


def weight(text: str, pair: str | None = None) -> int:
    """Return how many texts a text, or a pair, counts as: one for each begun 1,000 characters.

    >>> weight("short"), weight("x" * 2500)
    (1, 3)
    """
    return 1 + max(0, len(text) + len(pair or "") - 1) // CHARACTERS_OF_A_TEXT
