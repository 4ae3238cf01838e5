"""Damaged files of every format end in a table or in one clear message, never in another exception.

FEINSCHLIFF_FUZZ sets how many files are tried in all; the seed is fixed, so a failure can be repeated.
"""

import gzip
import os
import random

import pyarrow as pa
import pytest
from reader_samples import SAMPLES, file_samples

from feinschliff.config import DataConfig
from feinschliff.errors import FeinschliffError
from feinschliff.readers import Table, iter_batches, read

NUM_FILES = int(os.environ.get("FEINSCHLIFF_FUZZ", "300"))
NASTY = [
    *(
        b'"',
        b'""',
        b"'",
        b",",
        b"\t",
        b";",
        b"\n",
        b"\r",
        b"\r\n\r\n",
        b"\0",
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
    ),
    *(b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"\xc3", b"\xe4", b"\x81\x8d", b"\xed\xa0\x80", "😀".encode()),
    *(b"null", b"NaN", b"-1", b"1e999", b"9" * 5000, b"[" * 3000, b'{"a":' * 3000, b'"\\ud800"'),
    *(
        b'"' + b"x" * 200_000,
        b"a," * 5000,
        b"-DOCSTART- ",
        b"I-LOC",
        b"B-",
        b"\tO\n",
        b"#",
        b"PK\x03\x04",
        b"PAR1",
    ),
]


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Return the bytes with one to six faults."""
    damaged = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(damaged) + 1)
        until = min(len(damaged), at + chance.choice([1, 2, 8, 64, 512]))
        match chance.randrange(7):
            case 0:
                damaged[at:until] = chance.randbytes(until - at)
            case 1:
                del damaged[at:until]
            case 2:
                damaged[at:at] = damaged[at:until] * chance.choice([1, 2, 50])
            case 3:
                damaged[at:at] = chance.choice(NASTY)
            case 4:
                damaged[at:until] = chance.choice(NASTY)
            case 5:
                del damaged[at:]
            case 6 if at < len(damaged):
                damaged[at] ^= 1 << chance.randrange(8)
    return bytes(damaged)


@pytest.mark.parametrize("name", [*file_samples(), "folder"])
def test_damaged_files_end_in_a_table_or_a_message(name, tmp_path):
    chance = random.Random(f"{name} 13")
    source, _ = SAMPLES[name](tmp_path)
    path = source / "pos" / "0.txt" if source.is_dir() else source
    original = path.read_bytes()
    for number in range(NUM_FILES // (len(file_samples()) + 1)):
        damaged = mutate(original, chance)
        kind = chance.randrange(10)
        if kind == 0:
            damaged = mutate(gzip.compress(damaged), chance)
        elif kind == 1:
            damaged = mutate(pa.Codec("zstd").compress(damaged, asbytes=True), chance)
        path.write_bytes(damaged)
        config = DataConfig(format="auto" if source.is_dir() or chance.random() < 0.7 else name)
        try:
            if chance.random() < 0.5:
                tables = [read(source, config)]
            else:
                tables = list(iter_batches(source, config, batch_rows=4))
        except FeinschliffError as error:
            message = str(error)
        except Exception as error:  # noqa: BLE001  (this is what is looked for)
            kept = tmp_path / f"failed-{number}{path.suffix}"
            kept.write_bytes(damaged)
            pytest.fail(f"{kept}: {type(error).__name__}: {error}")
        else:
            message = "read"
            assert all(isinstance(table, Table) for table in tables)
            for table in tables:
                table.columns.validate(full=True)
                assert len(table.places()) == len(table)
        assert 0 < len(message) < 2000, message
