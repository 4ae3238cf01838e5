"""The page shows what careless writing costs."""

from __future__ import annotations

import samples

from feinschliff.report import html


def test_the_page_shows_what_is_lost():
    page = html(samples.binary(), "de")
    section = page[page.index('<section id="robust"') : page.index('<section id="reasons"')]
    assert "Tippfehler" in section
    assert "−0,040" in section
    assert "0,065" in section
