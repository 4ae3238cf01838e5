import copy
import random
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
import samples
from pages import Page

from feinschliff.errors import ConfigError, DataError
from feinschliff.report import card, check, html

MEGABYTES = 1_000_000
ATTACKS = (
    '<script>alert("x")</script>',
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title></style><svg onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "{count}{0.__class__}",
    "\x00\u202e\u2028 \ud800",
)


def small(name: str) -> dict[str, Any]:
    """Return a sample that renders quickly."""
    result = samples.many(size=13, num_test=200) if name == "many" else samples.ALL[name]()
    result["training"]["curve"] = result["training"]["curve"][10::11]
    result["mistakes"] = result["mistakes"][:3]
    return result


def paths(tree: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every key, in lists only those of the first item."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield (*before, key)
            yield from paths(value, (*before, key))
    elif isinstance(tree, list) and tree:
        yield from paths(tree[0], (*before, 0))


def replaced(tree: Any, attack: str) -> Any:
    """Return the tree with every text of the user's replaced by an attack, keys of scores and roles aside."""
    if isinstance(tree, dict):
        return {key: replaced(value, attack) for key, value in tree.items()}
    if isinstance(tree, list):
        return [replaced(value, attack) for value in tree]
    return attack if isinstance(tree, str) else tree


def follows_schema(result: dict[str, Any]) -> bool:
    """Tell whether the schema allows a result."""
    try:
        check(result)
    except DataError:
        return False
    return True


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("name", samples.ALL)
def test_the_page_is_sound_and_accessible(name, language):
    text = html(samples.ALL[name](), language)
    page = Page(text)
    assert len(text.encode()) < 3 * MEGABYTES
    assert page.all("html")[0].attributes["lang"] == language
    assert len(page.all("h1")) == len(page.all("main")) == len(page.all("nav")) == 1
    assert len(page.ids()) == len(set(page.ids()))
    levels = [int(e.tag[1]) for e in page.elements if re.fullmatch(r"h[1-6]", e.tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    for element in page.elements:
        if element.tag == "th":
            assert element.attributes.get("scope") in ("row", "col")
        if element.tag == "svg" and "svg" not in element.parents:
            assert element.attributes.get("aria-hidden") == "true" or element.attributes.get("role") == "img"
        for reference in (element.attributes.get("aria-labelledby") or "").split():
            assert reference in page.ids()
        if element.tag == "a":
            assert (element.attributes["href"] or "").removeprefix("#") in page.ids()
        if (element.attributes.get("class") or "").startswith("box"):
            assert element.attributes["tabindex"] == "0"
            assert element.attributes["aria-label"]


@pytest.mark.parametrize("name", samples.ALL)
def test_the_page_needs_no_network(name):
    text = html(samples.ALL[name]())
    page = Page(text)
    assert "://" not in text
    assert "@import" not in text
    assert not re.search(r"url\((?!data:)", text)
    assert not {"link", "img", "iframe", "object", "embed", "form"} & {e.tag for e in page.elements}
    assert not any("src" in e.attributes for e in page.elements)
    policy = next(e for e in page.all("meta") if e.attributes.get("http-equiv"))
    assert "default-src 'none'" in (policy.attributes["content"] or "")


@pytest.mark.parametrize("name", samples.ALL)
def test_texts_of_the_user_never_become_markup(name):
    attack = " ".join(ATTACKS)
    result = small(name)
    keep = {key: result[key] for key in ("schema", "task", "primary_metric")}
    clean = Page(html(result))
    for key in ("systems", "comparisons"):  # their names are ours
        keep[key] = result[key]
    text = html(replaced(result, attack) | keep)
    page = Page(text)
    assert {e.tag for e in page.elements} <= {e.tag for e in clean.elements} | {
        "wbr",
        "details",
        "summary",
        "mark",
    }
    assert len(page.all("script")) == 1
    assert not any(name.startswith("on") for e in page.elements for name in e.attributes)
    assert ATTACKS[0] in page.all("title")[0].text
    assert "{{ 7 * 7 }}{% raw %}" in page.all("title")[0].text
    text.encode("utf-8")


def test_attacks_as_labels_stay_readable():
    attack = ATTACKS[0]
    result = samples.binary()
    result["confusion"]["labels"][0] = attack
    page = Page(html(result))
    assert any(e.text.strip() == attack for e in page.all("th"))


def without(result: dict[str, Any], path: tuple[Any, ...], null: bool = False) -> dict[str, Any]:
    """Return the result with one value left out, or null; the original stays as it is."""
    broken = copy.copy(result)
    parent = broken
    for key in path[:-1]:
        parent[key] = copy.copy(parent[key])
        parent = parent[key]
    if null:
        parent[path[-1]] = None
    else:
        del parent[path[-1]]
    return broken


def renders(result: dict[str, Any], what: object) -> None:
    """Fail with a name where page or card cannot be made."""
    try:
        html(result)
        card(result)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        pytest.fail(f"{what}: {error!r}")


@pytest.mark.parametrize("name", samples.ALL)
def test_any_key_may_be_absent(name):
    result = small(name)
    own = {"per_class", "confusion", "scatter", "mistakes", "calibration", "learning_curve", "adaptation"}
    wanted = set(result) if name == "binary" else own
    for path in paths(result):
        if path[0] in wanted:
            renders(without(result, path), f"{path} absent")


@pytest.mark.parametrize("name", samples.ALL)
def test_values_may_be_null(name):
    result = small(name)
    known = list(paths(result))
    random.Random(7).shuffle(known)
    allowed = [path for path in known if follows_schema(without(result, path, null=True))]
    for start in range(0, len(allowed), 6):
        broken = result
        for path in sorted(allowed[start : start + 6], key=len, reverse=True):
            broken = without(broken, path, null=True)
        renders(broken, f"{allowed[start : start + 6]} null")


def test_an_empty_result_says_what_is_missing():
    page = Page(html({}))
    assert "Nothing was compared" in page.all("h1")[0].text
    assert sum("missing" in (e.attributes.get("class") or "") for e in page.elements) >= 4


def test_the_four_promises_are_always_sections():
    for result in ({}, samples.binary()):
        ids = [e.attributes.get("id") for e in Page(html(result)).all("section")]
        assert ids[:4] == ["better", "cheaper", "adapted", "flexible"]


def test_what_was_not_measured_is_not_invented():
    text = html(samples.binary())
    section = text[text.index('<section id="cheaper"') : text.index('<section id="adapted"')]
    assert "Not measured" in section
    assert not re.search(r"\d\.\d", section.split("What each system took")[0])


@pytest.mark.parametrize(("most", "said"), [(20, True), (0, False)])
def test_mistakes_that_were_not_listed_are_not_said_to_be_absent(most, said):
    text = html(samples.binary() | {"mistakes": [], "config": {"report": {"max_mistakes": most}}})
    assert ("No mistakes on the test texts." in text) == said
    assert ("The most confident mistakes" in text) == said


def test_huge_texts_are_shortened():
    result = samples.binary()
    words = " ".join(f"w{i:05d}" for i in range(100_000)) + " ausführlich" * 100_000
    for mistake in result["mistakes"]:
        mistake["text"] = words
        mistake["label"] = words
    result["data"]["findings"][0]["examples"][0]["text"] = words
    result["mistakes"] *= 50  # 1,000 mistakes
    text = html(result)
    assert len(text.encode()) < 3 * MEGABYTES
    assert "shortened, 1,899,999 characters in all" in text


def test_500_classes_fit_in_a_page():
    result = samples.many(size=500, num_test=20_000)
    text = html(result)
    assert len(text.encode()) < 3 * MEGABYTES
    Page(text)


def test_a_long_training_stays_small():
    result = samples.binary()
    result["training"]["curve"] = [
        {"step": i, "epoch": i / 1000, "loss": 1 / (i + 1), "dev_metric": 0.5, "dev_loss": 1.0}
        for i in range(50_000)
    ]
    assert len(html(result).encode()) < MEGABYTES


def test_small_matrices_are_tables_and_large_ones_maps():
    small_page, large_page = html(samples.binary()), html(samples.many())
    assert 'class="confusion"' in small_page
    assert 'class="heat" role="img"' not in small_page
    assert 'class="confusion"' not in large_page
    assert 'class="heat" role="img"' in large_page
    assert "Most frequent confusions" in large_page


def test_spans_are_marked_by_what_became_of_them():
    page = Page(html(samples.ner()))
    marks = [(e.attributes["class"], e.text) for e in page.all("mark")]
    assert ("missed invented", "Nordhafen") in marks
    assert ("missed", " Shipping") in marks
    assert ("right", "Anna Lindqvist") in marks


def test_numbers_follow_the_language():
    assert "0.896" in html(samples.many(), "en")
    assert "0,896" in html(samples.many(), "de")


def test_an_unknown_language_is_refused():
    with pytest.raises(ConfigError, match="report language"):
        html(samples.binary(), "xx")


def test_the_same_result_gives_the_same_page():
    assert html(samples.binary()) == html(samples.binary())


def luminance(colour: str) -> float:
    """Return the relative luminance of #rrggbb (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_texts_have_enough_contrast():
    style = html(samples.binary())
    themes = re.findall(r":root \{(.*?)\}", style, re.S)[:2]
    assert len(themes) == 2
    for theme in themes:
        colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", theme))
        for ground in ("paper", "panel"):
            for name, least in dict(ink=7, soft=4.5, own=4.5, good=4.5, bad=4.5, warn=4.5, plain=3).items():
                light, dark = sorted((luminance(colours[ground]), luminance(colours[name])), reverse=True)
                assert (light + 0.05) / (dark + 0.05) >= least, (name, ground)


def test_what_a_run_knows_about_itself_is_shown_in_both_languages():
    from feinschliff.report.html import html

    share = {"value": 0.9, "low": 0.8, "high": 0.95}
    curve = [
        {"coverage": c, "accuracy": 1 - c / 10, "low": 0.8, "high": 0.99, "threshold": 1 - c / 2}
        for c in (0.1, 0.5, 1.0)
    ]
    goals = [{"text": "precision(<b>)>=0.9", "label": "<b>", "count": 40, **share}]
    result = {
        "task": "classification",
        "decisions": {"curve": curve, "goals": goals, "answered": share, "possible": {"coverage": 0.95}},
        "slices": [
            {
                "kind": "word",
                "name": "late",
                "count": 40,
                "errors": share,
                "difference": share,
                "p_value": 0.01,
            },
            {
                "kind": "length",
                "name": "1-9",
                "count": 90,
                "errors": share,
                "difference": share,
                "p_value": 0.8,
            },
        ],
    }
    for language, words in (("en", "Where errors gather"), ("de", "Wo sich Fehler häufen")):
        page = html(result, language)
        assert words in page
        assert 'id="coverage-t"' in page
        assert "precision(&lt;b&gt;)&gt;=0.9" in page
        assert page.count(" *</b>") == 1
