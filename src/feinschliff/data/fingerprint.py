"""Digests of contents, with and without the order of rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

from feinschliff.data.dataset import Records
from feinschliff.data.normalise import content_keys, target_keys


def row_hashes(records: Records) -> np.ndarray:
    """Return uint64 [N]: a hash of each row's text, pair and target; ids, places and groups do not count."""
    texts = content_keys(records)
    targets = target_keys(records)
    hashes = np.empty(len(records), dtype=np.uint64)
    step = 65_536  # in pieces, so that a million texts never lie in Python objects at once
    for start in range(0, len(records), step):
        rows: Iterable[str] = texts.slice(start, step).to_pylist()
        if targets is not None:
            labels = targets.slice(start, step).to_pylist()
            rows = (f"{text}\x1e{label}" for text, label in zip(rows, labels, strict=True))
        digests = b"".join(
            hashlib.blake2b(row.encode("utf-8", "surrogatepass"), digest_size=8).digest() for row in rows
        )
        hashes[start : start + step] = np.frombuffer(digests, dtype="<u8")
    return hashes


def order_of(records: Records) -> str:
    """Return 16 hex digits: equal for equal contents in the same order."""
    return hashlib.blake2b(row_hashes(records).astype("<u8").tobytes(), digest_size=8).hexdigest()


def mix(hashes: np.ndarray, seed: int) -> np.ndarray:
    """Return uint64 [N]: the hashes shuffled by a seed (the finaliser of splitmix64).

    Source: https://prng.di.unimi.it/splitmix64.c
    """
    with np.errstate(over="ignore"):
        x = hashes.astype(np.uint64) + np.uint64((seed + 1) * 0x9E3779B97F4A7C15 % 2**64)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


def fingerprint(task: str, *splits: Records) -> str:
    """Return 32 hex digits: equal for equal task and equal contents of every split, in any row order."""
    digest = hashlib.blake2b(task.encode(), digest_size=16)
    for records in splits:
        hashes = np.sort(row_hashes(records))
        digest.update(len(hashes).to_bytes(8, "little") + hashes.astype("<u8").tobytes())
    return digest.hexdigest()
