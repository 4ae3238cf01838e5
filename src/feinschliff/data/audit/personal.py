"""Hints of personal data: e-mail addresses, telephone numbers, IBANs."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from feinschliff.data.audit._found import Found, Pool
from feinschliff.data.audit.damage import matching
from feinschliff.errors import counted

KINDS = {"personal_data": "Texts with what looks like an e-mail address, a telephone number or an IBAN."}
_MAIL = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"
_PHONE = (
    r"(^|[^\w.,/-])(\+[1-9]|00[1-9]\d)\d{0,2}[ /().-]{0,2}\d[\d /().-]{5,14}\d\b"
    r"|(^|[^\w.,/-])0[1-9]\d{8,10}\b|\b0\d{2,4}[ /-]\d{5,9}\b"
)
_IBAN = r"\b[A-Z]{2}\d{2}( ?[A-Z0-9]{4}){2,7}( ?[A-Z0-9]{1,3})?\b"


def check(pool: Pool) -> Iterator[Found]:
    """Count texts with personal data; that of an IBAN must have a right check number."""
    found = {
        "e-mail addresses": matching(pool, _MAIL),
        "telephone numbers": matching(pool, _PHONE),
        "IBANs": np.array([r for r in matching(pool, _IBAN) if _has_iban(pool.text(int(r)))], dtype=np.int64),
    }
    rows = np.flatnonzero(np.bincount(np.concatenate(list(found.values())), minlength=1))
    if not len(rows):
        return
    kinds = {name: set(rows_.tolist()) for name, rows_ in found.items()}
    parts = ", ".join(f"{len(members):,} with {name}" for name, members in kinds.items() if members)
    yield Found(
        "personal_data",
        "info",
        rows,
        f"{counted(len(rows), 'text')} may hold personal data: {parts}",
        lambda row: ", ".join(name for name, members in kinds.items() if row in members),
    )


def _has_iban(text: str) -> bool:
    """Return whether a text holds an IBAN whose check digits are right (ISO 13616: modulo 97 gives 1)."""
    for match in re.finditer(_IBAN, text):
        digits = match[0].replace(" ", "")
        if int("".join(str(int(c, 36)) for c in digits[4:] + digits[:4])) % 97 == 1:
            return True
    return False
