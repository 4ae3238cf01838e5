"""What the audit found is said in the report's language."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
import samples
import yaml

from feinschliff.data.audit import KINDS
from feinschliff.data.prepare import REFUSED
from feinschliff.report import html
from feinschliff.report.language import Language
from feinschliff.report.provenance import data

DE = yaml.safe_load((files("feinschliff.report") / "languages/findings/de.yaml").read_text(encoding="utf-8"))


def test_every_kind_has_a_german_text():
    assert DE["texts"].keys() == KINDS.keys()
    assert DE["details"].keys() <= KINDS.keys()


@pytest.mark.parametrize(
    "action",
    [
        "kept",
        "kept (to remove: add near_duplicates to data.remove)",
        "1,234 removed from train (data.remove)",
        "3 removed from train, 2 on the test side kept (data.remove)",
        "left out",
        REFUSED,
    ],
)
def test_actions_are_translated(action):
    message, done, is_own = Language("de").of_audit("near_duplicates", "English", action)
    assert is_own
    assert "English" not in message
    assert not re.search(r"kept|removed|train\b|remove:|left out", done)
    assert re.findall(r"\d", done) == re.findall(r"\d", action)
    assert "1,234" not in done
    assert Language("en").of_audit("near_duplicates", "English", action) == ("English", action, True)


@pytest.mark.parametrize(
    ("kind", "message", "german"),
    [
        (
            "imbalance",
            "'x, y' has 12,345 rows, '1,000' 3: compare systems by macro_f1, not by accuracy; train...",
            "„x, y“ steht in 12.345 Zeilen, „1,000“ in 3; "
            "vergleichen Sie mit Makro-F1, nicht mit der Genauigkeit.",
        ),
        (
            "imbalance",
            "'PER' has 200 entities, 'LOC' 4: compare systems by macro_entity_f1; train...",
            "„PER“ hat 200 Entitäten, „LOC“ 4; vergleichen Sie mit Makro-F1 der Entitätstypen.",
        ),
        (
            "telling_word",
            "a single word gives the label away: 'a' in 97% of 'b' and 2 more classes",
            "Ein einziges Wort verrät das Label: 'a' in 97 % von 'b' und 2 weitere Klassen. "
            "So findet das Modell es ohne Verständnis.",
        ),
        ("very_short", "3 texts of a single word or sign", "Texte aus einem einzigen Wort."),
        ("imbalance", "something else", DE["texts"]["imbalance"]),
    ],
)
def test_messages_keep_what_they_name(kind, message, german):
    assert Language("de").of_audit(kind, message, "kept") == (german, "behalten", True)


@pytest.mark.parametrize(
    ("kind", "detail", "german"),
    [
        ("exact_duplicates", "same as same as.csv:137", "gleich wie same as.csv:137"),
        ("near_duplicates", "like a.csv:2", "ähnlich wie a.csv:2"),
        ("conflicting_labels", "good here, no label at a.csv:2", "good hier, kein Label in a.csv:2"),
        (
            "label_noise",
            "'good' here, a simple model says 'it's bad' (93%)",
            "„good“ hier, ein einfaches Modell sagt „it's bad“ (93 %)",
        ),
        ("very_long", "389 words", "389 Wörter"),
        ("very_long", "12,389 words", "12.389 Wörter"),
        ("inconsistent_types", "'May': PER 3 times, DATE 12 times", "'May': PER 3-mal, DATE 12-mal"),
        ("personal_data", "e-mail addresses, IBANs", "E-Mail-Adressen, IBANs"),
        ("mixed_languages", "German", "Deutsch"),
        ("single_examples", "same as", "same as"),
    ],
)
def test_details_of_rows_are_translated(kind, detail, german):
    assert Language("de").of_row(kind, detail) == german
    assert Language("en").of_row(kind, detail) == detail


@pytest.mark.parametrize(
    ("kind", "count", "english", "german"),
    [
        ("label_in_text", 1, "one label", "ein Label"),
        ("telling_word", 3, "3 labels", "3 Labels"),
        ("telling_column", 3, "3 rows", "3 Zeilen"),
    ],
)
def test_what_is_counted_is_named(kind, count, english, german):
    result = {"data": {"findings": [{"kind": kind, "message": "", "count": count}]}}
    assert [data(result, Language(name))["findings"][0]["count"] for name in ("en", "de")] == [
        english,
        german,
    ]


def test_a_german_report_shows_it():
    result = samples.binary()
    finding = {"kind": "near_duplicates", "severity": "warning", "count": 3, "message": "3 rows are nearly"}
    result["data"]["findings"] = [finding | {"action": "kept"}, {"kind": "new_kind", "message": "In English"}]
    page = html(result, "de")
    assert "3 rows are nearly" not in page
    assert "höchstens zwei von elf Wörtern" in page
    assert '<p lang="en">In English' in page
    page = html(result | {"command": "feinschliff train --output-dir NEW_FOLDER"}, "de")
    assert "--output-dir NEUER_ORDNER" in page
    assert "3 rows are nearly" in html(result, "en")
