"""Formats that are known and not read: their lines would pass for texts."""

from __future__ import annotations

import re

from feinschliff.errors import DataError
from feinschliff.readers._input import Input

_BEGINNINGS = {
    "WebAnno's TSV": re.compile(r"#FORMAT=WebAnno"),
    "XML": re.compile(r"\s*(<\?xml|<!DOCTYPE|<\w[\w:.-]*( [^<>\n]*)?>[ \t]*\n\s*<)"),
    "a mailbox": re.compile(r"From \S+ +(Mon|Tue|Wed|Thu|Fri|Sat|Sun) "),
}


def refuse_unread(file: Input, text: str) -> None:
    """Raise DataError where a file begins like a format that is not read.

    Args:
        text: The beginning of the file.
    """
    what = next((name for name, begins in _BEGINNINGS.items() if begins.match(text.lstrip("\ufeff\n"))), None)
    if what is not None:
        raise DataError(
            f"the content looks like {what}, which is not read",
            where=file.name,
            allowed='Write JSON Lines such as {"text": "In Ulm", "label": "city"} or {"text": "In Ulm", '
            '"spans": [{"start": 3, "end": 6, "label": "LOC"}]}',
            hint="If each line is a text: --set data.format=text; if all of it is one: data.format=document",
        )
