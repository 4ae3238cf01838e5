"""What the report says and how it writes numbers, in each language.

A language is one catalogue, `languages/NAME.yaml`: dotted keys to texts with `{placeholders}`. An entry with
`one`, sometimes `two`, and `other` is chosen by the placeholder `count`.
"""

from __future__ import annotations

import math
import re
from datetime import datetime
from functools import cache, partial
from importlib.resources import files
from typing import Any

import yaml

from feinschliff.errors import ConfigError

ABSENT = "–"
"""Stands where a number was not measured."""


class Language:
    """Texts and number formats of one language.

    >>> Language("en").count(1066), Language("de").count(1066)
    ('1,066', '1.066')
    """

    def __init__(self, name: str):
        self.name = name
        self.texts = catalogue(name)
        self._point = self.texts["format"]["decimal_point"]
        self._group = self.texts["format"]["thousands"]

    def __call__(self, key: str, **values: Any) -> str:
        """Return the text of a key with its placeholders filled; whole numbers are grouped."""
        entry: Any = self.texts
        for part in key.split("."):
            entry = entry[part]
        if isinstance(entry, dict):
            number = {1: "one", 2: "two"}.get(values["count"], "other")
            entry = entry.get(number, entry["other"])
        filled = {k: self.count(v) if isinstance(v, int) else v for k, v in values.items()}
        return entry.format(**filled)

    def of_audit(self, kind: str | None, message: str, action: str) -> tuple[str, str, bool]:
        """Return what the audit says and did, in this language, and whether it is; its own words are English.

        Where no pattern fits a message, what it names is lost in translation.
        """
        known = _audit_texts(self.name)
        text = known["texts"].get(kind)
        if text is None:
            return message, action, self.name == "en"
        for pattern, replacement in known["messages"].get(kind, ()):
            if found := re.fullmatch(pattern, message):
                text = re.sub(r"[\\#]\d", partial(self._named, found), replacement)
        for pattern, replacement in known["actions"]:
            action = re.sub(pattern, replacement, action)
        return text, self._regrouped(action), True

    def _named(self, found: re.Match[str], at: re.Match[str]) -> str:
        r"""Return what stands at a place of a message: `\1`, or `#1` where it is a number."""
        text = found[int(at[0][1])]
        if at[0][0] == "#":
            return self._regrouped(text)
        for pattern, own in _audit_texts(self.name)["names"]:
            text = re.sub(pattern, own, text)
        return text

    def _regrouped(self, text: str) -> str:
        """Return an English text's numbers, `1,066`, in this language's."""
        return re.sub(r"(?<=\d),(?=\d{3}\b)", self._group, text)

    def of_row(self, kind: str | None, detail: str) -> str:
        """Return what the audit says of one row, in this language."""
        for pattern, replacement in _audit_texts(self.name)["details"].get(kind, ()):
            detail = re.sub(pattern, replacement, detail)
        return detail

    def find(self, family: str, name: str | None, fallback: str | None = None) -> str:
        """Return the text `family.name`, or the fallback, or the name itself, made readable."""
        known = self.texts[family]
        return known.get(name) or fallback or (name or ABSENT).replace("_", " ")

    def number(self, value: float | None, digits: int = 3) -> str:
        """Write a number with a fixed number of decimals: `0.836`."""
        if _absent(value):
            return ABSENT
        text = f"{value:z,.{digits}f}".replace("-", "−")
        return text.translate(str.maketrans({",": self._group, ".": self._point}))

    def signed(self, value: float | None, digits: int = 3) -> str:
        """Write a difference: `+0.051`."""
        text = self.number(value, digits)
        return f"+{text}" if not _absent(value) and value > 0 else text  # type: ignore[operator]

    def measure(self, value: float | None) -> str:
        """Write a number of unknown size with three significant digits: `1,240`, `3.14`, `0.00012`."""
        if _absent(value):
            return ABSENT
        assert value is not None
        if value and abs(value) < 1e-4:
            return f"{value:.2g}".replace(".", self._point).replace("-", "−", 1 if value < 0 else 0)
        digits = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
        text = self.number(value, digits)
        return text.rstrip("0").rstrip(self._point) if digits else text

    def count(self, value: int | float | None) -> str:
        """Write a whole number: `1,066`."""
        return self.number(value, 0)

    def percent(self, share: float | None, digits: int = 1) -> str:
        """Write a share as percent: `12.5%`."""
        if _absent(share):
            return ABSENT
        return self.texts["format"]["percent"].format(self.number(100 * share, digits))  # type: ignore[operator]

    def p_value(self, value: float | None, num_comparisons: int = 1) -> str:
        """Write a p-value with its sign, and for how many comparisons it is corrected: `p = 0.012`."""
        if _absent(value):
            return f"p\u00a0{ABSENT}"
        assert value is not None
        text = (
            f"p\u00a0<\u00a0{self.number(0.001)}" if value < 0.001 else f"p\u00a0=\u00a0{self.number(value)}"
        )
        if num_comparisons == 1:
            return text
        return self.texts["format"]["corrected"].format(p=text, count=self.count(num_comparisons))

    def duration(self, seconds: float | None) -> str:
        """Write a time span: `0.4 s`, `67 s`, `3 min 20 s`, `2 h 5 min`."""
        if _absent(seconds):
            return ABSENT
        assert seconds is not None
        if seconds < 10:
            return f"< {self.number(0.1, 1)}\u00a0s" if seconds < 0.1 else f"{self.number(seconds, 1)}\u00a0s"
        whole = round(seconds)
        if whole < 100:
            return f"{whole}\u00a0s"
        if whole < 3600:
            return f"{whole // 60}\u00a0min {whole % 60}\u00a0s"
        return f"{self.count(whole // 3600)}\u00a0h {whole % 3600 // 60}\u00a0min"

    def size(self, num_bytes: float | None) -> str:
        """Write a size: `91 MB`, `1.4 GB` (powers of 1,000)."""
        return self._scaled(num_bytes, ("B", "kB", "MB", "GB", "TB"))

    def energy(self, kwh: float | None) -> str:
        """Write an amount of energy: `< 0.001 Wh`, `12 Wh`, `1.2 kWh`."""
        if _absent(kwh):
            return ABSENT
        assert kwh is not None
        if kwh < 1e-6:  # less than a meter can tell
            return f"<\u00a0{self.number(0.001)}\u00a0Wh"
        return f"{self.measure(kwh)}\u00a0kWh" if kwh >= 1 else f"{self.measure(1000 * kwh)}\u00a0Wh"

    def large(self, value: float | None) -> str:
        """Write a large count: `22.7 M`."""
        return self._scaled(value, self.texts["format"]["large"])

    def date(self, text: str | None) -> str:
        """Write an ISO time as a date; what is no ISO time is returned as it is."""
        try:
            moment = datetime.fromisoformat((text or "").replace("Z", "+00:00"))
        except ValueError:
            return text or ""
        month = self.texts["format"]["months"][moment.month - 1]
        return self.texts["format"]["date"].format(day=moment.day, month=month, year=moment.year)

    def quote(self, text: str) -> str:
        """Put a text between quotation marks."""
        return self.texts["format"]["quote"].format(text)

    def enumerate(self, items: list[str]) -> str:
        """Join items as a sentence does: `a, b and c`."""
        if len(items) < 2:
            return "".join(items)
        return f"{', '.join(items[:-1])} {self.texts['format']['and']} {items[-1]}"

    def _scaled(self, value: float | None, units: tuple[str, ...] | list[str]) -> str:
        if _absent(value):
            return ABSENT
        assert value is not None
        scale = 0
        while abs(value) >= 999.5 and scale < len(units) - 1:
            value, scale = value / 1000, scale + 1
        digits = 0 if scale == 0 or value >= 99.95 else 1
        return f"{self.number(value, digits)}\u00a0{units[scale]}".rstrip()


@cache
def catalogue(name: str) -> dict[str, Any]:
    """Return the texts of a language.

    Raises:
        ConfigError: there is no catalogue of that name.
    """
    folder = files("feinschliff.report") / "languages"
    known = sorted(
        entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml")
    )
    if name not in known:
        raise ConfigError(
            f"there is no report language '{name}'",
            where="report.language",
            allowed=f"There are: {', '.join(known)}",
        )
    return yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8"))


@cache
def _audit_texts(name: str) -> dict[str, Any]:
    file = files("feinschliff.report") / "languages" / "findings" / f"{name}.yaml"
    if not file.is_file():
        return {"texts": {}, "messages": {}, "names": [], "actions": [], "details": {}}
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def _absent(value: float | None) -> bool:
    return value is None or not math.isfinite(value)
