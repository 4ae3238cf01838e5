"""Traces of a wrong encoding, and of web pages."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from feinschliff.data.audit._found import Found, Pool
from feinschliff.errors import counted

KINDS = {
    "encoding_damage": "Texts with characters of a wrong encoding: `Ã¤` for `ä`, `�`, control characters.",
    "html_remains": "Texts with tags or entities of HTML.",
}
_DAMAGE = (
    "\ufffd"
    "|[ÃÂ][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]"
    "|â[\u0080\u20ac][\u0080-\u00bf\u0152-\u0153\u0161\u017e\u02dc\u2018-\u203a\u20ac\u2122]"
    "|[\u0000-\u0008\u000b\u000e-\u001f\u007f-\u0084\u0086-\u009f]"
)
_HTML = (
    r"(?i)</?(a|b|i|u|p|br|div|span|em|strong|h[1-6]|li|ul|ol|table|tr|td|th|img|font|script|style|html|body)"
    r"(\s[^<>]*)?/?>|&(amp|nbsp|lt|gt|quot|apos|[aou]uml|szlig|#\d{1,6}|#x[0-9a-f]{1,5});"
)


def check(pool: Pool) -> Iterator[Found]:
    """Find damaged characters and HTML."""
    damaged = matching(pool, _DAMAGE)
    if len(damaged):
        message = f"{counted(len(damaged), 'text')} with characters of a wrong encoding"
        hint = "kept (if the whole file is damaged: name its encoding, data.encoding=...)"
        yield Found("encoding_damage", "warning", damaged, message, action=hint)
    marked = matching(pool, _HTML)
    if len(marked):
        message = f"{counted(len(marked), 'text')} with tags or entities of HTML"
        yield Found("html_remains", "info", marked, message)


def matching(pool: Pool, pattern: str) -> np.ndarray:
    """Return the rows whose text matches a pattern."""
    found: pa.ChunkedArray = pc.match_substring_regex(pool.records.table["text"], pattern)
    return np.flatnonzero(found.to_numpy())
