import re
from collections.abc import Iterator
from typing import Any

import pytest

from feinschliff.errors import ConfigError
from feinschliff.report.language import Language, catalogue

PLACEHOLDER = re.compile(r"\{(\w*)\}")
EN, DE = Language("en"), Language("de")


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from leaves(value, f"{path}.{key}")
    else:
        yield path, tree


def test_languages_have_the_same_texts():
    en, de = dict(leaves(catalogue("en"))), dict(leaves(catalogue("de")))
    assert en.keys() == de.keys()
    for key, text in en.items():
        if isinstance(text, str):
            assert set(PLACEHOLDER.findall(text)) == set(PLACEHOLDER.findall(de[key])), key
            assert isinstance(de[key], str), key
        else:
            assert isinstance(text, list), key


def test_an_unknown_language_is_refused():
    with pytest.raises(ConfigError, match="There are: de, en"):
        Language("fr")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (EN.number(0.8364), "0.836"),
        (DE.number(-1234.5, 1), "−1.234,5"),
        (EN.number(None), "–"),
        (EN.number(float("nan")), "–"),
        (EN.signed(0.05), "+0.050"),
        (EN.signed(-0.05), "−0.050"),
        (EN.signed(0.0), "0.000"),
        (EN.signed(-0.0001), "0.000"),
        (EN.percent(0.125), "12.5%"),
        (DE.percent(0.125), "12,5\u00a0%"),
        (EN.measure(1240.4), "1,240"),
        (EN.measure(3.14159), "3.14"),
        (EN.measure(2.0), "2"),
        (EN.measure(0), "0"),
        (EN.measure(-0.00002), "−2e-05"),
        (EN.p_value(0.00001), "p\u00a0<\u00a00.001"),
        (DE.p_value(0.0123), "p\u00a0=\u00a00,012"),
        (EN.duration(0.0), "< 0.1\u00a0s"),
        (EN.duration(4.26), "4.3\u00a0s"),
        (EN.duration(67.2), "67\u00a0s"),
        (EN.duration(200), "3\u00a0min 20\u00a0s"),
        (EN.duration(7500), "2\u00a0h 5\u00a0min"),
        (EN.size(90_868_376), "90.9\u00a0MB"),
        (EN.size(999), "999\u00a0B"),
        (EN.size(999_950), "1.0\u00a0MB"),
        (DE.large(22_713_986), "22,7\u00a0Mio."),
        (EN.large(12), "12"),
        (EN.date("2026-03-14T09:26:53Z"), "14 March 2026"),
        (DE.date("2026-03-14"), "14. März 2026"),
        (EN.date("yesterday"), "yesterday"),
        (EN.enumerate(["a", "b", "c"]), "a, b and c"),
        (DE.enumerate(["a"]), "a"),
    ],
)
def test_numbers_are_written_for_people(written, expected):
    assert written == expected


def test_plurals_follow_the_count():
    assert EN("data.count", count=1) == "one row"
    assert EN("data.count", count=1200) == "1,200 rows"
    assert EN("verdict.better", count=2) == "The fine-tuned model beats both simpler systems"


def test_unknown_names_stay_readable():
    assert EN.find("metrics", "top_5_accuracy") == "top 5 accuracy"
    assert EN.find("metrics", None) == "–"
    assert EN.find("systems", "mine", "My system") == "My system"
