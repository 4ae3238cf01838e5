"""The report: one HTML page that needs no network.

The page is a template filled with prepared texts and drawings. Everything from the data passes through
autoescaping, and the page's own security policy forbids every script but its own and every connection.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup, escape

from feinschliff.report import cheaper, doubts, failures, flexible, luck, promises, provenance, robust
from feinschliff.report import reasons as why
from feinschliff.report.language import Language
from feinschliff.report.verdict import verdict

PROMISES = ("better", "cheaper", "adapted", "flexible")


def html(result: Mapping[str, Any], language: str = "en") -> str:
    """Return the report of a result as one page.

    Args:
        result: See `feinschliff.report.schema.Result`; absent keys leave out what they would have shown.
        language: `en` or `de`.

    Raises:
        ConfigError: there is no such language.
    """
    words = Language(language)
    sections = {
        "better": promises.better(result, words),
        "luck": luck.luck(result, words),
        "cheaper": cheaper.cheaper(result, words),
        "adapted": promises.adapted(result, words),
        "flexible": flexible.flexible(result, words),
        "errors": failures.errors(result, words),
        "doubts": doubts.doubts(result, words),
        "robust": robust.robust(result, words),
        "reasons": why.reasons(result, words),
        "calibration": failures.calibration(result, words),
        "data": provenance.data(result, words),
        "training": provenance.training(result, words),
        "repeat": provenance.repeat(result, words),
    }
    return render(
        words,
        title=result.get("title") or words("page.report"),
        date=words.date(result.get("created")),
        version=result.get("feinschliff") or "",
        answer=verdict(result, words),
        figures=promises.figures(result, words),
        sections={name: view for name, view in sections.items() if view is not None or name in PROMISES},
    )


def render(words: Language, *, sections: Mapping[str, Any], **values: Any) -> str:
    """Return a page: the answer, its figures, and the sections, each drawn by the template of its name.

    Args:
        words: The language.
        sections: What each section's template needs, by the section's name, in their order.
        values: `title`, `date`, `version`, `answer` and `figures`.
    """
    script = _asset("script.js")
    page = (
        _templates()
        .get_template("report.html.j2")
        .render(
            words=words,
            sections=sections,
            **values,
            style=Markup(_asset("style.css")),
            script=Markup(script),
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )
    return page.encode("utf-8", "replace").decode("utf-8")  # half a surrogate pair cannot be written


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("feinschliff.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["soft"] = soft
    return environment


def soft(name: str) -> Markup:
    """Let a long name break after its separators.

    >>> soft("card_lost <b>")
    Markup('card_<wbr>lost &lt;b&gt;')
    """
    return Markup(re.sub(r"([_/.:-])(?=\w)", r"\1<wbr>", str(escape(name))))


@cache
def _asset(name: str) -> str:
    return (files("feinschliff.report") / "templates" / name).read_text(encoding="utf-8")
